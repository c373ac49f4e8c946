"""What the front page prints was printed by this build."""

import pytest


@pytest.fixture
def page(project):
    with (project.docs / "conf.py").open("a") as conf:
        conf.write("extensions += ['executed']\n")

    def build(script, *options, directive="executed:: check.py"):
        (project.docs / "check.py").write_text(script)
        with (project.docs / "index.rst").open("a") as index:
            index.write(f"\n.. {directive}\n")
        return project.build(*options)

    project.page("other", "print(1)")
    return build


def test_output_is_shown(page):
    build = page("print('six times seven is', 6 * 7)")
    assert build.status == 0, build.log
    assert "six times seven is 42" in build.text("index.html")


def test_rest_of_the_output_is_folded(page):
    fold = "executed:: check.py\n   :fold-at: read\n   :fold-title: <The rest>"
    build = page("print('found\\n\\nread: all')", directive=fold)
    assert build.status == 0, build.log
    before, _, after = build.text("index.html").partition("<details>")
    assert "found" in before
    assert "<summary>&lt;The rest&gt;</summary>" in after
    assert "read: all" in after


def test_script_that_fails_fails_the_build(page):
    build = page("raise ValueError('of all things')")
    assert build.status != 0
    assert "check.py failed" in build.log
    assert "of all things" in build.log


def test_build_without_execution_says_so_and_the_next_one_executes(page, project):
    build = page("print('six times seven is', 6 * 7)", "-D", "plot_gallery=False")
    assert build.status == 0, build.log
    assert "Not executed" in build.text("index.html")
    build = project.build()
    assert build.status == 0, build.log
    assert "six times seven is 42" in build.text("index.html")
    assert "Not executed" not in build.text("index.html")
