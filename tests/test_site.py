"""The site as it is published: nothing foreign in it, nothing broken, nothing private."""

import functools
import getpass
import gzip
import json
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from conftest import PAGES, ROOT, SCRIPTS, copy_site, sphinx_build
from fontTools.ttLib import TTFont
from green_runs import slow_build
from light_styles import names_of, purge
from package_wheel import PLACEHOLDER
from packaging.requirements import Requirement
from plain_text import as_markdown
from site_pages import pages_of, redirects_of

from dejabatch.catalogue import FAILURE_MODES, SIGNS
from dejabatch.home import PUBLISHED, REPOSITORY, SITE

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=[p.stem for p in PAGES])


def built(page):
    return f"gallery/{page.parent.name}/{page.stem}.html"


@functools.cache  # parsing takes most of the time of these tests
def soup_of(page):
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def downloads(site, page):
    soup = soup_of(site.html / built(page))
    folder = (site.html / built(page)).parent
    links = soup.select(".bd-sidebar-secondary .sphx-glr-sidebar-item a[download]")
    return {Path(a["href"]).suffix: (folder / a["href"]).resolve() for a in links}


@EVERY_PAGE
def test_outputs_were_produced_by_this_build(site, page):
    html = site.text(built(page))
    assert "sphx-glr-script-out" in html
    assert "<img" in html
    assert "Traceback" not in html
    assert "Warning" not in html


@EVERY_PAGE
def test_sidebar_offers_script_notebook_and_zip(site, page):
    files = downloads(site, page)
    assert set(files) == {".py", ".ipynb", ".zip"}
    parts = page.read_text().split(PLACEHOLDER)
    downloaded = files[".py"].read_text()
    assert downloaded.startswith(parts[0])
    assert downloaded.endswith(parts[-1])
    compile(downloaded, page.name, "exec")

    notebook = json.loads(files[".ipynb"].read_text())
    first, *cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert "".join(first["source"]).startswith("%pip install")
    assert cells
    compile("\n".join("".join(c["source"]) for c in cells), page.name, "exec")

    with zipfile.ZipFile(files[".zip"]) as archive:
        assert set(archive.namelist()) == {page.name, page.stem + ".ipynb"}


def test_everything_can_be_downloaded_at_once(site):
    for archive, suffix in {"python": ".py", "jupyter": ".ipynb"}.items():
        (path,) = site.html.glob(f"_downloads/*/gallery_{archive}.zip")
        with zipfile.ZipFile(path) as content:
            names = {Path(name).name for name in content.namelist()}
        assert {page.with_suffix(suffix).name for page in PAGES} <= names


def test_nothing_tells_where_it_was_built(site):
    private = {str(ROOT), str(site.html.parents[2]), str(Path.home())}
    private |= {f"/home/{getpass.getuser()}", f"/Users/{getpass.getuser()}"}
    # A short host name such as "vm" is also a piece of many words.
    if (host := socket.gethostname()) != "localhost" and len(host) > 4:
        private.add(host)
    private = re.compile("|".join(map(re.escape, sorted(private))))
    files = [p for p in site.html.rglob("*") if p.is_file()]
    contents = {str(p.relative_to(site.html)): p.read_bytes() for p in files}
    for path in (p for p in files if p.suffix == ".zip"):
        with zipfile.ZipFile(path) as archive:
            contents |= {
                f"{path.name}:{n}": archive.read(n) for n in archive.namelist()
            }
    # Until the site is published, downloads install the wheel of this build.
    wheel = b"" if PUBLISHED else (site.html / "wheel").as_uri().encode()
    found = {
        name: match[0]
        for name, content in contents.items()
        if (
            match := private.search(
                content.replace(wheel, b"").decode("utf-8", errors="replace")
            )
        )
    }
    assert not found


def test_pages_ask_no_other_host_for_anything(site):
    for page in pages_of(site):
        soup = soup_of(page)
        loaded = [e.get("src") for e in soup.select("[src]")]
        loaded += [
            e["href"] for e in soup.select("link[rel*=stylesheet], link[rel*=icon]")
        ]
        foreign = [url for url in loaded if urlsplit(url).netloc]
        assert not foreign, page


