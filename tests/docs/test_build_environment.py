"""Pages run again when, and only when, something changed that their outputs depend on."""

import datetime
import platform
import re
from importlib.metadata import version

import build_environment
from site_pages import pages_of


def executed(build):
    return set(re.findall(r"executed (\d+) out of", build.log))


def test_nothing_changed_executes_nothing(project):
    project.page("a", "print(1)")
    project.page("b", "print(2)")
    assert executed(project.build()) == {"2"}
    assert executed(project.build()) == {"0"}


def test_one_page_changed_executes_one_page(project):
    project.page("a", "print(1)")
    project.page("b", "print(2)")
    project.build()
    project.page("b", "print(3)")
    assert executed(project.build()) == {"1"}


def test_package_changed_executes_and_reads_every_page(project):
    project.page("a", "print(1)")
    project.page("b", "print(2)")
    project.build()
    project.source.write_text("changed = True")
    build = project.build()
    assert executed(build) == {"2"}
    assert re.search(r"reading sources.* index$", build.log, flags=re.MULTILINE)


def test_page_removed_leaves_the_site(project):
    project.page("a", "print(1)")
    project.page("b", "print(2)")
    project.build()
    (project.gallery / "plot_b.py").unlink()
    build = project.build()
    assert build.status == 0, build.log
    assert "plot_b" not in build.text("gallery/index.html")


def test_library_changed_changes_the_fingerprint(project, monkeypatch):
    root = project.docs.parent
    before = build_environment._fingerprint(root)
    assert build_environment._fingerprint(root) == before
    for library in build_environment.LIBRARIES:
        with monkeypatch.context() as patch:
            patch.setattr(
                build_environment,
                "version",
                lambda name, changed=library: "0" if name == changed else version(name),
            )
            assert build_environment._fingerprint(root) != before


def test_every_page_carries_the_stamp(site):
    pages = pages_of(site)
    assert len(pages) > 10
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    for page in pages:
        html = page.read_text(encoding="utf-8")
        stamp = re.search(r'<p class="build-stamp">(.*?)</p>', html, flags=re.DOTALL)
        assert stamp, page
        text = " ".join(stamp[1].split())
        verb = "Measured" if page.stem.startswith("plot_") else "Built"
        assert text.startswith(f"{verb} {today} with torch {version('torch')}, ")
        assert f"Python {platform.python_version()}" in text
        assert f"NumPy {version('numpy')}" in text
        assert re.search(r"start method \w+, \d+ cores", text)


def test_page_without_outputs_says_so(project):
    project.page("a", "print(1)")
    (project.docs / "_templates").mkdir()
    template = "{{ build_stamp.outputs }} {{ build_stamp.date }}"
    (project.docs / "_templates" / "page.html").write_text(template)
    with (project.docs / "conf.py").open("a") as configuration:
        configuration.write('templates_path = ["_templates"]\n')
    assert (
        project.build("-D", "plot_gallery=False")
        .text("gallery/plot_a.html")
        .startswith("missing")
    )
    assert project.build().text("gallery/plot_a.html").startswith("executed")
