"""The site's two directives of the reference, in a small project."""

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, sphinx_build

import dejabatch

CONF = f"""
import sys
sys.path[:0] = [{str(ROOT / "docs" / "_ext")!r}]
extensions = ["command_output", "pages_using"]
sphinx_gallery_conf = {{"backreferences_dir": "uses"}}

def setup(app):
    app.add_config_value("sphinx_gallery_conf", {{}}, "env")
"""


@pytest.fixture
def build(tmp_path):
    docs = tmp_path / "docs"
    (docs / "uses").mkdir(parents=True)
    (docs / "uses" / "one.used.examples").write_text(
        ".. only:: html\n\n  :doc:`/a`\n\n.. only:: not html\n\n * :doc:`/a`\n"
    )
    (docs / "uses" / "one.unused.examples").write_text("")
    (docs / "conf.py").write_text(CONF)
    (docs / "a.rst").write_text(":orphan:\n\nThe page\n========\n")
    (docs / "loop.py").write_text(
        "from itertools import cycle\ncycle(DataLoader(dataset))\n"
    )

    def build(text):
        (docs / "index.rst").write_text(f"Index\n=====\n\n{text}\n")
        return sphinx_build(docs)

    return build


def test_command_is_run_in_the_folder_of_the_page(build):
    found = build(".. command-output:: lint loop.py\n   :status: 1\n   :lines: 1")
    assert found.status == 0, found.log
    page = BeautifulSoup(found.text("index.html"), "html.parser").get_text()
    assert "$ python -m dejabatch lint loop.py" in page
    assert "[itertools-cycle]" in page
    assert "1 found" not in page


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("lint loop.py", "exit code 1"),
        ("lint no-such-file", "there is no no-such-file"),
        ("lint --no-such-option", "usage: python -m dejabatch"),
    ],
)
def test_command_that_exits_in_another_way_fails_the_build(build, command, printed):
    failed = build(f".. command-output:: {command}")
    assert failed.status != 0
    assert printed in failed.log


def test_pages_that_use_an_object_are_listed_once(build):
    built = build(".. pages-using:: one.used")
    assert built.status == 0, built.log
    assert built.text("index.html").count(">The page<") == 1


@pytest.mark.parametrize("name", ["one.unused", "one.unknown"])
def test_nothing_is_said_of_an_object_that_no_page_uses(build, name):
    built = build(f".. pages-using:: {name}")
    assert built.status == 0, built.log
    assert "Pages that use it" not in built.text("index.html")


def test_real_pages_are_found(site):
    page = site.text("api/dejabatch.shard.html")
    assert "Pages that use it" in page
    assert "plot_stream_not_split_by_worker.html" in page


@pytest.mark.parametrize("name", dejabatch.__all__)
def test_page_of_every_public_name_says_what_it_is(site, name):
    page = BeautifulSoup(site.text(f"api/dejabatch.{name}.html"), "html.parser")
    assert page.select_one("dl.py > dd > p").get_text(strip=True)


def test_page_of_stream_is_complete(site):
    page = BeautifulSoup(site.text("api/dejabatch.stream.html"), "html.parser")
    text = page.select_one("dl.py > dd").get_text()
    for part in ("Parameters", "Returns", "Raises", "Examples"):
        assert part in text


def test_command_line_page_has_what_the_commands_print(site):
    page = site.text("reference/command-line.html")
    for text in ("--max-batches", "plot_rng_object_on_dataset.html", "did you mean"):
        assert text in page
