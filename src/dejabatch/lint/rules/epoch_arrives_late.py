"""Find an endless sampler whose next pass begins before the loop calls ``set_epoch``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.loops import enclosing_loops, is_epoch_loop
from dejabatch.lint.module import Module
from dejabatch.lint.project import Class, Definition
from dejabatch.lint.run import Found, Run, short

TRIGGER = (r"while\s+(True|1)\b|itertools", "__iter__", "yield", "ampler")

# A call by the training loop, which knows nothing of batches that are fetched ahead.
_SET_EPOCH: Final = r"ampler[\w\])]*\.set_epoch\("
_ENDLESS: Final = {"itertools.count", "itertools.repeat"}
_EPOCH: Final = re.compile("epoch", re.IGNORECASE)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the endless samplers that a loader with one kept iterator reads."""
    for cls in run.project.classes(module):
        if not _repeats_another(cls, run) or not run.connected_text(module, _SET_EPOCH):
            continue
        for user, call in _instances(cls, run):
            loader = _kept_loader(user, call, run)
            if loader is not None:
                yield Found(
                    user,
                    call,
                    "warning",
                    f"`{short(call)}` begins its next pass when the last batch of an epoch "
                    f"is requested, and {loader} requests batches ahead: the pass begins "
                    "before the training loop calls `set_epoch`.",
                )


def _repeats_another(cls: Class, run: Run) -> bool:
    """Return whether a class repeats another iterable, and leaves its epoch alone."""
    method = run.project.methods(cls).get("__iter__")
    if method is None or not isinstance(method.node, ast.FunctionDef):
        return False
    for loop in ast.walk(method.node):
        if not _is_endless(method.module, loop) or _sets_epoch(loop):
            continue
        for node in ast.walk(loop):
            iterable = None
            if isinstance(node, ast.YieldFrom):
                iterable = node.value
            elif isinstance(node, ast.For) and _yields(node):
                iterable = node.iter
            match iterable:
                case ast.Call(func=ast.Name(id="iter"), args=[inner]):
                    iterable = inner
            if _is_own_attribute(iterable):
                return True
    return False


def _yields(loop: ast.For) -> bool:
    return any(isinstance(node, ast.Yield) for node in ast.walk(loop))


def _is_endless(module: Module, loop: ast.AST) -> bool:
    match loop:
        case ast.While(test=ast.Constant(value=value)):
            return bool(value)
        case ast.For(iter=ast.Call() as call):
            name = module.called_name(call)
            # repeat(value, 3) ends.
            return name in _ENDLESS and not (name.endswith("repeat") and call.args[1:])
    return False


def _sets_epoch(loop: ast.AST) -> bool:
    """Return whether a loop calls `set_epoch`, or counts epochs in an attribute."""
    for node in ast.walk(loop):
        match node:
            case ast.Attribute(attr="set_epoch"):
                return True
            case ast.Attribute(attr=name, ctx=ast.Store()) if _EPOCH.search(name):
                return True
    return False


def _is_own_attribute(node: ast.expr | None) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _instances(cls: Class, run: Run) -> Iterator[tuple[Module, ast.Call]]:
    """Yield the calls of a class in its program."""
    for path in sorted(run.connected(cls.module)):
        if cls.node.name not in run.project.sources[path].text:
            continue
        module = run.project.module(path)
        if module is None:
            continue
        for call in module.calls():
            made = run.project.class_of_instance(Definition(module, call))
            if made is not None and made.node is cls.node:
                yield module, call


def _kept_loader(module: Module, call: ast.Call, run: Run) -> str | None:
    """Return the loader with workers whose one iterator reads a sampler, or None."""
    around = module.class_of(call)
    if around is not None:
        cls = Class(module, around)
        bases = run.project.base_names(cls)
        if any(name.endswith("DataLoader") for name in bases) and _keeps_iterator(cls):
            return None if _is_harmless(cls, run) else f"`{around.name}`"
    for argument in ("sampler", "batch_sampler"):
        for loader, name in _passed_to(module, call, argument, run):
            arguments = run.loaders.arguments(module, loader)
            if run.loaders.has_workers(module, loader, arguments) and _is_iterated_once(
                module, loader, run
            ):
                return name
    return None


def _keeps_iterator(cls: Class) -> bool:
    """Return whether a loader class stores an iterator in an attribute."""
    for node in ast.walk(cls.node):
        match node:
            case ast.Assign(
                targets=[ast.Attribute()],
                value=ast.Call(
                    func=ast.Attribute(attr="__iter__" | "_get_iterator")
                    | ast.Name(id="iter")
                ),
            ):
                return True
    return False


def _is_harmless(cls: Class, run: Run) -> bool:
    """Return whether every loader of a class has no workers or one epoch to serve."""
    calls = list(_instances(cls, run))
    return bool(calls) and all(
        run.loaders.constant(
            run.loaders.arguments(module, call).values.get("num_workers")
        )
        == 0
        or any(is_epoch_loop(loop) for loop in enclosing_loops(module, call))
        for module, call in calls
    )


def _passed_to(
    module: Module, sampler: ast.Call, argument: str, run: Run
) -> Iterator[tuple[ast.Call, str]]:
    """Yield the loaders of a file that get a sampler, each with its source."""
    for loader in module.calls():
        if not run.loaders.is_loader_call(module, loader):
            continue
        passed = run.loaders.arguments(module, loader).values.get(argument)
        if passed is None or not isinstance(passed.node, ast.AST):
            continue
        values = run.project.values(passed.module, passed.node)
        if any(value.node is sampler for value in values):
            yield loader, f"`{short(loader)}`"


def _is_iterated_once(module: Module, loader: ast.Call, run: Run) -> bool:
    """Return whether the program keeps an iterator of a loader over the epochs."""
    for call in module.calls():
        if module.called_name(call) != "iter" or not call.args:
            continue
        if any(is_epoch_loop(loop) for loop in enclosing_loops(module, call)):
            continue
        values = run.project.values(module, call.args[0])
        if any(value.node is loader for value in values):
            return True
    return False
