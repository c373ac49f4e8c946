"""Write a file whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file so that no reader ever sees a part of it.

    Parameters
    ----------
    path : str or os.PathLike
        Path of the file. An existing file is replaced and keeps its permissions. A
        device or a pipe, such as ``/dev/stdout``, is written to directly.
    text : str
        The content, written as UTF-8.

    Raises
    ------
    OSError
        If the file cannot be written; an existing file then stays as it is.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")  # raises for a folder
        return
    target = target.resolve()  # a link stays a link
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
        if target.exists():
            part.chmod(target.stat().st_mode)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
