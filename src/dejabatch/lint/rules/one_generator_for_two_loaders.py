"""Find ``zip(loader, loader)`` where both sides have the same order."""

from __future__ import annotations

from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.zips import DISTRIBUTED, IN_ORDER, ZIP, zips_of_one_loader

TRIGGER = ZIP


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls of ``zip`` that pair each sample with itself."""
    for call, loader, kind in zips_of_one_loader(module, run):
        text = f"`{short(call)}` reads `{short(loader)}` twice"
        if kind == IN_ORDER:
            reason = "The loader does not shuffle"
        elif kind == DISTRIBUTED:
            reason = (
                "A `DistributedSampler` computes its order from its seed and its epoch, "
                "which are the same for both sides"
            )
        else:
            continue
        yield Found(
            module,
            call,
            "error",
            f"{text}. {reason}, so each sample meets itself.",
            "Create a second loader with another order: `shuffle=True`, or a "
            "`DistributedSampler` with another seed.",
        )
