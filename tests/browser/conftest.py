"""The built site behind a host like its own, and a browser."""

from __future__ import annotations

import contextlib
import functools
import gzip
import http.server
import mimetypes
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, Playwright

HTML = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if "_static" not in path.parts
    # Browsers leave the page of an old address at once.
    and 'http-equiv="refresh"' not in path.read_text(encoding="utf-8")
)
# Where the published site lies on its host: the page for unknown addresses needs it.
FOLDER = "/dejabatch/"


@functools.cache
def _content(file: Path) -> tuple[bytes, str, bool]:
    kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
    body = file.read_bytes()
    text = kind.startswith("text/") or kind.endswith(("javascript", "json", "xml"))
    return gzip.compress(body, 6) if text else body, kind, text


class Host(http.server.BaseHTTPRequestHandler):
    """Serves the site as hosts of static files do: gzip, keep-alive, its own 404 page."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        file = HTML / path.removeprefix(FOLDER)
        if file.is_dir():
            file /= "index.html"
        status = 200
        if not path.startswith(FOLDER) or not file.is_file():
            status, file = 404, HTML / "404.html"
        body, kind, zipped = _content(file) if file.is_file() else (b"", "", False)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        # A tab that is closed does not wait for the rest.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)

    def handle(self) -> None:
        # A browser that ends leaves its connections.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Serve the site that `nox -s docs` has built."""
    assert PAGES, "there is no site in docs/_build/html: run nox -s docs first"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{FOLDER}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium_path(playwright: Playwright) -> str:
    """Give the system's Chromium, or else Playwright's own."""
    installed = shutil.which("chromium") or shutil.which("chromium-browser")
    return installed or playwright.chromium.executable_path


@pytest.fixture(scope="session")
def launch(playwright: Playwright) -> Callable[[str], Browser]:
    """Give a function that starts a browser by its path."""
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    return lambda path: playwright.chromium.launch(executable_path=path, args=options)


@pytest.fixture(scope="session")
def chromium(launch: Callable[[str], Browser], chromium_path: str) -> Iterator[Browser]:
    # The shell has no windows, and opens a page in two thirds of the time.
    with launch(shutil.which("chromium-headless-shell") or chromium_path) as browser:
        yield browser


@pytest.fixture
def tab(chromium: Browser, address: str) -> Iterator[Page]:
    """Open an empty tab with a cache of its own, in which addresses may be relative."""
    with chromium.new_context(base_url=address) as context:
        yield context.new_page()


@pytest.fixture(scope="session")
def expect():
    """Give Playwright's assertions, which wait for what they state."""
    from playwright.sync_api import expect as assertions

    return assertions


@dataclass
class Watched:
    """A tab, and what is wrong with it."""

    tab: Page
    wrong: list[str] = field(default_factory=list)


@contextlib.contextmanager
def watched(browser: Browser, address: str, **options: object) -> Iterator[Watched]:
    """Open a tab with a cache of its own, and listen to it."""
    with browser.new_context(base_url=address, **options) as context:
        seen = Watched(context.new_page())

        def console(message):
            if message.type in {"error", "warning"}:
                seen.wrong.append(f"console {message.type}: {message.text}")

        def request(asked):
            if not asked.url.startswith((address, "data:", "blob:")):
                seen.wrong.append(f"asks another host: {asked.url}")

        def response(answer):
            if answer.status >= 400:
                seen.wrong.append(f"{answer.status}: {answer.url}")

        seen.tab.on("console", console)
        seen.tab.on("pageerror", lambda error: seen.wrong.append(str(error)))
        seen.tab.on("request", request)
        seen.tab.on("response", response)
        yield seen
