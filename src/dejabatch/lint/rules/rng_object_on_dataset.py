"""Find generators that a dataset or a transform makes once and every worker copies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dejabatch.lint.module import FUNCTIONS, Item, Module, Opaque
from dejabatch.lint.project import Definition
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import (
    Maker,
    is_read_without_workers,
    loaders_of,
    makers,
    own_attribute,
)
from dejabatch.lint.seeding import GENERATOR_CLASSES

TRIGGER = (
    "__getitem__|__iter__|__call__",
    r"default_rng|RandomState|Random\(|Generator\(|\(\w*(Mixin|Dataset)\w*[),]",
)

_FIX = (
    "Create the generator in each worker and each epoch, from "
    "`torch.utils.data.get_worker_info().seed`, or pass "
    "`worker_init_fn=dejabatch.seed_worker`."
)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the generators that workers copy in the same state."""
    for maker in makers(module, run):
        if maker.kind == "sampler":
            continue
        found = [*_on_instances(maker, run), *_of_modules(maker, run)]
        if found and not is_read_without_workers(maker.cls, run):
            yield from found


def _on_instances(maker: Maker, run: Run) -> Iterator[Found]:
    project = run.project
    running = project.reachable(maker.cls, *maker.entries)
    made_by = project.reachable(maker.cls, "__init__", "__post_init__")
    at_start = {id(d.node) for d in made_by}
    # A helper of __init__ that __getitem__ calls, too, makes the generator anew.
    used, assigned, reseeded = set(), set(), set()
    for inner, node in project.methods(maker.cls).values():
        if not isinstance(node, ast.AST):
            continue
        runs = any(d.node is node for d in running)
        for attribute in inner.walk(ast.Attribute, node):
            name = own_attribute(attribute)
            if name is None:
                continue
            if isinstance(attribute.ctx, ast.Store):
                if id(node) not in at_start or runs:
                    assigned.add(name)
            elif runs:
                used.add(name)
            if _is_reseeded(inner, attribute) and id(node) not in at_start:
                reseeded.add(name)
    for inner, node in made_by:
        if not isinstance(node, ast.AST):
            continue
        for statement in inner.walk(ast.AST, node):
            for target, value in _stores(statement):
                name = own_attribute(target)
                if name is None or name not in used - assigned - reseeded:
                    continue
                made = _generator(Definition(inner, value), run)
                if made and not _is_replaced_in_workers(name, maker, run):
                    yield _found(maker, inner, target, name, made, run)


def _stores(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    match node:
        case ast.Assign():
            for target in node.targets:
                yield target, node.value
        case ast.AnnAssign(value=ast.expr() as value):
            yield node.target, value


def _generator(value: Definition, run: Run) -> str:
    """Return the full name of the generator class that an expression instantiates."""
    for module, node in run.project.values(value.module, value.node):  # type: ignore[arg-type]
        if isinstance(node, (Item, Opaque)):
            continue
        name = module.called_name(_without_seed(node))
        if name in GENERATOR_CLASSES:
            return name
        # A helper such as `make_rng(seed)`.
        if isinstance(node, ast.Call):
            for function in run.project.values(module, node.func):
                for inner, result in run.project.returned(function):
                    if isinstance(result, ast.AST):
                        name = inner.called_name(_without_seed(result))
                        if name in GENERATOR_CLASSES:
                            return name
    return ""


def _without_seed(value: ast.AST) -> ast.AST:
    """Return ``torch.Generator()`` for ``torch.Generator().manual_seed(0)``."""
    match value:
        case ast.Call(func=ast.Attribute(value=generator, attr="manual_seed")):
            return generator
    return value


def _is_reseeded(module: Module, attribute: ast.Attribute) -> bool:
    """Return whether code seeds or restores ``self.rng``."""
    outer = module.parents.get(attribute)
    return isinstance(outer, ast.Attribute) and outer.attr in {
        "manual_seed",
        "seed",
        "set_state",
        "setstate",
        "bit_generator",
        "state",
    }


def _is_replaced_in_workers(name: str, maker: Maker, run: Run) -> bool:
    """Return whether code of the run replaces or reseeds the generator in workers."""
    pattern = (
        rf"(?<!self)\.{re.escape(name)}\s*(=[^=]|\.(manual_seed|seed|set_state|setstate)"
        rf"\b|\.bit_generator)|setattr\([^\n]*{re.escape(name)}"
    )
    for path in run.connected(maker.cls.module):
        source = run.project.sources[path]
        if re.search(r"worker_init|get_worker_info|seed_worker", source.text):
            if re.search(pattern, source.text):
                return True
    return False


def _found(
    maker: Maker, module: Module, target: ast.expr, name: str, made: str, run: Run
) -> Found:
    loaded = any(True for _ in loaders_of(maker.cls, run))
    who = f"`{maker.cls.node.name}`"
    entry = " or ".join(f"`{entry}`" for entry in maker.entries[:1])
    severity = "error" if maker.kind != "transform" or loaded else "warning"
    return Found(
        module,
        target,
        severity,  # type: ignore[arg-type]
        f"{who} makes `{short(target)}` once, as a `{made}`, and {entry} draws from "
        f"`self.{name}`. Each worker gets a copy in the same state, in each epoch.",
        _FIX,
    )


def _of_modules(maker: Maker, run: Run) -> Iterator[Found]:
    """Yield the generators of a file that the methods of a class draw from."""
    for module, node in run.project.reachable(maker.cls, *maker.entries):
        if not isinstance(node, FUNCTIONS):
            continue
        for name in module.walk(ast.Name, node):
            if not isinstance(name.ctx, ast.Load):
                continue
            outer = module.parents.get(name)
            if not isinstance(outer, ast.Attribute) or outer.attr in {"seed"}:
                continue
            for definition in run.project.lookup(module, name):
                inner, value = definition
                if not isinstance(value, ast.Call) or (
                    inner.function(value) is not inner.tree
                    or inner.class_of(value) is not None
                ):
                    continue
                made = inner.called_name(_without_seed(value))
                if made not in GENERATOR_CLASSES:
                    continue
                if any(name.id in g.names for g in inner.walk(ast.Global)):
                    continue
                yield Found(
                    inner,
                    value,
                    "error" if maker.kind != "transform" else "warning",
                    f"`{name.id}` is a `{made}` of the whole file, and "
                    f"`{maker.cls.node.name}` draws from `{name.id}` for its samples. "
                    "Each worker gets a copy in the same state, in each epoch.",
                    _FIX,
                )
