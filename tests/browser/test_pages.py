"""Every page as its readers meet it: wide and narrow, light and dark, without scripts."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from .conftest import PAGES, watched

pytestmark = pytest.mark.browser

WIDTHS = (1280, 390)
KILOBYTE = 1000
HEAVIEST = 300

# Counts what moves from the first frame on, and says what it was.
WATCH_LAYOUT = """
window.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    // A blank between two elements moves while the page is read, and a node may be gone
    // soon after it has moved; a reader sees nothing.
    const isBlank = (node) =>
      !node || (node.nodeType == Node.TEXT_NODE && !node.data.trim());
    if (entry.sources.every(({ node }) => isBlank(node))) continue;
    const nodes = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80));
    window.moved.push([entry.value, nodes]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
# As far as a reader scrolls; images that wait for it are then on their way.
SCROLL_THROUGH = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
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
# A token of one kind has the same colours everywhere in a page's code, and so has a link:
# the first of each kind stands for all, and axe takes half the time.
KIND = """(tokens, where) => [...tokens.map((token) => token.className),
    where.closest("div[class*=highlight-]")?.className, !where.closest(".hll")].join()"""
# The rest becomes plain text.
UNWRAP_TOKENS = f"""() => {{
  const kindOf = {KIND}, seen = new Set();
  for (const token of document.querySelectorAll("div.highlight pre span[class]")) {{
    if (token.matches(".hll, a *") || token.childElementCount) continue;
    const kind = kindOf([token], token);
    if (seen.has(kind)) token.replaceWith(token.textContent);
    seen.add(kind);
  }}
}}"""
# Where colours are looked at, room of the same width stands for that plain text, and for
# links of which one like them was there.
BLANK_REPEATED_CODE = f"""() => {{
  const kindOf = {KIND}, seen = new Set();
  for (const link of document.querySelectorAll("div.highlight pre a")) {{
    const kind = kindOf([...link.children], link);
    if (seen.has(kind)) link.replaceWith(link.textContent);
    seen.add(kind);
  }}
  for (const block of document.querySelectorAll("div.highlight pre")) {{
    const texts = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {{
      const {{ currentNode: text }} = texts;
      const isToken = text.parentElement.matches("span:not(.hll, :has(*))");
      if (!isToken) text.data = text.data.replace(/\\S/g, "\\u00a0");
    }}
  }}
}}"""
# Preloading would look for imported style sheets where they are not.
RUN_AXE = """async ([context, options]) => (await axe.run(context,
    {preload: false, resultTypes: ["violations"], ...options})).violations"""
COLOURS = ["color-contrast", "link-in-text-block"]
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A figure's twin is there in one scheme only; all else is the same in both.
OF_EACH_SCHEME = {"runOnly": [*COLOURS, "image-alt"]}
AROUND_THE_ARTICLE = {"include": ["html"], "exclude": ["article"]}
ALL_BUT_COLOURS = {
    "runOnly": STANDARDS,
    "rules": {rule: {"enabled": False} for rule in COLOURS},
}
# All pages of a folder, except its index, have the same parts around their articles.
FIRST_OF_KIND = set(
    {
        (path.rpartition("/")[0], path.endswith("index.html")): path
        for path in reversed(PAGES)
    }.values()
)
# Without controls that are for scripts only.
LINES = """() => {
  for (const e of document.querySelectorAll("#sg-tag-list, .copy-repair, .filter-room")) e.remove();
  return document.querySelector("main").innerText.split("\\n");
}"""
# The file itself, and all that it has asked for.
SIZE = """[...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0)"""


@pytest.fixture(scope="session")
def axe():
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()


# Before the many tests, beside which this one runs.
def test_pages_are_light(address, launch, chromium_path):
    """A first visit transfers few bytes, with a host's gzip.

    Chromium's shell loads images that are far below the screen, as readers' browsers do
    not.
    """
    sizes = {}
    with (
        launch(chromium_path) as browser,
        browser.new_context(base_url=address) as context,
    ):
        tab = context.new_page()
        session = context.new_cdp_session(tab)
        session.send("Network.enable")  # without it, the next line does nothing
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        # The pages of a kind load the same files at any width.
        for width, pages in zip(WIDTHS, (PAGES, FIRST_OF_KIND), strict=True):
            tab.set_viewport_size({"width": width, "height": 900})
            for page in pages:
                tab.goto(page, wait_until="load")
                sizes[page, width] = tab.evaluate(SIZE) / KILOBYTE
    median = statistics.median(sizes[page, WIDTHS[0]] for page in PAGES)
    assert median <= 150, f"half of the pages have more than {median:.0f} kB"
    heavy = {
        where: f"{size:.0f} kB" for where, size in sizes.items() if size > HEAVIEST
    }
    assert not heavy, f"more than {HEAVIEST} kB"


def looks(page, width):
    """List what axe looks at: a part of the page, the rules, and the colour scheme.

    An article has the same colours at any width; what is around it has not. Pages of
    public names are of one form, and the first stands for all in the rest.
    """
    everything = ("html", {"runOnly": STANDARDS}, "light")
    if page.startswith("api/") and page not in FIRST_OF_KIND:
        return [everything] if width == WIDTHS[0] else []
    if width == WIDTHS[0]:
        return [everything, ("html", OF_EACH_SCHEME, "dark")]
    rest = [("html", ALL_BUT_COLOURS, "light")]
    if page in FIRST_OF_KIND:
        rest += [(AROUND_THE_ARTICLE, OF_EACH_SCHEME, s) for s in ("light", "dark")]
    return rest


# One test of all that a page shows: loading and looking take longer than any check.
@pytest.mark.parametrize("page", PAGES)
def test_everybody_can_read_it(page, address, chromium, axe):
    wrong = []
    for width in WIDTHS:
        size = {"width": width, "height": 900}
        with watched(chromium, address, viewport=size) as seen:
            tab = seen.tab
            tab.add_init_script(WATCH_LAYOUT)
            tab.goto(page, wait_until="load")
            tab.evaluate(SCROLL_THROUGH)
            moved = tab.evaluate("moved")
            if sum(value for value, _ in moved) >= 0.01:
                seen.wrong += [f"moves by {value:.4f}: {what}" for value, what in moved]
            seen.wrong += tab.evaluate(SIDEWAYS)
            with_scripts = set(tab.evaluate(LINES))
            tab.evaluate(axe)
            tab.evaluate(UNWRAP_TOKENS)
            tab.evaluate(BLANK_REPEATED_CODE)
            # Colours that fade into each other have any contrast on the way.
            tab.add_style_tag(content="* {transition: none !important}")
            found = []
            for where, options, scheme in looks(page, width):
                tab.emulate_media(color_scheme=scheme)
                tab.wait_for_function(
                    f"document.documentElement.dataset.theme == '{scheme}'"
                )
                found += tab.evaluate(RUN_AXE, [where, options])
            seen.wrong += [
                f"{rule['id']} at {node['target']}: {node['failureSummary']}"
                for rule in found
                for node in rule["nodes"]
            ]
            wrong += [f"{page} at {width} px: {what}" for what in seen.wrong]
    with watched(chromium, address, viewport=size, java_script_enabled=False) as seen:
        seen.tab.goto(page, wait_until="load")
        missing = with_scripts - set(seen.tab.evaluate(LINES))
        wrong += [f"{page} without scripts lacks: {line}" for line in missing]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
