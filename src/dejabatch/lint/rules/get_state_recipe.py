"""Find seeds that are computed from ``np.random.get_state()``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.seeding import seed_calls, sources_of


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls whose seed depends on NumPy's global state."""
    for call, seed in seed_calls(module, module.tree):
        functions = (
            node for node in module.ancestors(call) if isinstance(node, ast.FunctionDef)
        )
        nodes, _ = sources_of(next(functions, module.tree), seed)
        if any(module.called_name(node) == "numpy.random.get_state" for node in nodes):
            yield call
