"""Link to other projects' documentation when their sites cannot be reached.

Sphinx asks each project's site for its inventory first. Where that fails it takes the
one written here, from ``_inventories/<project>.txt``: the few names that this site links
to, one a line as ``name domain:role address``.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

FOLDER = Path(__file__).parent.parent / "_inventories"


def read_names(path: Path) -> list[tuple[str, str, str]]:
    """Read the (name, domain:role, address) lines of a stored inventory."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split()) for line in lines if line and line[0] != "#"]


def compress(project: str, names: list[tuple[str, str, str]]) -> bytes:
    """Write names in the format of Sphinx's inventory, version 2."""
    header = (
        "# Sphinx inventory version 2\n"
        f"# Project: {project}\n"
        "# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    body = "".join(f"{name} {role} 1 {address} -\n" for name, role, address in names)
    return header.encode() + zlib.compress(body.encode())


def _add_mapping(app: Sphinx, config: Config) -> None:
    target = Path(app.doctreedir, "inventories")
    target.mkdir(parents=True, exist_ok=True)
    for project, site in config.stored_inventories.items():
        names = read_names(FOLDER / f"{project}.txt")
        stored = target / f"{project}.inv"
        stored.write_bytes(compress(project, names))
        config.intersphinx_mapping[project] = (site, (None, str(stored)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the projects whose names may be linked."""
    app.add_config_value("stored_inventories", {}, "env", dict)
    # Before intersphinx checks its mapping, which it does at priority 800.
    app.connect("config-inited", _add_mapping, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
