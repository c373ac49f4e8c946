"""Every page keeps to the skeleton, and runs as the file that a reader downloads."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from conftest import PAGES, SCRIPTS
from package_wheel import PLACEHOLDER
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from dejabatch import FAILURE_MODES
from dejabatch.finders import found_by

HEADINGS = [
    "See it happen",
    "Why",
    "The fix",
    "Proof",
    "Find it in your code",
    "See also",
]
# Where a distribution has another name than what is imported from it.
DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-python-headless"}
BY_PAGE = {mode.page: mode for mode in FAILURE_MODES.values() if mode.has_page}
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=[p.stem for p in PAGES])
EVERY_SCRIPT = pytest.mark.parametrize("page", SCRIPTS, ids=[p.stem for p in SCRIPTS])

# Runs a page as `python page.py` does, under the start method in argv[1], and looks at
# what it leaves. The names after it have to be loaders. The page is the program's __main__, so that spawned workers find it.
RUNNER = """
import multiprocessing, runpy, sys
from collections.abc import Iterator
from torch.utils.data import DataLoader

_, method, page, *loaders = sys.argv
multiprocessing.set_start_method(method)
# Imported once, where every worker would import it for itself.
multiprocessing.set_forkserver_preload(
    ["dejabatch", "matplotlib.pyplot", "torch", "torchvision.transforms.v2"]
)
sys.argv = [page]
names = runpy.run_path(page, run_name="__main__")
for name in loaders:
    value = names[name]() if callable(names[name]) else names[name]
    for loader in value if isinstance(value, tuple) else (value,):
        assert isinstance(loader, (DataLoader, Iterator)), f"{name} is a {type(loader)}"
for value in names.values():
    iterator = getattr(value, "_iterator", None)
    if hasattr(iterator, "_shutdown_workers"):
        iterator._shutdown_workers()  # they are persistent
