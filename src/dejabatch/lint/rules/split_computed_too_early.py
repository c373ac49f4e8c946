"""Find ``get_worker_info()`` in a dataset's ``__init__``, which runs in no worker."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dejabatch.lint.module import Module


def check(module: Module) -> Iterator[ast.expr]:
    """Yield the calls of ``get_worker_info`` in the ``__init__`` of datasets."""
    for dataset in module.dataset_classes():
        for method in dataset.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                for call in module.calls(method):
                    if module.called_name(call).endswith("get_worker_info"):
                        yield call
