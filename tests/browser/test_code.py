"""The code and the files that readers take away run."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

RECIPES = "recipes/index.html"
# One page for each tool that finds failures, and one of streams.
COPIED = (
    "gallery/1_sample/plot_one_draw_for_the_whole_batch.html",
    "gallery/1_sample/plot_split_shares_transform.html",
    "gallery/3_order/plot_next_iter_in_the_loop.html",
    "gallery/4_streaming/plot_stream_not_split_by_worker.html",
)
# Sphinx-gallery's code and that of the recipes; not the outputs.
CODE = ".highlight-Python > .highlight, .highlight-default > .highlight"
DOWNLOADED = "gallery/2_randomness/plot_get_state_recipe.html"
TRAINING = Path(__file__).resolve().parents[2] / "docs" / "reference" / "train.py"
RUN_EACH = """
import runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="__main__")
"""


def run(folder, *arguments):
    """Run Python with what the pages need: in the environment that has built them."""
    python = os.environ.get("DOCS_PYTHON")
    assert python, (
        "DOCS_PYTHON names no interpreter that has dejabatch: use nox -s site"
    )
    done = subprocess.run(
        [python, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def copied(tab, page):
    """Press every copy button of a page's Python code, and return what each copies."""
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(page)
    tab.evaluate(
        "document.querySelectorAll('details').forEach((e) => { e.open = true; })"
    )
    cells = tab.locator(CODE)
    texts = []
    for cell in cells.all():
        tab.evaluate("navigator.clipboard.writeText('nothing was copied')")
        cell.hover()
        cell.locator("button.copybtn").click()
        tab.wait_for_function(
            "async () => await navigator.clipboard.readText() != 'nothing was copied'",
            timeout=5000,
        )
        texts.append(tab.evaluate("navigator.clipboard.readText()"))
    assert texts, f"{page} has no code to copy"
    return texts


@pytest.mark.parametrize("page", COPIED)
def test_code_copied_from_a_page_runs(page, tab, tmp_path):
    script = tmp_path / "copied.py"
    script.write_text("\n".join(copied(tab, page)), encoding="utf-8")
    run(tmp_path, script)


def test_every_copied_recipe_runs(tab, tmp_path):
    paths = []
    for number, code in enumerate(copied(tab, RECIPES)):
        paths.append(tmp_path / f"recipe_{number}.py")
        paths[-1].write_text(code, encoding="utf-8")
    assert len(paths) == tab.locator("main h2").count()
    shutil.copy(TRAINING, tmp_path)  # one recipe tests a reader's own program
    run(tmp_path, "-c", RUN_EACH, *paths)


def test_downloads_run(tab, tmp_path):
    tab.goto(DOWNLOADED)
    paths = {}
    for link in tab.locator(".bd-sidebar-secondary a[download]").all():
        with tab.expect_download() as waiting:
            link.click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        paths[path.suffix] = path
    assert set(paths) == {".py", ".ipynb", ".zip"}

    with zipfile.ZipFile(paths[".zip"]) as archive:
        archive.extractall(tmp_path / "unpacked")
    script, notebook = paths[".py"], paths[".ipynb"]
    for path in (script, notebook):
        assert (tmp_path / "unpacked" / path.name).read_bytes() == path.read_bytes()

    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    install, *code = ("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    assert install.startswith("%pip install")  # it is installed here
    from_notebook = tmp_path / "notebook.py"
    from_notebook.write_text("\n".join(code), encoding="utf-8")
    for path in (script, from_notebook):
        run(tmp_path, path)
