"""Generators that a class makes once and that every worker copies in one state."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dejabatch.lint.conditions import is_for_evaluation_only
from dejabatch.lint.loaders import subscript_stores
from dejabatch.lint.module import FUNCTIONS, Item, Module, Opaque
from dejabatch.lint.project import Class, Definition
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.samples import (
    Maker,
    is_read_without_workers,
    loaders_of,
    makers,
    own_attribute,
)
from dejabatch.lint.seeding import GENERATOR_CLASSES

MAKES_A_GENERATOR: Final = (
    "default_rng|RandomState|Random(|Generator(|Mixin|Dataset",
    "__getitem__|__iter__|__call__|Dataset|Aug|aug|Transform|transform",
    r"default_rng|RandomState|Random\(|Generator\(|\(\w*(Mixin|Dataset)\w*[),]",
)
"""The text of a file that may make such a generator."""

_FIX: Final = (
    "Create the generator in each worker and each epoch, from "
    "`torch.utils.data.get_worker_info().seed`, or pass "
    "`worker_init_fn=dejabatch.seed_worker`."
)


def copied_generators(module: Module, run: Run) -> Iterator[tuple[Maker, Found]]:
    """Yield the generators that workers copy, each with the class that draws."""
    for maker in makers(module, run):
        if maker.kind == "sampler":
            continue
        found = [*_on_instances(maker, run), *_of_modules(maker, run)]
        if found and not is_read_without_workers(maker.cls, run):
            yield from ((maker, one) for one in found)
    yield from _for_mixins(module, run)


def is_collate_function(maker: Maker, run: Run) -> bool:
    """Return whether a loader gets an instance of a class as ``collate_fn``."""
    if re.search("collat", maker.cls.node.name, re.IGNORECASE):
        return True
    return any(True for _ in loaders_of(maker.cls, run, "collate_fn"))


class _Uses(NamedTuple):
    """The attributes that methods read and set."""

    read: set[str]
    """Attributes that making a sample reads."""
    replaced: set[str]
    """Attributes that a method other than the constructor sets or seeds."""
    seeded_on_request: set[str]
    """Attributes that an ``if`` seeds."""
    read_in_training: set[str]
    """Attributes that making a sample reads outside of ``if split == "test"``."""


def _uses(maker: Maker, run: Run, generators: set[str]) -> _Uses:
    """Return how methods use the attributes of a class, some of them generators."""
    project = run.project
    running = {id(d.node) for d in project.reachable(maker.cls, *maker.entries)}
    at_start = {id(d.node) for d in _constructors(maker.cls, run)}
    uses = _Uses(set(), project.set_by_helpers(maker.cls).copy(), set(), set())
    for method, (inner, node) in project.methods(maker.cls).items():
        if not isinstance(node, ast.AST):
            continue
        runs = id(node) in running
        # A helper that runs in __init__ and for samples recreates the generator.
        later = id(node) not in at_start or runs
        for attribute in inner.walk(ast.Attribute, node):
            name = own_attribute(attribute)
            if name is None:
                continue
            is_stored = isinstance(attribute.ctx, ast.Store)
            is_reseeded = not is_stored and _is_reseeded(inner, attribute)
            # Searching the whole run for calls is slow, and few methods need that.
            later = later or (
                name in generators
                and (is_stored or is_reseeded)
                and _is_called_in_training(method, maker.cls, run)
            )
            if later and is_stored:
                uses.replaced.add(name)
            elif later and is_reseeded:
                on_request = any(
                    isinstance(outer, ast.If) for outer in inner.ancestors(attribute)
                )
                (uses.seeded_on_request if on_request else uses.replaced).add(name)
            elif runs:
                uses.read.add(name)
                if not is_for_evaluation_only(inner, attribute):
                    uses.read_in_training.add(name)
    return uses


def _constructors(cls: Class, run: Run) -> list[Definition]:
    """Return the methods that run while an object is created, those of bases too."""
    of_bases = [
        Definition(module, statement)
        for module, node in run.project.lineage(cls)[1:]
        for statement in node.body
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__"
    ]
    called = {
        name
        for module, node in of_bases
        if isinstance(node, ast.AST)
        for attribute in module.walk(ast.Attribute, node)
        if (name := own_attribute(attribute)) is not None
    }
    own = run.project.reachable(cls, "__init__", "__post_init__", *sorted(called))
    return [*own, *of_bases]


def _is_called_in_training(method: str, cls: Class, run: Run) -> bool:
    """Return whether other code of the run calls a method of a training dataset."""
    if method.startswith("__"):
        return False
    call = f".{method}("

    def calls(text: str) -> bool:
        return any(map(_is_of_training, text.split(call)[:-1]))

    callers = run.files_where(f"calls {method}", call, calls)
    return not callers.isdisjoint(run.connected(cls.module))


def _is_of_training(before: str) -> bool:
    """Return whether a text ends with a name such as ``train_loader.dataset``."""
    owner = re.search(r"[\w.\[\]\"']*$", before[-80:])
    return bool(
        owner
        and re.search("data|loader|set", owner[0], re.IGNORECASE)
        and not re.search("val|test", owner[0], re.IGNORECASE)
    )


def _on_instances(maker: Maker, run: Run) -> Iterator[Found]:
    candidates = [
        (inner, target, name, value, made)
        for inner, target, name, value in _stored_at_start(maker.cls, run)
        if (made := _generator(Definition(inner, value), run)) or _may_be_passed(value)
    ]
    if not candidates:
        return
    uses = _uses(maker, run, {name for _, _, name, _, _ in candidates})
    for inner, target, name, value, made in candidates:
        if name not in uses.read - uses.replaced:
            continue
        holder, place, kind = inner, target, made
        if not kind:
            passed = _passed(inner, value, run)
            if passed is None:
                continue
            holder, place, kind = passed
        if _is_replaced_in_workers(name, maker, run):
            continue
        on_request = name in uses.seeded_on_request
        found = _found(maker, holder, place, name, kind, run, on_request)
        if name not in uses.read_in_training:
            found = found._replace(severity="note")
        yield found


def _stored_at_start(
    cls: Class, run: Run
) -> Iterator[tuple[Module, ast.expr, str, ast.expr]]:
    """Yield the attributes that a constructor sets: file, target, name and value."""
    for inner, node in _constructors(cls, run):
        if isinstance(node, ast.AST):
            for statement in inner.walk(ast.AST, node):
                for target, value in _stores(statement):
                    name = own_attribute(target)
                    if name is not None:
                        yield inner, target, name, value


def _may_be_passed(value: ast.expr) -> bool:
    """Return whether a value is a name such as ``rng``."""
    return isinstance(value, ast.Name) and bool(
        re.search(r"rng|random|generator|^rs$|^rand", value.id)
    )


def _passed(
    module: Module, value: ast.expr, run: Run
) -> tuple[Module, ast.expr, str] | None:
    """Return the new generator that a program passes as an argument, if any.

    The argument may be a keyword, or an entry of a dictionary with that key.
    """
    if not isinstance(value, ast.Name) or not _may_be_passed(value):
        return None
    definitions = run.project.lookup(module, value)
    if not definitions or not all(isinstance(d.node, ast.arg) for d in definitions):
        return None
    near = re.compile(
        rf"\b{re.escape(value.id)}\b[\"'\]]*\s*[=:][^=\n]*"
        r"(RandomState|default_rng|Random|Generator)\("
    )
    passing = run.files_where(near.pattern, value.id, near.search)
    for path in sorted(passing & run.connected(module)):
        other = run.project.module(path)
        if other is None:
            continue
        for passed in _arguments_named(other, value.id):
            made = _generator(Definition(other, passed), run)
            if made:
                return other, passed, made
    return None


def _arguments_named(module: Module, name: str) -> Iterator[ast.expr]:
    for keyword in module.walk(ast.keyword):
        if keyword.arg == name:
            yield keyword.value
    for _, stored, value in subscript_stores(module):
        if stored == name:
            yield value
    for entries in module.walk(ast.Dict):
        for key, value in zip(entries.keys, entries.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == name:
                yield value


def _for_mixins(module: Module, run: Run) -> Iterator[tuple[Maker, Found]]:
    """Yield the generators of datasets whose ``__getitem__`` is in another class.

    A program may join the two classes at run time. The attribute's name tells.
    """
    for cls in run.project.classes(module):
        if not run.project.is_dataset(cls):
            continue
        if {"__getitem__", "__iter__"} & run.project.methods(cls).keys():
            continue
        for inner, target, name, value in _stored_at_start(cls, run):
            made = _generator(Definition(inner, value), run)
            if not made:
                continue
            maker = _reader(name, run)
            if maker is not None and not _is_replaced_in_workers(name, maker, run):
                joined = Maker(cls, "dataset", maker.entries)
                found = _found(joined, inner, target, name, made, run, False)
                yield joined, found


def _reader(name: str, run: Run) -> Maker | None:
    """Return a class whose samples read an attribute that the class never sets."""
    word = re.compile(rf"self\.{re.escape(name)}\b")
    for source in run.project.sources.values():
        if "__getitem__" not in source.text or not word.search(source.text):
            continue
        other = run.project.module(source.path)
        if other is None:
            continue
        for maker in makers(other, run):
            if maker.kind != "dataset":
                continue
            uses = _uses(maker, run, {name})
            own = {stored for _, _, stored, _ in _stored_at_start(maker.cls, run)}
            if name in uses.read - uses.replaced - own:
                return maker
    return None


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
    seeds_all = False
    for module, call in loaders_of(maker.cls, run):
        arguments = run.loaders.arguments(module, call)
        init = arguments.values.get("worker_init_fn")
        seeded = init is not None or not arguments.complete
        if not seeded and run.loaders.has_workers(module, call, arguments):
            return False
        if init is not None and isinstance(init.node, ast.AST):
            function = init.module.full_name(init.node)
            seeds_all = seeds_all or function == "dejabatch.seed_worker"
    if seeds_all:
        return True
    seeding = "|".join(
        re.escape(method) for method in _seeding_methods(name, maker, run)
    )
    pattern = (
        (rf"(?<!self)\.({seeding})\(|" if seeding else "")
        + rf"(?<!self)\.{re.escape(name)}\s*(=[^=]|\.(manual_seed|seed|set_state|setstate)"
        rf"\b|\.bit_generator)|setattr\([^\n]*{re.escape(name)}"
    )

    def replaces(text: str) -> bool:
        in_workers = re.search(r"worker_init|get_worker_info|seed_worker", text)
        return bool(in_workers and re.search(pattern, text))

    replacing = run.files_where(pattern, "worker", replaces)
    return not replacing.isdisjoint(run.connected(maker.cls.module))


def _seeding_methods(name: str, maker: Maker, run: Run) -> list[str]:
    """Return the methods that other code may call to seed or replace a generator."""
    return [
        method
        for method, (inner, node) in run.project.methods(maker.cls).items()
        if not method.startswith("_") and isinstance(node, ast.AST)
        if any(
            isinstance(attribute.ctx, ast.Store) or _is_reseeded(inner, attribute)
            for attribute in inner.walk(ast.Attribute, node)
            if own_attribute(attribute) == name
        )
    ]


def _found(
    maker: Maker,
    module: Module,
    target: ast.expr,
    name: str,
    made: str,
    run: Run,
    on_request: bool,
) -> Found:
    loaded = any(True for _ in loaders_of(maker.cls, run))
    who = f"`{maker.cls.node.name}`"
    entry = " or ".join(f"`{entry}`" for entry in maker.entries[:1])
    certain = (maker.kind != "transform" or loaded) and not on_request
    unless = " Only an `if` seeds the copies." if on_request else ""
    return Found(
        module,
        target,
        "error" if certain else "warning",
        f"{who} gets `{short(target)}` once, a `{made}`, and {entry} draws from "
        f"`self.{name}`. Each worker gets a copy in the same state, in each epoch.{unless}",
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
