"""A flake8 plugin with the code DJB001.

flake8 passes one file at a time, so names are not followed to other files. The command
``dejabatch lint`` follows them.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from dejabatch.lint import Settings, lint_source


class Plugin:
    """The failures of one file, as flake8 asks for them.

    Parameters
    ----------
    tree : ast.Module
        The syntax tree that flake8 has parsed.
    filename : str
        The file.
    lines : sequence of str
        The lines of the file.
    """

    def __init__(self, tree: ast.Module, filename: str, lines: Sequence[str]) -> None:
        del tree  # flake8 recognizes a plugin for files by this argument
        self._filename, self._lines = filename, lines

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Yield the line, the column counted from 0, and the text of each failure."""
        settings = _settings(Path(self._filename).parent)
        text = "".join(self._lines)
        for place in lint_source(text, self._filename, settings=settings):
            if place.severity != "note":
                text = f"DJB001 {place.title} [{place.slug}]"
                yield place.line, place.column - 1, text, type(self)


@functools.cache
def _settings(folder: Path) -> Settings:
    """Return the settings of a folder, which most files of a run share."""
    return Settings.find(folder)
