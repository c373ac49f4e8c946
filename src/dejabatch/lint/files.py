"""Find the files of a run: Python files and notebooks that git does not ignore."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SUFFIXES: Final = (".py", ".ipynb")

LEFT_OUT: Final = frozenset(
    {
        ".bzr", ".direnv", ".eggs", ".git", ".hg", ".ipynb_checkpoints", ".mypy_cache",
        ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv", "__pycache__",
        "__pypackages__", "_build", "build", "dist", "node_modules", "site-packages",
        "venv",
    }
)  # fmt: skip
"""The folders that are not searched."""


def find_files(paths: Iterable[Path], excluded: Excluded) -> Iterator[Path]:
    """Yield the files to read, each once, in the order of paths and names.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files, and folders in which Python files and notebooks are searched.
    excluded : Excluded
        The patterns of the user.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    """
    seen: set[str] = set()
    for path in paths:
        if not path.exists():
            msg = f"paths: there is no {path}"
            raise FileNotFoundError(msg)
        for file in _walk(path, excluded) if path.is_dir() else [path]:
            key = os.path.abspath(file)  # noqa: PTH100
            if key not in seen and not excluded.has(key):
                seen.add(key)
                yield file


class Excluded:
    """Patterns in the syntax of ``.gitignore``, relative to a folder."""

    def __init__(self, patterns: Iterable[str] = (), root: Path | None = None) -> None:
        self.root = os.path.abspath(root or Path.cwd())  # noqa: PTH100
        lines = list(patterns)
        self._spec = _spec(lines) if lines else None

    def has(self, path: str, *, folder: bool = False) -> bool:
        """Return whether a pattern matches a path."""
        if self._spec is None:
            return False
        return bool(_matches(self._spec, self.root, path, folder=folder))


def _walk(top: Path, excluded: Excluded) -> Iterator[Path]:
    specs = _specs_above(top)
    if _is_ignored(specs, str(top.resolve()), folder=True):
        # The user named a folder that git ignores, such as an installed package.
        specs = {}
    for folder, subfolders, names in os.walk(top):
        path = os.path.abspath(folder)  # noqa: PTH100
        if ".gitignore" in names:
            specs = {**specs, path: _read(path)}
        subfolders[:] = sorted(
            name
            for name in subfolders
            if name not in LEFT_OUT
            and not name.endswith(".egg-info")
            and not os.path.exists(os.path.join(path, name, "pyvenv.cfg"))  # noqa: PTH110, PTH118
            and not excluded.has(os.path.join(path, name), folder=True)  # noqa: PTH118
            and not _is_ignored(specs, os.path.join(path, name), folder=True)  # noqa: PTH118
        )
        for name in sorted(names):
            full = os.path.join(path, name)  # noqa: PTH118
            if name.endswith(SUFFIXES) and not _is_ignored(specs, full):
                yield Path(folder, name)


def _specs_above(top: Path) -> dict[str, GitIgnoreSpec]:
    """Return the rules of the folders between a repository's root and a folder."""
    found: dict[str, GitIgnoreSpec] = {}
    absolute = top.resolve()
    for folder in absolute.parents:
        if (folder / ".gitignore").is_file():
            found[str(folder)] = _read(str(folder))
        if (folder / ".git").exists():
            return found
    # Outside of a repository, only the files below the path count.
    return {}


def _is_ignored(
    specs: dict[str, GitIgnoreSpec], path: str, *, folder: bool = False
) -> bool:
    ignored = False
    parents = path.split(os.sep)  # noqa: PTH206
    for length in range(1, len(parents)):
        root = os.sep.join(parents[:length])  # noqa: PTH118
        if root in specs:
            # A file below an ignored folder is ignored as well.
            decided = _matches(specs[root], root, path, folder=folder)
            ignored = ignored if decided is None else decided
    return ignored


def _matches(spec: GitIgnoreSpec, root: str, path: str, *, folder: bool) -> bool | None:
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    if relative.startswith("../"):
        return None
    return spec.check_file(f"{relative}/" if folder else relative).include


def _read(folder: str) -> GitIgnoreSpec:
    text = Path(folder, ".gitignore").read_text(encoding="utf-8", errors="replace")
    return _spec(text.splitlines())


def _spec(lines: list[str]) -> GitIgnoreSpec:
    # pathspec takes a third of the time to start, and most runs have no patterns.
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    return GitIgnoreSpec.from_lines(lines)