def test_internal_links_lead_somewhere(site):
    soups = {page.resolve(): soup_of(page) for page in pages_of(site)}
    broken = []
    for page, soup in soups.items():
        for anchor in soup.select("a[href]"):
            address, fragment = urldefrag(anchor["href"])
            if urlsplit(address).scheme:
                continue
            path = unquote(urlsplit(address).path)
            root = urlsplit(SITE).path  # as the page of missing pages has it
            under = (
                site.html / path.removeprefix(root) if path.startswith(root) else path
            )
            target = (page.parent / under).resolve()
            target = target if address else page
            known = soups.get(target)
            found = known.find(id=fragment) if fragment and known else True
            if not target.is_file() or not found:
                broken.append((page.name, anchor["href"]))
    assert not broken


def test_old_addresses_lead_to_a_page(site):
    redirects = {page.name: page for page in redirects_of(site)}
    former = {"SCHEMES", "SECTIONS", "SIGNS"}
    assert redirects.keys() >= {f"dejabatch.{name}.html" for name in former}
    pages = {page.resolve() for page in pages_of(site)}
    for page in redirects.values():
        soup = soup_of(page)
        (refresh,) = soup.select("meta[http-equiv=refresh]")
        address = soup.a["href"]
        assert refresh["content"] == f"0; url={address}"
        assert (page.parent / urldefrag(address).url).resolve() in pages


@slow_build
def test_a_false_claim_breaks_the_build(tmp_path):
    """A page's assert is what keeps the site from publishing a false sentence."""
    docs = copy_site(tmp_path)
    page = tmp_path / "gallery" / "1_sample" / "plot_getitem_ignores_index.py"
    claim = "assert not same_for_first_indices(fixed.dataset)"
    source = page.read_text()
    assert claim in source
    page.write_text(source.replace(claim, claim.replace("not ", "")))
    only = f"sphinx_gallery_conf.filename_pattern=/{page.name}"

    for attempt in ("first", "again, with what the first left behind"):
        build = sphinx_build(docs, "-D", only)
        assert build.status != 0, attempt
        assert f"{page.name} unexpectedly failed to execute" in build.log, attempt
        assert "AssertionError" in build.log


@slow_build
def test_build_without_execution_is_clean_and_says_so(tmp_path):
    build = sphinx_build(copy_site(tmp_path), "-D", "plot_gallery=False")
    assert build.status == 0, build.log
    for page in PAGES:
        assert "Not executed:" in build.text(built(page))
    assert "Not executed:" not in build.text("contributing.html")


@slow_build
def test_page_without_a_record_is_named(tmp_path):
    docs = copy_site(tmp_path)
    shutil.copy(PAGES[0], tmp_path / "gallery" / "1_sample" / "plot_unknown.py")
    build = sphinx_build(docs, "-D", "plot_gallery=False")
    assert build.status != 0
    assert "plot_unknown.py has no record" in build.log


# A light site ------------------------------------------------------------------------


def test_scripts_wait_in_their_order(site):
    for page in pages_of(site):
        soup = soup_of(page)
        for script in soup.select("script[src]"):
            assert script.has_attr("defer"), (page, script)
        for script in soup.select("script:not([src])"):
            if "DOCUMENTATION_OPTIONS" in script.text:
                assert script.get("type") == "module", page
        assert not soup.select("script[src*=fontawesome]"), page


def test_images_have_a_size_and_few_bytes(site):
    seen = set()
    for page in pages_of(site):
        for image in soup_of(page).select("img[src]"):
            if "_images" not in image["src"]:
                continue
            file = (page.parent / image["src"]).resolve()
            seen.add(file)
            sized = image.has_attr("width") and image.has_attr("height")
            assert sized or "width:" in image.get("style", ""), (page, image)
            assert file.suffix in {".webp", ".svg"}, file
            assert file.stat().st_size < 200_000, file
    assert len(seen) > len(PAGES)


def test_one_style_sheet_has_what_the_pages_use(site):
    for page in pages_of(site):
        links = soup_of(page).select("link[rel=stylesheet]")
        assert len(links) == 1, page
    css = (site.html / "_static" / "styles" / "site.css").read_text()
    assert len(gzip.compress(css.encode())) < 30_000
    # On pages, from scripts, and what both schemes need.
    for kept in (
        ".bd-article",
        ".copybtn",
        ".dropdown-menu.show",
        "#pst-search-dialog",
    ):
        assert kept in css, kept
    assert ".carousel-caption" not in css
    for url in re.findall(r"url\(([^)]+)\)", css):
        if not url.strip("\"'").startswith("data:"):
            assert (site.html / "_static" / "styles" / url.strip("\"'")).is_file(), url


