"""Every page as its readers meet it: wide and narrow, light and dark, without scripts."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .conftest import PAGES, watched

pytestmark = pytest.mark.browser

WIDTHS = (1280, 390)
KILOBYTE = 1000

# Counts what moves from the first frame on, and says what it was.
WATCH_LAYOUT = """
window.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const nodes = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80));
    window.moved.push([entry.value, nodes]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
# As far as a reader scrolls; images that wait for it are then on their way.
SCROLL_THROUGH = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
    scrollTo({ top: y, behavior: "instant" });
    await frame();
  }
  const waiting = [...document.images].filter((i) => i.checkVisibility() && !i.complete);
  await Promise.all(
    waiting.map((i) => new Promise((done) => { i.onload = i.onerror = done; })));
  await frame();
  await frame();
}"""
# The theme lets the text scroll in its column, where the page itself does not.
SIDEWAYS = """[document.documentElement, ...document.querySelectorAll("main, main > div, \
    .bd-article-container, .bd-article")].filter((e) => e.scrollWidth > e.clientWidth + 1)
  .map((e) => `${e.className || e.tagName} is ${e.scrollWidth} px in ${e.clientWidth}`)"""
# A token of one kind has the same colours everywhere in a page's code: the first of each
# kind stands for all, and axe takes a fourth of the time.
MARK_TOKENS = """() => {
  const seen = new Set();
  for (const token of document.querySelectorAll("div.highlight pre span[class]")) {
    const line = token.closest("span.hll") ? "marked" : "";
    const kind = [token.className, line, token.closest("div[class*=highlight-]")?.className];
    if (seen.has(kind.join())) token.dataset.again = "";
    seen.add(kind.join());
  }
}"""
# Preloading would look for imported style sheets where they are not.
RUN_AXE = """async (runOnly) => (await axe.run({exclude: [["[data-again]"]]},
    {preload: false, resultTypes: ["violations"], runOnly})).violations"""
# All else is the same in both schemes.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": ["color-contrast", "image-alt", "link-in-text-block"],
}
# Without the filter by tags, which is for scripts only.
LINES = """() => {
  document.querySelector("#sg-tag-list")?.remove();
  return document.querySelector("main").innerText.split("\\n");
}"""
# The file itself, and all that it has asked for.
SIZE = """[...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0)"""


@dataclass
class Visit:
    """What a page showed; each line says at which width and in which scheme."""

    violations: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    sideways: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    only_with_scripts: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def axe():
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()


# One process has all tests of a page, and visits it once.
@pytest.fixture(
    scope="module",
    params=[pytest.param(p, marks=pytest.mark.xdist_group(p)) for p in PAGES],
)
def visit(request, address, chromium, axe):
    page, visit = request.param, Visit()
    for width in WIDTHS:
        size = {"width": width, "height": 900}
        with watched(chromium, address, viewport=size) as seen:
            tab = seen.tab
            tab.add_init_script(WATCH_LAYOUT)
            tab.goto(page, wait_until="load")
            tab.evaluate(SCROLL_THROUGH)
            moved = tab.evaluate("moved")
            if sum(value for value, _ in moved) >= 0.01:
                visit.moved += [
                    f"{page} at {width} px: {v:.4f} {what}" for v, what in moved
                ]
            visit.sideways += [
                f"{page} at {width} px: {what}" for what in tab.evaluate(SIDEWAYS)
            ]
            with_scripts = set(tab.evaluate(LINES))
            tab.evaluate(axe)
            tab.evaluate(MARK_TOKENS)
            # Colours that fade into each other have any contrast on the way.
            tab.add_style_tag(content="* {transition: none !important}")
            for scheme, rules in RULES.items():
                tab.emulate_media(color_scheme=scheme)
                tab.wait_for_function(
                    f"document.documentElement.dataset.theme == '{scheme}'"
                )
                visit.violations += [
                    f"{page} at {width} px, {scheme}: {rule['id']} at {node['target']}: "
                    f"{node['failureSummary']}"
                    for rule in tab.evaluate(RUN_AXE, rules)
                    for node in rule["nodes"]
                ]
            where = f"{page} at {width} px: "
            visit.console += [where + what for what in seen.console]
            visit.foreign += [where + what for what in seen.foreign]
            visit.missing += [where + what for what in seen.missing]
    with watched(chromium, address, viewport=size, java_script_enabled=False) as seen:
        seen.tab.goto(page, wait_until="load")
        missing = with_scripts - set(seen.tab.evaluate(LINES))
        visit.only_with_scripts = [
            f"{page} without scripts lacks: {x}" for x in missing
        ]
    return visit


def none_of(lines):
    """Fail with the lines alone: each says all that is needed."""
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def test_everybody_can_read_it(visit):
    """WCAG 2.2 AA, and what axe calls best practice."""
    none_of(visit.violations)


def test_nothing_is_in_the_console(visit):
    none_of(visit.console)


def test_it_asks_no_other_host(visit):
    none_of(visit.foreign)


def test_what_it_asks_for_is_there(visit):
    none_of(visit.missing)


def test_it_does_not_scroll_sideways(visit):
    none_of(visit.sideways)


def test_nothing_moves_while_it_loads(visit):
    none_of(visit.moved)


def test_text_is_there_without_javascript(visit):
    none_of(visit.only_with_scripts)


def test_pages_are_light(address, chromium):
    """What a first visit transfers, with a host's gzip."""
    sizes = {}
    for page in PAGES:
        with watched(chromium, address) as seen:
            seen.tab.goto(page, wait_until="load")
            sizes[page] = seen.tab.evaluate(SIZE) / KILOBYTE
    heavy = {page: size for page, size in sizes.items() if size > 300}
    assert not heavy, f"more than 300 kB: {heavy}"
    median = statistics.median(sizes.values())
    assert median <= 150, f"half of the pages have more than {median:.0f} kB"
