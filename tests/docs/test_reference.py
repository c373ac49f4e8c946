"""The pages of the reference: commands run while the site is built, names are complete."""

import sys

import pytest
from bs4 import BeautifulSoup
from conftest import sphinx_build

import dejabatch


@pytest.fixture
def build(tmp_path):
    conf = "extensions = ['sphinxcontrib.programoutput']\n"
    (tmp_path / "conf.py").write_text(conf)
    (tmp_path / "loop.py").write_text(
        "from itertools import cycle\ncycle(DataLoader(dataset))\n"
    )

    def build(options):
        command = (
            f".. command-output:: {sys.executable} -m dejabatch lint loop.py\n{options}"
        )
        (tmp_path / "index.rst").write_text(f"Index\n=====\n\n{command}\n")
        return sphinx_build(tmp_path)

    return build


def test_command_is_run_in_the_folder_of_the_page(build):
    found = build("   :cwd: .\n   :returncode: 1\n   :ellipsis: 1")
    assert found.status == 0, found.log
    page = BeautifulSoup(found.text("index.html"), "html.parser").get_text()
    assert "-m dejabatch lint loop.py" in page
    assert "[itertools-cycle]" in page
    assert "1 found" not in page


def test_command_that_exits_in_another_way_fails_the_build(build):
    failed = build("   :cwd: .")
    assert failed.status != 0
    assert "Unexpected return code 1" in failed.log


def test_front_page_has_what_its_check_prints(site):
    first, whole = BeautifulSoup(site.text("index.html"), "html.parser").select(
        "article .sphx-glr-script-out pre"
    )
    assert "dataset.rng" in first.text
    assert "plot_rng_object_on_dataset.html" in first.text
    assert "checked: " not in first.text
    assert "checked: " in whole.text
    assert whole.find_parent("details")


def test_real_pages_are_found(site):
    page = site.text("api/dejabatch.shard.html")
    assert "Pages that use it" in page
    assert "plot_stream_not_split_by_worker.html" in page


@pytest.mark.parametrize("name", dejabatch.__all__)
def test_page_of_every_public_name_says_what_it_is(site, name):
    # autodoc finds the docstring of a constant in its module only.
    module = "dejabatch.catalogue" if name == "FAILURE_MODES" else "dejabatch"
    page = BeautifulSoup(site.text(f"api/{module}.{name}.html"), "html.parser")
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