def test_icons_in_use_are_in_the_fonts(site):
    css = (site.html / "_static" / "styles" / "site.css").read_text()
    fonts = [*site.html.glob("_static/vendor/fontawesome/webfonts/fa-*.woff2")]
    there = set().union(*(TTFont(font).getBestCmap() for font in fonts))
    used = {ord(icon) for icon in re.findall("[\ue000-\uf8ff]", css)}
    assert used
    assert used <= there
    assert sum(font.stat().st_size for font in fonts) < 20_000


def test_purge_keeps_rules_that_may_match():
    used = names_of("""<p class="used other"><article id='there'>""")
    sheet = """
        @charset "UTF-8";
        .used, .unused { margin: 0 !important }
        .used .unused, article#there, #missing { color: red }
        .used:not(.unused, b)::before { content: "a" }
        @media (min-width: 1px) { .unused { color: red } }
        @media print { .used > p:hover { color: red } }
        .bs-tooltip-top { color: red }
        @font-face { font-family: F }
    """
    assert purge(sheet, used) == (
        ".used{margin: 0 !important}"
        "article#there{color: red}"
        '.used:not(.unused, b)::before{content: "a"}'
        "@media print {.used > p:hover{color: red}}"
        ".bs-tooltip-top{color: red}"
        "@font-face { font-family: F }"
    )


# Found, shared and read elsewhere ----------------------------------------------------


def test_pages_describe_themselves(site):
    descriptions = {}
    for page in pages_of(site):
        if page.stem in {"genindex", "search"}:
            continue
        soup = soup_of(page)
        (meta,) = soup.select("meta[name=description]")
        assert len(meta["content"]) > 50, page
        assert descriptions.setdefault(meta["content"], page) == page
        assert soup.title.text.endswith("dejabatch"), page
        assert soup.select("meta[property='og:image']"), page
        (canonical,) = soup.select("link[rel=canonical]")
        assert canonical["href"] == SITE + page.relative_to(site.html).as_posix()
    for mode in FAILURE_MODES.values():
        if mode.has_page:
            page = site.html / built(ROOT / "gallery" / mode.page)
            (meta,) = soup_of(page).select("meta[name=description]")
            assert meta["content"].startswith(mode.symptom.replace("`", ""))


def test_first_screen_has_the_repair_and_the_measured_result(site):
    for page in PAGES:
        soup = soup_of(site.html / built(page))
        repair = soup.select_one(".repair")
        assert repair.select(".highlight-diff .gd, .highlight-diff .gi"), page
        assert len(repair.select(".measured dd")) == 3, page
        assert repair.select_one(".measured img"), page
        assert repair.select_one(".measured a[href='#proof']"), page
        assert soup.select_one("section#proof figure figcaption"), page
        # The repair comes before the page's first section.
        assert repair.find_next("section")["id"] == "see-it-happen"
        assert (
            FAILURE_MODES[page.stem[5:].replace("_", "-")].slug
            in soup.select_one(".facts").text
        )


def test_shared_links_show_the_proof(site):
    for page in PAGES:
        (card,) = soup_of(site.html / built(page)).select("meta[property='og:image']")
        file = site.html / card["content"].removeprefix(SITE)
        assert file.name == f"{page.stem}.png"
        assert file.read_bytes().startswith(b"\x89PNG")


def test_pages_tell_search_engines_what_they_are(site):
    for page in PAGES:
        (script,) = soup_of(site.html / built(page)).select("[type*='ld+json']")
        article = json.loads(script.text)
        assert article["@type"] == "TechArticle"
        title = soup_of(site.html / built(page)).h1.contents[0]
        assert article["headline"] == title.replace("\u2019", "'")
        assert article["url"] == f"{SITE}{built(page)}"
    for sign, question in SIGNS.items():
        (script,) = soup_of(site.html / f"symptoms/{sign}.html").select(
            "[type*='ld+json']"
        )
        (entry,) = json.loads(script.text)["mainEntity"]
        assert entry["name"] == question
        assert entry["acceptedAnswer"]["text"]


