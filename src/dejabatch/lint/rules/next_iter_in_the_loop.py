"""Find ``next(iter(loader))`` in a loop, which restarts the loader at each step."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dejabatch.lint.loaders import KNOWN
from dejabatch.lint.loops import (
    Loop,
    enclosing_loops,
    is_epoch_loop,
    reads_a_loader,
)
from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, Severity, short

TRIGGER = ("iter(", "next", r"next\s*\(\s*iter\s*\(|iter\s*\([^()]*\)\s*\.\s*(__)?next")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls of ``next(iter(loader))`` that a loop over steps repeats."""
    for call in module.calls():
        loader = _restarted(module, call)
        if loader is None or not run.loaders.is_loader(module, loader):
            continue
        name = ast.unparse(loader)
        repeated_by = [
            loop
            for loop in enclosing_loops(module, call)
            if not _rebinds(loop, name) and not _ends_at_once(module, loop, call)
        ]
        # Peeking at one batch while another loop trains is not training on it.
        if not any(not _is_a_peek(module, loop, call, run) for loop in repeated_by):
            continue
        severity, effect = _effect(module, loader, run)
        loop = repeated_by[0]
        yield Found(
            module,
            call,
            severity,
            f"`{short(call)}` runs in the loop at {module.place(loop)} and starts "
            f"`{name}` again at each step{effect}.",
        )


def _restarted(module: Module, call: ast.Call) -> ast.expr | None:
    """Return `loader` in ``next(iter(loader))`` and in ``iter(loader).next()``."""
    inner: ast.AST | None = None
    if module.called_name(call) == "next" and call.args:
        inner = call.args[0]
    elif isinstance(call.func, ast.Attribute) and call.func.attr in {
        "next",
        "__next__",
    }:
        inner = call.func.value
    if not isinstance(inner, ast.Call) or module.called_name(inner) != "iter":
        return None
    if not inner.args or not isinstance(inner.args[0], (ast.Name, ast.Attribute)):
        return None
    return inner.args[0]


def _effect(module: Module, loader: ast.expr, run: Run) -> tuple[Severity, str]:
    for definition in run.project.values(module, loader):
        inner, node = definition
        if not isinstance(node, ast.Call) or not run.loaders.is_loader_call(
            inner, node
        ):
            continue
        arguments = run.loaders.arguments(inner, node)
        shuffle = run.loaders.constant(arguments.values.get("shuffle"))
        drawn = {"sampler", "batch_sampler"} & arguments.values.keys()
        if shuffle is True or drawn:
            return "warning", ": new workers and a new shuffle for one batch"
        by_default = arguments.complete and "shuffle" not in arguments.values
        if by_default or shuffle is False:
            return "error", ": without shuffle, each step gets the first batch"
    known = run.loaders.is_loader(module, loader) == KNOWN
    return "error" if known else "warning", ", and never gets past its first batch"


def _is_a_peek(module: Module, loop: Loop, call: ast.Call, run: Run) -> bool:
    reads = reads_a_loader(module, loop, run)
    if reads and is_epoch_loop(loop):
        return True
    child: ast.AST = call
    for outer in module.ancestors(call):
        if outer is loop:
            break
        # A batch that is looked at now and then, while another loader is read.
        if isinstance(outer, ast.If) and child is not outer.test and reads:
            return not _restarts_the_loop(module, loop, call, run)
        child = outer
    return False


def _restarts_the_loop(module: Module, loop: Loop, call: ast.Call, run: Run) -> bool:
    """Return whether the loop reads the same loader, and the workers are persistent."""
    loader = _restarted(module, call)
    if loader is None or isinstance(loop, ast.While):
        return False
    if ast.unparse(loader) not in {
        ast.unparse(n) for n in ast.walk(loop.iter) if isinstance(n, ast.expr)
    }:
        return False
    return any(
        isinstance(node, ast.Call)
        and run.loaders.has_persistent_workers(run.loaders.arguments(inner, node))
        for inner, node in run.project.values(module, loader)
    )


def _ends_at_once(module: Module, loop: Loop, call: ast.Call) -> bool:
    """Return whether the loop's block that has the call ends the loop."""
    child: ast.AST = call
    for outer in module.ancestors(call):
        for name in ("body", "orelse", "handlers", "finalbody"):
            block = getattr(outer, name, None)
            if isinstance(block, list) and child in block:
                after = block[block.index(child) :]
                if any(
                    isinstance(n, (ast.Break, ast.Return, ast.Raise)) for n in after
                ):
                    return True
        if outer is loop:
            return False
        child = outer
    return False


def _rebinds(loop: Loop, name: str) -> bool:
    """Return whether a loop assigns to a name or to the beginning of a name."""
    root = re.split(r"[.\[(]", name)[0]
    return any(
        isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node) in {name, root}
        for node in ast.walk(loop)
    )
