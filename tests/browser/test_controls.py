"""Controls work by keyboard, keep their state, and announce it."""

import pytest

pytestmark = pytest.mark.browser

DEEP = "gallery/2_randomness/plot_rng_object_on_dataset.html"


def scheme(tab):
    return tab.evaluate("document.documentElement.dataset.theme")


def background(tab):
    return tab.evaluate("getComputedStyle(document.body).backgroundColor")


def test_symptoms_are_filtered_by_keyboard(tab, expect):
    tab.goto("index.html")
    field = tab.get_by_label("Show only symptoms with these words")
    rows = tab.locator("table.filterable tbody tr")
    shown = rows.locator("visible=true")
    said = tab.get_by_role("status")
    total = rows.count()
    expect(shown).to_have_count(0)  # the table is folded until words are typed
    field.focus()
    tab.keyboard.type("Crop same")
    # In any order, and in capitals or not.
    assert "crop" in shown.first.inner_text().lower()
    assert 0 < shown.count() < total
    expect(said).to_contain_text(f"{shown.count()} of {total} symptoms. Search")
    field.fill("HDF5")  # a word that people use, and no row
    expect(shown).to_have_count(1)
    field.fill("HDF5 xylophone")  # a word that no row has
    expect(shown).to_have_count(1)
    expect(said).to_contain_text("without xylophone, which no symptom has")
    everywhere = said.get_by_role("link")
    assert everywhere.get_attribute("href").endswith("/search.html?q=HDF5%20xylophone")
    field.fill("xylophone")
    expect(shown).to_have_count(0)
    tab.keyboard.press("Escape")
    expect(shown).to_have_count(total)

    field.fill("HDF5")
    tab.wait_for_url("**/index.html?q=HDF5")
    address = tab.url
    tab.goto("about:blank")
    tab.goto(address)
    expect(shown).to_have_count(1)
    link = shown.first.locator("a")
    target = link.evaluate("e => e.href")
    link.focus()
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(target)


def test_behaviours_of_releases_are_filtered_by_keyboard(tab, expect):
    tab.goto("evidence/versions.html")
    field = tab.get_by_label("Show only behaviours with these words")
    rows = tab.locator("table.versions tbody tr")
    shown = rows.locator("visible=true")
    said = tab.get_by_role("status")
    total = rows.count()
    expect(shown).to_have_count(total)
    expect(said).to_have_text(f"{total} behaviours")
    field.focus()
    tab.keyboard.type("Persistent seed")
    expect(said).to_have_text(f"{shown.count()} of {total} behaviours")
    assert 0 < shown.count() < total
    for words in shown.all_inner_texts():
        assert "persistent" in words.lower()
        assert "seed" in words.lower()
    field.fill("xylophone")  # a word that no row has
    expect(shown).to_have_count(0)
    expect(said).to_contain_text("without xylophone, which no behaviour has")
    tab.keyboard.press("Escape")
    expect(shown).to_have_count(total)


def test_theme_is_switched_and_kept(tab):
    tab.emulate_media(color_scheme="light")
    tab.goto("index.html")
    light = background(tab)
    assert scheme(tab) == "light"
    button = tab.locator(".theme-switch-button").locator("visible=true").first
    button.focus()
    tab.keyboard.press("Enter")
    tab.locator(".theme-change-button[data-mode=dark]").locator("visible=true").click()
    tab.wait_for_function("document.documentElement.dataset.theme == 'dark'")
    for address in ("index.html", DEEP):
        tab.goto(address)
        assert scheme(tab) == "dark"
        assert background(tab) != light


def test_search_opens_by_keyboard(tab, expect):
    tab.goto(DEEP)
    dialog = tab.get_by_role("dialog").filter(has=tab.locator("input[type=search]"))
    tab.keyboard.press("Control+k")
    expect(dialog).to_be_visible()
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    tab.keyboard.press("Control+k")
    tab.keyboard.type("lru_cache")
    tab.keyboard.press("Enter")
    first = tab.locator("ul.search > li > a").first
    expect(first).to_have_attribute(
        "href", "gallery/1_sample/plot_cached_augmentation.html"
    )


@pytest.mark.parametrize("page", ["index.html", DEEP])
def test_first_tab_skips_to_the_text(page, tab, expect):
    tab.goto(page)
    tab.keyboard.press("Tab")
    link = tab.locator(":focus")
    expect(link).to_be_in_viewport()
    expect(link).to_have_text("Skip to main content")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('main') !== null")
