"""Find ``get_worker_info()`` in a dataset's ``__init__``, which runs in no worker."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("get_worker_info", "__init__")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls of ``get_worker_info`` in the ``__init__`` of datasets."""
    for cls in run.project.classes(module):
        if not run.project.is_dataset(cls):
            continue
        entries = ("__getitem__", "__iter__", "__next__")
        later = {id(d.node) for d in run.project.reachable(cls, *entries)}
        for inner, method in run.project.reachable(cls, "__init__"):
            if not isinstance(method, ast.AST) or id(method) in later:
                continue
            for call in inner.calls(method):
                if inner.called_name(call).rpartition(".")[2] == "get_worker_info":
                    yield Found(
                        inner,
                        call,
                        "error",
                        f"`{short(call)}` runs while `{cls.node.name}` is created. No "
                        "worker exists then, and the result is None.",
                    )
