"""Count what the lint finds in a folder of checkouts, and print the table.

Run it as ``python docs/evidence/lint_in_the_wild.py FOLDER``. Each folder in FOLDER is
one repository. The files are parsed and not executed.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path

from dejabatch.lint import Place, lint_paths

SEVERITIES = ("error", "warning", "note")


def table(folder: Path) -> str:
    """Return the number of findings and of repositories for each rule and severity."""
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    repositories: dict[tuple[str, str], set[str]] = defaultdict(set)
    started = time.process_time()
    checkouts = sorted(path for path in folder.iterdir() if path.is_dir())
    for checkout in checkouts:
        for place in lint_paths([checkout]):
            places[place.slug, place.severity].append(place)
            repositories[place.slug, place.severity].add(checkout.name)
    seconds = time.process_time() - started
    lines = [
        "| Rule | Severity | Findings | Repositories |",
        "| --- | --- | --- | --- |",
    ]
    for slug, severity in sorted(
        places, key=lambda key: (SEVERITIES.index(key[1]), key[0])
    ):
        found, where = places[slug, severity], repositories[slug, severity]
        lines.append(f"| `{slug}` | {severity} | {len(found)} | {len(where)} |")
    files = sum(1 for kind in ("*.py", "*.ipynb") for _ in folder.rglob(kind))
    lines += ["", f"{len(checkouts)} repositories, {files} files, {seconds:.0f} s."]
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(table(Path(sys.argv[1])))
