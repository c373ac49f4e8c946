"""The catalogue, the gallery and the site agree."""

import pkgutil
import re

import pytest
from conftest import PAGES, ROOT

from dejabatch import FAILURE_MODES, FailureMode, checks
from dejabatch.catalogue import SECTIONS, SIGNS
from dejabatch.finders import found_by
from dejabatch.home import SITE
from dejabatch.lint import rules

VALID = {
    "slug": "some-mode",
    "title": "It repeats",
    "section": "1_sample",
    "symptom": "A symptom.",
    "seen": ("batch",),
    "words": ("something",),
    "cause": "A cause.",
    "fix": "A fix.",
}
MODES = pytest.mark.parametrize("mode", FAILURE_MODES.values(), ids=FAILURE_MODES)


def test_every_record_has_a_page_and_every_page_a_record():
    modes = [mode for mode in FAILURE_MODES.values() if mode.has_page]
    recorded = {ROOT / "gallery" / mode.page for mode in modes}
    assert recorded == set(PAGES)


def test_keys_are_the_records_slugs():
    assert [mode.slug for mode in FAILURE_MODES.values()] == list(FAILURE_MODES)


@pytest.mark.parametrize("section", sorted({page.parent.name for page in PAGES}))
def test_section_header_has_the_catalogues_title(section):
    header = ROOT / "gallery" / section / "GALLERY_HEADER.rst"
    assert header.read_text().splitlines()[0] == SECTIONS[section]


@MODES
def test_record_is_written_as_sentences(mode):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", mode.slug)
    assert not mode.title.endswith(".")
    for sentence in (mode.symptom, mode.cause, mode.fix):
        assert sentence[0] in "`" or sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.count("`") % 2 == 0


@MODES
def test_words_are_said_once(mode):
    assert mode.words
    assert len(set(mode.words)) == len(mode.words)


def test_records_cannot_be_changed():
    mode = FAILURE_MODES["getitem-ignores-index"]
    with pytest.raises(AttributeError):
        mode.title = "Other"
    with pytest.raises(TypeError):
        FAILURE_MODES["new"] = mode


def test_unknown_section_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"some-mode: .*'8_unknown'.*1_sample"):
        FailureMode(**{**VALID, "section": "8_unknown"})


@pytest.mark.parametrize("seen", [(), ("colour",), ("batch", "colour")])
def test_signs_are_known_ones(seen):
    with pytest.raises(ValueError, match=r"some-mode: seen .*batch"):
        FailureMode(**{**VALID, "seen": seen})


def test_every_sign_has_a_page_with_its_question():
    for sign, question in SIGNS.items():
        text = (ROOT / "docs" / "symptoms" / f"{sign}.md").read_text()
        assert f"\n(sign-{sign})=\n# {question}\n" in text
        assert f"filled:: symptom-list {sign}\n" in text
        assert any(mode.seen[0] == sign for mode in FAILURE_MODES.values())


def test_demand_names_each_mode_once():
    slugs = (ROOT / "docs" / "demand.txt").read_text().split()
    assert len(slugs) == len(set(slugs))
    assert any(FAILURE_MODES[slug].has_page for slug in slugs if slug in FAILURE_MODES)


@MODES
def test_either_a_tool_or_a_reason(mode):
    assert bool(found_by(mode.slug)) == (mode.undetected_because is None)


def test_every_check_and_rule_has_a_record():
    for package in (checks, rules):
        names = {info.name for info in pkgutil.iter_modules(package.__path__)}
        assert names <= {slug.replace("-", "_") for slug in FAILURE_MODES}


def test_several_tools_may_find_a_mode():
    assert found_by("rng-object-on-dataset") == ("audit", "lint")
    assert found_by("samples-in-both-loaders") == ("compare", "lint")
    assert found_by("state-lost-in-workers") == ()


def test_page_is_named_after_the_slug():
    assert FailureMode(**VALID).page == "1_sample/plot_some_mode.py"


@MODES
def test_site_lists_the_mode_on_the_front_page_and_in_the_reference(site, mode):
    reference = site.text("reference/failure-modes.html")
    assert f'id="{mode.slug}"' in reference
    link = mode.url.removeprefix(SITE)
    assert f'href="{link}"' in site.text("index.html")
    (listed,) = [
        sign for sign in SIGNS if f'"../{link}"' in site.text(f"symptoms/{sign}.html")
    ]
    assert listed == mode.seen[0]
    if mode.has_page:
        assert f"../{link}" in reference
    else:
        assert link == f"reference/failure-modes.html#{mode.slug}"
