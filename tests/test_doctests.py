"""The examples in docstrings say what happens, and no public name is without one."""

import doctest
import importlib
import inspect
import pkgutil
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from conftest import ROOT

import dejabatch

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(dejabatch.__path__, "dejabatch.")
]
EXAMPLES = [
    test
    for module in MODULES
    for test in doctest.DocTestFinder().find(module)
    if test.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=[test.name for test in EXAMPLES])
def test_example_prints_what_it_says(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write a file
    mpl.use("agg")
    # Nothing of the module: a reader has only what the example imports.
    example.globs = {"__name__": "__main__"}
    failures = []
    doctest.DocTestRunner().run(example, out=failures.append)
    plt.close("all")
    assert not failures, "".join(failures)
