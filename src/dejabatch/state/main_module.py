"""Find out whether a spawned worker would run the program again."""

from __future__ import annotations

import ast
import sys
from pathlib import Path


def unguarded_line() -> str | None:
    """Return the running line of the main module, if an import would run the line.

    A worker that is started by spawn or forkserver imports the main module. Everything
    outside ``if __name__ == "__main__":`` then runs a second time, in the worker.

    Returns
    -------
    str or None
        ``file:line``; None if the line is guarded, or if workers do not import the main
        module, as in a notebook.
    """
    if getattr(sys.modules["__main__"], "__file__", None) is None:
        return None
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    if frame.f_globals.get("__name__") != "__main__":
        return None
    file, line = frame.f_code.co_filename, frame.f_lineno
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and node.lineno <= line <= (node.end_lineno or 0):
            names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
            if "__name__" in names:
                return None
    return f"{file}:{line}"


def require_guard(who: str) -> None:
    """Make sure that a new process does not run the program again.

    Parameters
    ----------
    who : str
        The beginning of a sentence about the processes, which "import the main module".

    Raises
    ------
    ValueError
        If the running line of the main module has no guard.
    """
    if (line := unguarded_line()) is not None:
        msg = (
            f"loader: {who} import the main module, which would run {line} again. Put "
            "this line under `if __name__ == '__main__':`"
        )
        raise ValueError(msg)
