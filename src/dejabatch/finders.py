"""Which tools of this package find a failure mode, as far as they have code for it."""

from typing import Literal

from dejabatch.checks import CHECKS, PAIR_CHECKS, RANK_CHECKS
from dejabatch.lint import RULES
from dejabatch.testing.resuming import FAILURES

Tool = Literal["audit", "compare", "ranks", "lint", "testing"]

_FOUND = {
    "audit": CHECKS,
    "compare": PAIR_CHECKS,
    "ranks": RANK_CHECKS,
    "lint": RULES,
    "testing": FAILURES,
}


def found_by(slug: str) -> tuple[Tool, ...]:
    """Return the tools that find a failure mode.

    Parameters
    ----------
    slug : str
        A key of `dejabatch.FAILURE_MODES`.

    Returns
    -------
    tuple of {"audit", "compare", "ranks", "lint", "testing"}
        In this order; ``"ranks"`` stands for `dejabatch.audit` on all ranks of a program.
        Empty if no tool finds the failure mode.
    """
    tools: tuple[Tool, ...] = ("audit", "compare", "ranks", "lint", "testing")
    return tuple(tool for tool in tools if slug in _FOUND[tool])
