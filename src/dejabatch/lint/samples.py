"""Classes and functions that make samples: datasets, transforms, collate functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dejabatch.lint.module import Module
from dejabatch.lint.project import Class, Definition
from dejabatch.lint.run import Run

_TRANSFORM: Final = re.compile(
    r"transform|augment|(^|_)aug|random|crop|flip|jitter|noise|rotate|rotation|blur|erasing|mixup"
    r"|cutmix|collat|distort",
    re.IGNORECASE,
)
_TRANSFORM_FILE: Final = re.compile(
    r"transform|augment|preprocess|collat", re.IGNORECASE
)
_APPLIES: Final = frozenset({"__call__", "augment", "transform", "apply"})
_DATASET_NAME: Final = re.compile(r"(Dataset|Data|Loader)(_?[A-Z0-9]\w*)?$")


class Maker(NamedTuple):
    """A class whose methods make samples.

    Attributes
    ----------
    cls : Class
        The class.
    kind : str
        ``"dataset"``, ``"stream"``, ``"transform"`` or ``"sampler"``.
    entries : tuple of str
        The methods that run for each sample or each epoch.
    """

    cls: Class
    kind: str
    entries: tuple[str, ...]


def makers(module: Module, run: Run) -> Iterator[Maker]:
    """Yield the classes of a file that make samples."""
    for cls in run.project.classes(module):
        methods = run.project.methods(cls)
        if run.project.is_sampler(cls):
            if "__iter__" in methods:
                yield Maker(cls, "sampler", ("__iter__",))
        elif "__getitem__" in methods and _is_dataset(cls, methods, run):
            yield Maker(cls, "dataset", ("__getitem__", "__getitems__"))
        elif "__iter__" in methods and run.project.is_dataset(cls):
            yield Maker(cls, "stream", ("__iter__",))
        elif _APPLIES.intersection(methods) and _is_transform(cls):
            yield Maker(cls, "transform", tuple(sorted(_APPLIES.intersection(methods))))


def _is_dataset(cls: Class, methods: dict[str, Definition], run: Run) -> bool:
    if run.project.is_dataset(cls):
        return True
    # A class without bases works as a dataset as well.
    if "__len__" not in methods or not re.search(
        "torch|Dataset", cls.module.source.text
    ):
        return False
    return bool(_DATASET_NAME.search(cls.node.name)) or is_loaded(cls, run)


def _is_transform(cls: Class) -> bool:
    text = cls.module.source.text
    # A model is called in the training loop.
    if not re.search(r"torch|numpy", text):
        return False
    named = bool(_TRANSFORM.search(cls.node.name))
    bases = any("Module" in ast.unparse(base) for base in cls.node.bases)
    in_file = bool(_TRANSFORM_FILE.search(cls.module.source.path.replace("\\", "/")))
    return (named or in_file) and not bases


def is_loaded(cls: Class, run: Run) -> bool:
    """Return whether a loader of the run reads an instance of a class."""
    return any(True for _ in loaders_of(cls, run))


def loaders_of(
    cls: Class, run: Run, argument: str = "dataset"
) -> Iterator[tuple[Module, ast.Call]]:
    """Yield the loaders whose dataset, or other argument, is an instance of a class."""
    loading = run.files_where("loads", "DataLoader", bool)
    for path in sorted(loading):
        if cls.node.name in run.project.sources[path].text:
            module = run.project.module(path)
            if module is not None:
                for call, made in run.loaders.classes_passed(module, argument):
                    if made is cls.node:
                        yield module, call


def is_read_without_workers(cls: Class, run: Run) -> bool:
    """Return whether all loaders of a class are known and have no workers."""
    found = list(loaders_of(cls, run))
    return bool(found) and not any(
        run.loaders.has_workers(module, call, run.loaders.arguments(module, call))
        for module, call in found
    )


def own_attribute(node: ast.AST) -> str | None:
    """Return the name in ``self.name``, and None for other expressions."""
    match node:
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
            return name
    return None