def test_slug_is_a_permanent_address(site):
    for slug, mode in FAILURE_MODES.items():
        page = soup_of(site.html / f"{slug}.html")
        assert page.a["href"] == mode.url.removeprefix(SITE)
    seeds = soup_of(site.html / "reference/worker-seeds.html")
    for anchor in ("worker-seeds", "worker-seeds-table", "worker-seeds-measured"):
        assert seeds.find(id=anchor)


def test_sitemap_has_every_page_once(site):
    tree = ElementTree.parse(site.html / "sitemap.xml")
    urls = sorted(url.text for url in tree.iter() if url.tag.endswith("loc"))
    pages = {p.relative_to(site.html).as_posix() for p in pages_of(site)}
    pages -= {"404.html", "genindex.html", "search.html"}
    assert urls == sorted(SITE + page for page in pages)


def test_plain_text_has_the_outputs(site):
    full = (site.html / "llms-full.txt").read_text()
    listed = (site.html / "llms.txt").read_text()
    for page in PAGES:
        text = site.text(built(page) + ".md")
        (output, *_) = soup_of(site.html / built(page)).select(
            ".sphx-glr-script-out pre"
        )
        assert output.text.rstrip() in text
        assert text in full
        assert f"{SITE}{built(page)}.md" in listed


def test_markdown_keeps_code_and_whole_addresses():
    html = """
    <h1>Title<a class="headerlink" href="#t">#</a></h1>
    <div class="highlight-Python notranslate"><pre>x = 1\n</pre></div>
    <div class="highlight-none notranslate"><pre>1\n</pre></div>
    <p><a href="../b.html">b</a></p><div class="sphx-glr-footer">Download</div>
    """
    assert as_markdown(html, f"{SITE}a/c.html") == (
        f"# Title\n\n```python\nx = 1\n```\n\n```\n1\n```\n\n[b]({SITE}b.html)\n"
    )


# The package beside its pages --------------------------------------------------------


@pytest.mark.parametrize("suffix", [".py", ".ipynb"])
def test_wheel_of_the_downloads_installs(site, tmp_path, suffix):
    text = downloads(site, PAGES[0])[suffix].read_text()
    (url,) = re.findall(r'dejabatch(?:\[gallery\])? @ ([^"\\]+)', text)
    folder, _, name = url.rpartition("/")
    assert folder == (f"{SITE}wheel" if PUBLISHED else (site.html / "wheel").as_uri())
    wheel = site.html / "wheel" / name
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path), str(wheel)], check=True)
    assert {p.relative_to(tmp_path / "dejabatch") for p in tmp_path.rglob("*.py")} >= {
        p.relative_to(ROOT / "src" / "dejabatch") for p in ROOT.glob("src/**/*.py")
    }


@EVERY_PAGE
def test_notebooks_have_links(site, page):
    cells = json.loads(downloads(site, page)[".ipynb"].read_text())["cells"]
    text = "".join(
        s for c in cells if c["cell_type"] == "markdown" for s in c["source"]
    )
    assert not re.search(r":[a-z]+:`|>`_", text)
    links = re.findall(re.escape(SITE) + r"([^)#]+\.html)", text)
    assert links
    assert [link for link in links if not (site.html / link).is_file()] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=[p.stem for p in SCRIPTS])
def test_notebooks_install_what_their_page_needs(script):
    block = re.search(
        r"^# /// script$(.*?)^# ///$", script.read_text(), re.MULTILINE | re.DOTALL
    )
    lines = [line.removeprefix("#") for line in block[1].splitlines()]
    needed = tomllib.loads("\n".join(lines))["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["gallery"]
    installed = {Requirement(r).name for r in [*project["dependencies"], *extra]}
    assert {Requirement(r).name for r in needed} <= {*installed, "dejabatch"}


@EVERY_PAGE
def test_colab_link_leads_to_a_published_notebook(site, page):
    links = [
        a["href"]
        for a in soup_of(site.html / built(page)).select(
            ".bd-sidebar-secondary a[href]"
        )
        if "colab" in a["href"]
    ]
    colab = REPOSITORY.replace("github.com", "colab.research.google.com/github")
    notebook = built(page).replace(".html", ".ipynb")
    assert links == ([f"{colab}/blob/notebooks/{notebook}"] if PUBLISHED else [])
