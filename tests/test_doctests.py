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

# Each imports a framework, which makes all later forks slow. tests/integrations tries them.
OF_FRAMEWORKS = (
    "dejabatch.integrations.lightning",
    "dejabatch.integrations.transformers",
)
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(dejabatch.__path__, "dejabatch.")
    if module.name not in OF_FRAMEWORKS
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
    # Only the beginning of a long message is shown.
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(example, out=failures.append)
    plt.close("all")
    assert not failures, "".join(failures)


PAGES = re.findall(
    r"^   (dejabatch\.\S+)$",
    "".join(
        (ROOT / "docs" / "reference" / f"{page}.md").read_text()
        for page in ("api", "testing")
    ),
    flags=re.MULTILINE,
)


def with_methods(name):
    """Return an object and, of a class, its own public methods, by their names."""
    value = pkgutil.resolve_name(name)
    found = {name: value}
    for attribute, method in vars(value).items() if inspect.isclass(value) else ():
        # Trainers call the methods of their callbacks, and readers do not.
        if inspect.isfunction(method) and not attribute.startswith(("_", "on_train_")):
            found[f"{name}.{attribute}"] = method
    return found


DOCUMENTED = {
    name: value
    for page in PAGES
    if not page.startswith(OF_FRAMEWORKS)
    for name, value in with_methods(page).items()
    if callable(value)
}
DOCUMENTED["dejabatch.stream.torch"] = dejabatch.stream.torch
DOCUMENTED["dejabatch.stream.python"] = dejabatch.stream.python
EVERY_NAME = pytest.mark.parametrize("name", DOCUMENTED)


def test_every_public_name_has_a_page():
    pages = [page for page in PAGES if not page.startswith(OF_FRAMEWORKS)]
    described = [pkgutil.resolve_name(page) for page in pages]
    for name in dejabatch.__all__:
        value = getattr(dejabatch, name)
        assert any(page is value for page in described), name
    assert len(PAGES) == len(set(PAGES))


@EVERY_NAME
def test_name_has_an_example(name):
    # The observation's own examples show these methods.
    if not name.startswith("dejabatch.observe.record.Observation."):
        assert_has_example(DOCUMENTED[name])


def assert_has_example(value):
    docstring = inspect.getdoc(value)
    assert "\nExamples\n--------\n" in docstring
    assert ">>> " in docstring


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if ".assert_" in name])
def test_assertion_has_an_example_that_passes_and_one_that_fails(name):
    function = name.rpartition(".")[2]
    _, _, examples = inspect.getdoc(DOCUMENTED[name]).partition("\nExamples\n")
    calls = re.findall(rf"^>>> {function}\(.*\n(Traceback)?", examples, re.MULTILINE)
    assert sorted(calls) == ["", "Traceback"]


@EVERY_NAME
def test_docstring_names_every_argument_and_what_is_returned(name):
    if name != "dejabatch.FindingsError":  # its arguments are those of any exception
        assert_is_described(DOCUMENTED[name])


def assert_is_described(value):
    docstring = inspect.getdoc(value)
    described = {
        one.strip()
        for line in re.findall(r"^\**([\w, ]+) : .", docstring, flags=re.MULTILINE)
        for one in line.split(",")
    }
    signature = inspect.signature(value)
    assert set(signature.parameters) - {"self"} <= described
    returned = signature.return_annotation
    if not inspect.isclass(value) and returned not in {None, "None"}:
        assert re.search(r"^(Returns|Yields)\n-+$", docstring, flags=re.MULTILINE)
