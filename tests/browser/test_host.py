"""The page for wrong addresses, and the files for crawlers."""

import re
import runpy
from urllib.parse import urldefrag
from xml.etree import ElementTree

import pytest

from .conftest import HTML, PAGES, watched

pytestmark = pytest.mark.browser

SITE = runpy.run_path(str(HTML.parents[2] / "src" / "dejabatch" / "home.py"))["SITE"]
# Not for readers who come from elsewhere.
OF_NO_INTEREST = {"404.html", "genindex.html", "search.html"}


def page_of(url):
    return urldefrag(url).url.removeprefix(SITE) or "index.html"


@pytest.mark.parametrize("wrong", ["no-such-page.html", "gallery/no/such/page.html"])
def test_wrong_address_leads_back(wrong, address, chromium):
    with watched(chromium, address) as seen:
        answer = seen.tab.goto(wrong)
        assert answer.status == 404
        said = [what for what in seen.wrong if what != f"404: {address}{wrong}"]
        assert len(seen.wrong) == 2
        # The console's word for the same; all else is there.
        assert len(said) == 1
        assert re.match(r"console error: .* 404 ", said[0])
        seen.tab.locator("header a").first.click()
        assert seen.tab.url in {address, f"{address}index.html"}


def test_sitemap_has_every_page():
    tree = ElementTree.parse(HTML / "sitemap.xml")
    found = {page_of(loc.text) for loc in tree.iterfind(".//{*}loc")}
    assert found - OF_NO_INTEREST == set(PAGES) - OF_NO_INTEREST


def test_robots_find_the_sitemap():
    lines = (HTML / "robots.txt").read_text(encoding="utf-8").splitlines()
    assert f"Sitemap: {SITE}sitemap.xml" in lines
    assert "Disallow: /" not in lines


def test_language_models_find_every_failure():
    text = (HTML / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# dejabatch")
    found = {page_of(url) for url in re.findall(rf"{SITE}[^)\s]*", text)}
    assert all((HTML / name).is_file() for name in found)
    stems = {name.partition(".")[0] for name in found}
    pages = [p.removesuffix(".html") for p in PAGES if "/plot_" in p]
    assert not set(pages) - stems
