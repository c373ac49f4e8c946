"""The built site in a real browser, as `nox -s site` runs it."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.browser

HTML = ROOT / "docs" / "_build" / "html"
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if "_static" not in path.parts
)
SCHEMES = ("light", "dark")
WIDTHS = (1280, 390)
# It would look for imported style sheets where they are not.
RUN_AXE = """axe.run(document, {preload: false, runOnly: [
    "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})"""
# What a reader types, and the page that is to be among the first three.
SEARCHES = {
    "same crop": "one_draw_for_the_whole_batch",
    "duplicate batches": "itertools_cycle",
    "worker seed": "worker_seed",
    "worker_init_fn": "worker_init",
    "set_epoch": "stale_worker_copy",
    "DistributedSampler": "",
    "second epoch empty": "exhausted_stream",
    "lru_cache": "cached_augmentation",
    "random_split transform": "split_shares_transform",
    "IterableDataset duplicates": "stream_not_split_by_worker",
}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address():
    """Serve the site that `nox -s docs` has built."""
    assert PAGES, "there is no site in docs/_build/html: run nox -s docs first"
    handler = functools.partial(_Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    installed = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        # Without one of the system's, Playwright's own.
        browser = playwright.chromium.launch(
            executable_path=installed,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe():
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()


class Watched:
    """A tab, and what it complains about."""

    def __init__(self, browser, address, **options):
        self.address = address
        self.complaints = []
        self.context = browser.new_context(**options)
        self.tab = self.context.new_page()
        self.tab.on("console", self._console)
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("request", self._request)
        self.tab.on("response", self._response)

    def _console(self, message):
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _request(self, request):
        if not request.url.startswith((self.address, "data:")):
            self.complaints.append(f"asks {request.url}")

    def _response(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.mark.parametrize("page", PAGES)
def test_everybody_can_read_it(page, address, chromium, axe):
    """WCAG 2.2 AA, nothing in the console, no other host, no sideways scroll."""
    with Watched(chromium, address) as watched:
        for width in WIDTHS:
            watched.tab.set_viewport_size({"width": width, "height": 900})
            # Anew: the theme lets the keyboard reach what overflows when it loads.
            watched.tab.goto(address + page, wait_until="load")
            watched.tab.evaluate(axe)
            # Colours that fade into each other have any contrast on the way.
            watched.tab.add_style_tag(content="* {transition: none !important}")
            for scheme in SCHEMES:
                watched.tab.emulate_media(color_scheme=scheme)
                watched.tab.wait_for_function(
                    f"document.documentElement.dataset.theme == '{scheme}'"
                )
                found = watched.tab.evaluate(RUN_AXE)
                broken = [
                    (rule["id"], node["target"], node["failureSummary"])
                    for rule in found["violations"]
                    for node in rule["nodes"]
                ]
                assert not broken, (scheme, width)
                scrolled = watched.tab.evaluate("document.documentElement.scrollWidth")
                assert scrolled <= width, scheme
    assert not watched.complaints


@pytest.mark.parametrize("page", PAGES)
def test_text_is_there_without_javascript(page, address, chromium):
    with Watched(chromium, address, java_script_enabled=False) as watched:
        watched.tab.goto(address + page, wait_until="load")
        assert watched.tab.locator("h1").first.is_visible()
