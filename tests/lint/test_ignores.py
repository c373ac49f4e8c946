"""Comments exclude their line or their file; comments without effect are reported."""

import pytest

from dejabatch.lint import Settings, lint_source

HEAD = "import itertools\nloader = DataLoader(dataset)\n"
CYCLE = "itertools-cycle"
UNUSED = "unused-ignore"


def slugs(source, **settings):
    found = lint_source(source, settings=Settings(**settings))
    return sorted(place.slug for place in found)


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("# dejabatch: ignore[itertools-cycle]", []),
        ("# dejabatch: ignore", []),
        ("# noqa", [CYCLE]),
        ("# dejabatch: ignore[no-set-epoch, itertools-cycle]", [UNUSED]),
        ("# dejabatch: ignore[no-set-epoch]", [CYCLE, UNUSED]),
        ("# dejabatch: ignore[itertools-cycles]", [CYCLE, UNUSED]),
    ],
)
@pytest.mark.parametrize(
    "statement", ["itertools.cycle(loader)", "itertools.cycle(\n    loader\n)"]
)
def test_comment_excludes_its_statement(statement, comment, found):
    assert slugs(f"{HEAD}{statement}  {comment}\n") == found


@pytest.mark.parametrize("comment", ["ignore-file", f"ignore-file[{CYCLE}]"])
def test_comment_excludes_its_file(comment):
    text = f"# dejabatch: {comment}\n{HEAD}itertools.cycle(loader)\n"
    assert slugs(text) == []


def test_comment_in_a_string_excludes_nothing():
    text = "'# dejabatch: ignore'"
    assert slugs(f"{HEAD}itertools.cycle(loader), {text}\n") == [CYCLE]


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("ignore", "Nothing is found here."),
        ("ignore[no-set-epoch]", "Nothing is found here for no-set-epoch."),
        ("ignore[no-set-epok]", "There is no rule no-set-epok."),
    ],
)
def test_comment_without_effect_is_reported(comment, reason):
    (place,) = lint_source(f"x = 1  # dejabatch: {comment}\n")
    assert (str(place), place.slug) == ("<string>:1:8", UNUSED)
    assert place.why == reason


@pytest.mark.parametrize("comment", ["ignore", "ignore[no-set-epoch]"])
def test_comment_for_a_rule_that_does_not_run_is_not_reported(comment):
    text = f"x = 1  # dejabatch: {comment}\n"
    assert slugs(text, select=frozenset({CYCLE})) == []
