"""The addresses of the project follow its one setting, published or not."""

import json
import re
import runpy
import tomllib
import urllib.request

import jinja2
import pytest
from conftest import ROOT

from dejabatch import home

STATES = pytest.mark.parametrize("published", [False, True])
LAUNCHER = (ROOT / "docs" / "_templates" / "sg_launcher_links.html").read_text()


@pytest.fixture
def settings(published, monkeypatch):
    """Evaluate docs/conf.py as a project that is published, or not."""
    monkeypatch.setattr(home, "PUBLISHED", published)
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    return runpy.run_path(str(ROOT / "docs" / "conf.py"))


@STATES
def test_site_links_to_the_repository_and_colab_once_published(settings, published):
    links = [link["url"] for link in settings["html_theme_options"]["icon_links"]]
    page = jinja2.Template(LAUNCHER).render(
        notebooks=settings["html_context"]["notebooks"],
        pagename="a/b",
        get_download_links=lambda: jinja2.runtime.Namespace(zip="b.zip"),
    )
    assert links == ([home.REPOSITORY] if published else [])
    assert ("Open in Colab" in page) == published
    assert settings["published"] == published


@STATES
def test_wheel_has_its_future_address(settings, published):
    address = settings["package_wheel"]
    assert address.startswith(f"{home.SITE}wheel/dejabatch-")
    assert address in settings["sphinx_gallery_conf"]["first_notebook_cell"]


@pytest.mark.parametrize("stable", ["", "v0.1.0"])
def test_pages_have_a_switcher_once_a_release_is_published(stable, monkeypatch):
    monkeypatch.setattr(home, "STABLE", stable)
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    options = runpy.run_path(str(ROOT / "docs" / "conf.py"))["html_theme_options"]
    assert ("switcher" in options) == bool(stable)
    assert ("version-switcher" in options["navbar_end"]) == bool(stable)
    if stable:
        # Neither a page nor the build asks a host for the list.
        assert not options["check_switcher"]
        with urllib.request.urlopen(options["switcher"]["json_url"]) as answer:
            assert json.load(answer) == [
                {"version": "dev", "url": home.SITE},
                {"version": "stable", "url": f"{home.SITE}stable/"},
            ]


def test_metadata_has_the_addresses():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["urls"] == {
        "Homepage": home.SITE,
        "Source": home.REPOSITORY,
        "Changelog": f"{home.SITE}changelog.html",
    }


def test_readme_says_whether_the_addresses_work():
    text = (ROOT / "README.md").read_text()
    sentence = (
        f"The site will be at <{home.SITE}> and the repository at "
        f"<{home.REPOSITORY}>. Neither is published yet"
    )
    assert (sentence in " ".join(text.split())) != home.PUBLISHED
    assert ("\npip install dejabatch\n" in text) == bool(home.STABLE)
    addresses = set(
        re.findall(r"https://(?:github\.com|[\w.]+\.github\.io)[^>)\s`]*", text)
    )
    assert addresses == {home.SITE, home.REPOSITORY}
    assert text.index("pip install") < text.index("https://")


def test_robots_find_the_sitemap():
    lines = (ROOT / "docs" / "robots.txt").read_text().splitlines()
    assert f"Sitemap: {home.SITE}sitemap.xml" in lines


def test_no_other_page_or_module_repeats_the_addresses():
    patterns = ("src/**/*.py", "gallery/**/*.*", "docs/[!_]*/*.md", "docs/_ext/*.py")
    # A doctest compares the address in auditing.py with home.SITE.
    checked = ("home.py", "auditing.py")
    repeated = [
        path
        for pattern in (*patterns, "docs/*.md", ".github/**/*.*")
        for path in ROOT.glob(pattern)
        if path.name not in checked and path.suffix in {".py", ".md", ".rst", ".yml"}
        if re.search(r"github\.(?:io|com)/dejabatch", path.read_text())
    ]
    assert repeated == []
