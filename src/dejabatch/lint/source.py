"""The text of one file: Python, or the code cells of a notebook."""

from __future__ import annotations

import io
import json
import re
import tokenize
from dataclasses import dataclass
from typing import Any, Final, Self

NOTEBOOK: Final = ".ipynb"

_LINE_MAGIC: Final = re.compile(r"^(\s*)([%!?].*|[\w.\[\]'\"]+\?{1,2})$")
_ASSIGNED_MAGIC: Final = re.compile(r"^(\s*[\w., ]+=\s*)[%!].*$")
_CELL_MAGIC: Final = re.compile(r"^\s*%%(\w+)")
# The other cell magics hold text that is not Python of this notebook.
_PYTHON_CELLS: Final = {"time", "timeit", "capture", "prun", "memit", "mprun"}


class UnreadableError(Exception):
    """A file is neither Python nor a notebook. The message says where and why.

    Attributes
    ----------
    line, column : int
        The position in the file, counted from 1.
    """

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(reason)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file.

    Attributes
    ----------
    path : str
        The file, as the user named it.
    text : str
        Python code. For a notebook: its code cells, one below the other.
    cells : tuple of tuple of int
        For each line of a notebook's text: the number of its cell among all cells and
        of its line in the cell, both counted from 1. Empty for a Python file.
    """

    path: str
    text: str
    cells: tuple[tuple[int, int], ...] = ()

    @classmethod
    def decode(cls, path: str, content: bytes) -> Self:
        """Return the source in the bytes of a file.

        Raises
        ------
        UnreadableError
            If the bytes are not text, or if a notebook is not valid JSON.
        """
        try:
            text = _text(content)
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            raise UnreadableError(str(error)) from error
        return cls.of(path, text)

    @classmethod
    def of(cls, path: str, text: str) -> Self:
        """Return the source in the text of a file.

        Raises
        ------
        UnreadableError
            If a notebook is not valid JSON.
        """
        if not path.endswith(NOTEBOOK):
            return cls(path, text)
        lines: list[str] = []
        cells: list[tuple[int, int]] = []
        for number, cell in enumerate(_notebook_cells(text), 1):
            if cell.get("cell_type") != "code":
                continue
            code = cell.get("source", cell.get("input", ""))
            code = code if isinstance(code, str) else "".join(code)
            cell_lines = _without_magics(code.splitlines())
            lines += cell_lines
            cells += [(number, line + 1) for line in range(len(cell_lines))]
        return cls(path, "\n".join([*lines, ""]), tuple(cells))


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _notebook_cells(text: str) -> list[dict[str, Any]]:
    """Return the cells of a notebook of format 3 or 4."""
    try:
        notebook = json.loads(text) if text.strip() else {}
        cells = notebook.get("cells")
        if cells is None:
            sheets = notebook.get("worksheets", [])
            cells = [cell for sheet in sheets for cell in sheet.get("cells", [])]
        return [cell for cell in cells if isinstance(cell, dict)]
    except json.JSONDecodeError as error:
        msg = f"the notebook is not valid JSON: {error.msg}"
        raise UnreadableError(msg, error.lineno, error.colno) from error
    except (AttributeError, TypeError) as error:
        msg = "the notebook has no list of cells"
        raise UnreadableError(msg) from error


def _without_magics(lines: list[str]) -> list[str]:
    """Return the lines of a cell with IPython's magics replaced by Python."""
    first = next((line for line in lines if line.strip()), "")
    if (magic := _CELL_MAGIC.match(first)) and magic[1] not in _PYTHON_CELLS:
        return ["" for _ in lines]
    plain = []
    for line in lines:
        if match := _LINE_MAGIC.match(line):
            plain.append(f"{match[1]}pass")
        else:
            plain.append(_ASSIGNED_MAGIC.sub(r"\1None", line))
    return plain
