"""A page shows its repair at once, and is read in three minutes."""

import pytest

from .conftest import PAGES

pytestmark = pytest.mark.browser

FAILURES = [page for page in PAGES if page.startswith("gallery/") and "/plot_" in page]
FAILURES = [page for page in FAILURES if page.split("/")[1][0].isdigit()]
# Where the diff ends, and where the first output begins.
PLACES = """() => {
  const place = (selector) => document.querySelector(selector)?.getBoundingClientRect();
  return [place(".repair .highlight-diff").bottom, place(".sphx-glr-script-out").top];
}"""
# All that is open: words outside of code, and lines of code that are not outputs.
LENGTH = """() => {
  const open = document.querySelector("article").cloneNode(true);
  for (const e of open.querySelectorAll("details > :not(summary), .headerlink, script, \
      .sphx-glr-footer, .build-stamp, #sg-tag-list, button, .sphx-glr-script-out")) e.remove();
  let lines = 0;
  for (const block of open.querySelectorAll("pre")) {
    lines += block.textContent.split("\\n").filter((line) => line.trim()).length;
    block.remove();
  }
  return [open.textContent.split(/\\s+/).filter((word) => word).length, lines];
}"""


@pytest.mark.parametrize("page", FAILURES)
def test_repair_is_on_the_first_screen_and_the_page_is_short(page, tab):
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.goto(page)
    fix, output = tab.evaluate(PLACES)
    words, lines = tab.evaluate(LENGTH)
    tab.set_viewport_size({"width": 390, "height": 844})
    fix_on_a_phone, _ = tab.evaluate(PLACES)
    assert fix <= 900
    assert fix_on_a_phone <= 1700
    assert output <= 1800
    assert words <= 500
    assert lines <= 60
    seconds = words / 4 + 2 * lines
    assert seconds <= 180, f"{words} words and {lines} lines take {seconds:.0f} s"


def test_fix_and_diff_are_copied(tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto("gallery/3_order/plot_drop_last.html")
    copied = {}
    for button in tab.locator("[data-copies]").all():
        button.click()
        tab.wait_for_function(
            "e => e.textContent == 'Copied'", arg=button.element_handle()
        )
        copied[button.get_attribute("data-copies")] = tab.evaluate(
            "navigator.clipboard.readText()"
        )
    assert "-    drop_last=True," in copied["diff"]
    assert "drop_last" not in copied["fix"]
    assert "\n    batch_size=16,\n" in f"\n{copied['fix']}"


def test_folded_parts_open_by_keyboard(tab, expect):
    tab.goto("gallery/3_order/plot_drop_last.html")
    summary = tab.locator("article details > summary").first
    code = tab.locator("article details").first.locator("pre").first
    expect(code).to_be_hidden()
    summary.focus()
    tab.keyboard.press("Enter")
    expect(code).to_be_visible()
