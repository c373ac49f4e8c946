"""Find random numbers in a default argument, which Python draws only once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short

TRIGGER = (
    "rand",
    r"def \w+\([^)]*=[^)]*(rand|uniform|normal|choice|sample|gauss)\w*\s*\(",
)

_DRAW: Final = re.compile(
    r"^(random\.(random|randint|uniform|choices?|sample|gauss|randrange|betavariate"
    r"|normalvariate)|numpy\.random\.(?!default_rng|RandomState|Generator|SeedSequence"
    r"|seed|get_state)\w+|torch\.(rand|randn|randint|randperm|normal)\w*)$"
)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the draws in default arguments."""
    del run
    for function in module.functions():
        defaults = [*function.args.defaults, *filter(None, function.args.kw_defaults)]
        for default in defaults:
            for call in module.calls(default):
                if not _DRAW.match(module.called_name(call)):
                    continue
                if any(isinstance(o, ast.Lambda) for o in module.ancestors(call)):
                    continue
                yield Found(
                    module,
                    call,
                    "error",
                    f"Python evaluates `{short(call)}` once, when it defines "
                    f"`{function.name}`: every call gets the same value.",
                    "Use None as the default, and draw inside the function.",
                )
