"""Find ``zip(loader, loader)``: a loader with persistent workers has one iterator."""

from __future__ import annotations

from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.zips import PERSISTENT, UNKNOWN_LOADER, ZIP, zips_of_one_loader

TRIGGER = ZIP


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls of ``zip`` that read one persistent loader several times."""
    for call, loader, kind in zips_of_one_loader(module, run):
        text = f"`{short(call)}` reads `{short(loader)}` twice at the same time"
        if kind == PERSISTENT:
            why = f"{text}, and its persistent workers serve one iterator only."
            yield Found(module, call, "error", why)
        elif kind == UNKNOWN_LOADER:
            why = (
                f"{text}. With persistent workers, the two sides take each other's "
                "batches."
            )
            yield Found(module, call, "note", why)
