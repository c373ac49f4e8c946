"""The site as it is published: nothing foreign in it, nothing broken, nothing private."""

import getpass
import json
import re
import shutil
import socket
import zipfile
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import PAGES, ROOT, copy_site, pages_of, sphinx_build

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=[p.stem for p in PAGES])


def built(page):
    return f"gallery/{page.parent.name}/{page.stem}.html"


def downloads(site, page):
    soup = BeautifulSoup(site.text(built(page)), "html.parser")
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
    assert files[".py"].read_text() == page.read_text()
    compile(files[".py"].read_text(), page.name, "exec")

    notebook = json.loads(files[".ipynb"].read_text())
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
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
    contents = {str(p): p.read_bytes() for p in files}
    for path in (p for p in files if p.suffix == ".zip"):
        with zipfile.ZipFile(path) as archive:
            contents |= {f"{path}:{n}": archive.read(n) for n in archive.namelist()}
    found = {
        name: match[0]
        for name, content in contents.items()
        if (match := private.search(content.decode("utf-8", errors="replace")))
    }
    assert not found


def test_pages_ask_no_other_host_for_anything(site):
    for page in pages_of(site):
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        loaded = [e.get("src") for e in soup.select("[src]")]
        loaded += [
            e["href"] for e in soup.select("link[rel*=stylesheet], link[rel*=icon]")
        ]
        foreign = [url for url in loaded if urlsplit(url).netloc]
        assert not foreign, page


def test_internal_links_lead_somewhere(site):
    soups = {
        page.resolve(): BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for page in pages_of(site)
    }
    broken = []
    for page, soup in soups.items():
        for anchor in soup.select("a[href]"):
            address, fragment = urldefrag(anchor["href"])
            if urlsplit(address).scheme:
                continue
            target = (page.parent / unquote(urlsplit(address).path)).resolve()
            target = target if address else page
            known = soups.get(target)
            found = known.find(id=fragment) if fragment and known else True
            if not target.is_file() or not found:
                broken.append((page.name, anchor["href"]))
    assert not broken


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


def test_build_without_execution_is_clean_and_says_so(tmp_path):
    build = sphinx_build(copy_site(tmp_path), "-D", "plot_gallery=False")
    assert build.status == 0, build.log
    for page in PAGES:
        assert "Not executed:" in build.text(built(page))
    assert "Not executed:" not in build.text("contributing.html")


def test_page_without_a_record_is_named(tmp_path):
    docs = copy_site(tmp_path)
    shutil.copy(PAGES[0], tmp_path / "gallery" / "1_sample" / "plot_unknown.py")
    build = sphinx_build(docs, "-D", "plot_gallery=False")
    assert build.status != 0
    assert "gallery/1_sample/plot_unknown.py has no record" in build.log