assert multiprocessing.get_start_method() == method
assert not multiprocessing.active_children()
"""


def blocks_of(page, kind):
    _, blocks = split_code_and_text_blocks(page)
    return [block.content for block in blocks if block.type == kind]


def one_line(text):
    return " ".join(text.split())


def rst(text):
    return text.replace("`", "``")


@EVERY_PAGE
def test_docstring_is_title_sentence_and_three_lines(page):
    mode = BY_PAGE[f"{page.parent.name}/{page.name}"]
    docstring = ast.get_docstring(ast.parse(page.read_text()))
    title, underline, rest = docstring.split("\n", 2)
    assert title == mode.title
    assert underline == "=" * len(title)

    sentence, *lines = (one_line(part) for part in rest.split("\n* "))
    assert sentence.endswith(".")
    assert len(sentence) <= 95, "sphinx-gallery cuts tooltips at 95 characters"
    you_see, because, do = lines
    assert you_see == f"**You see:** {rst(mode.symptom)}"
    assert because == f"**Because:** {rst(mode.cause)}"
    assert do == f"**Do:** {rst(mode.fix)}"


@EVERY_PAGE
def test_headings_come_in_the_order_of_the_skeleton(page):
    text = "\n".join(blocks_of(page, "text")[1:])
    headings = re.findall(r"^(.+)\n-+$", text, flags=re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS
    assert headings[0] == HEADINGS[0]
    assert headings[-1] == HEADINGS[-1]


@EVERY_SCRIPT
def test_script_declares_what_it_imports(page):
    source = page.read_text()
    block = re.match(r"# /// script\n((?:# .*\n)+)# ///\n", source)
    declared = tomllib.loads(re.sub(r"^# ", "", block[1], flags=re.MULTILINE))
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    names = {dependency.split(" @ ")[0] for dependency in declared["dependencies"]}
    names |= {"dejabatch"} if PLACEHOLDER in source else set()
    packages = {DISTRIBUTIONS.get(name, name) for name in imported}
    assert names == packages - sys.stdlib_module_names


@EVERY_SCRIPT
def test_page_has_tags_and_stays_in_one_process(page):
    configuration, _ = split_code_and_text_blocks(page)
    assert configuration["tags"]
    # joblib's workers would replace the multiprocessing that the page is about.
    assert configuration["parallel"] is False


@EVERY_SCRIPT
def test_cell_that_prints_also_asserts(page):
    for code in blocks_of(page, "code"):
        if "print(" in code:
            assert re.search(r"^ *assert ", code, flags=re.MULTILINE), code


@EVERY_PAGE
def test_page_draws_in_one_function(page):
    tree = ast.parse(page.read_text())
    drawing = [node for node in tree.body if getattr(node, "name", "") == "plot"]
    assert len(drawing) == 1
    inside = set(ast.walk(drawing[0]))
    outside = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "plt"
        if node not in inside
    }
    assert outside <= {"imread"}  # reads the photograph
    proof, *_ = page.read_text().split("# Proof\n# -----\n")[1].split("# %%")
    assert "\ndef plot(" in proof


@EVERY_PAGE
def test_page_prints_what_its_loaders_measure(page):
    for name in ("broken", "fixed"):
        assert re.search(rf'print\(\s*f?"{name}:', page.read_text())


@EVERY_PAGE
def test_last_cell_names_the_page(page):
    mode = BY_PAGE[f"{page.parent.name}/{page.name}"]
    last = blocks_of(page, "code")[-1]
    tools = found_by(mode.slug)
    compares = "dejabatch.compare(*broken)" in last
    audits = re.search(r"dejabatch\.audit\(broken\b", last) is not None
    assert compares == ("compare" in tools)
    # A page about two loaders compares them, even if an audit of one shows something.
    assert compares or audits == bool({"audit", "ranks"} & {*tools})
    assert "lint_paths([script])" in last or tools != ("lint",)
    assert (f'"{mode.slug}"' in last) == bool(tools)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name == "7_resume"],
    ids=lambda page: page.stem,
)
def test_page_about_resuming_asserts_that_broken_fails_and_fixed_passes(page):
    # The build executes both calls.
    (block,) = [b for b in blocks_of(page, "code") if "except AssertionError" in b]
    assert "import assert_" in block
    (main,) = [n for n in ast.parse(block).body if isinstance(n, ast.If)]
    (failing,) = [node.body[0] for node in main.body if isinstance(node, ast.Try)]
    calls = [failing, *(node for node in main.body if isinstance(node, ast.Expr))]
    calls = [ast.unparse(call).replace(" ", "") for call in calls]
    name, _, broken = calls[0].partition("(")
    (fixed,) = [c.partition("(")[2] for c in calls[1:] if c.startswith(f"{name}(")]
    # Only the first argument differs.
    assert broken != fixed
    assert (
        re.split("[,)]", broken, maxsplit=1)[1]
        == re.split("[,)]", fixed, maxsplit=1)[1]
    )


@EVERY_SCRIPT
def test_page_never_prints_in_a_worker(page):
    for node in ast.walk(ast.parse(page.read_text())):
        if isinstance(node, ast.ClassDef):
            calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
            names = {n.func.id for n in calls if isinstance(n.func, ast.Name)}
            assert "print" not in names, f"{node.name}: a worker's print is lost"


# The build runs each page under fork. A page takes up to a minute as a download.
@pytest.mark.slow
@EVERY_SCRIPT
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_downloaded_script_runs_under_every_start_method(page, method, tmp_path):
    script = shutil.copy(page, tmp_path)
    mode = BY_PAGE.get(f"{page.parent.name}/{page.name}")
    # Pages that only lint or testing finds have programs in place of loaders.
    without = mode is None or found_by(mode.slug) in (("lint",), ("testing",))
    # The loaders of ranks are made in processes with a group.
    in_ranks = "def on_ranks(" in page.read_text()
    loaders = () if without or in_ranks else ("broken", "fixed")
    result = subprocess.run(
        [sys.executable, "-c", RUNNER, method, script, *loaders],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert [p.name for p in tmp_path.iterdir()] == [page.name], "it left files behind"
