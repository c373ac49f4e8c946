"""Each check on hand-made observations: what it finds, what is right, what stays open.

The tables are in ``cases``, one module for each section of the site.
"""

import re
from importlib import import_module

import pytest

from dejabatch.checks import CHECKS, PAIR_CHECKS, RANK_CHECKS, judge
from dejabatch.distributed.record import Ranks
from dejabatch.observe.record import Pair

SECTIONS = ("sample", "randomness", "order", "streaming", "workers", "ranks", "resume")
CASES = [import_module(f"cases.{section}") for section in SECTIONS]
BROKEN = {name: case for module in CASES for name, case in module.BROKEN.items()}
RIGHT = {name: case for module in CASES for name, case in module.RIGHT.items()}
OPEN = {name: case for module in CASES for name, case in module.OPEN.items()}
ALL = {**CHECKS, **PAIR_CHECKS, **RANK_CHECKS}


def judged(seen, slug):
    of_kind = {Pair: PAIR_CHECKS, Ranks: RANK_CHECKS}.get(type(seen), CHECKS)
    return judge(seen, of_kind, [slug])


@pytest.mark.parametrize(("slug", "seen", "place", "text"), BROKEN.values(), ids=BROKEN)
def test_failure_is_found(slug, seen, place, text):
    (finding,) = judged(seen, slug).findings
    assert (finding.slug, finding.severity, finding.where) == (slug, *place)
    assert text in finding.evidence


@pytest.mark.parametrize(("slug", "seen"), RIGHT.values(), ids=RIGHT)
def test_nothing_is_found(slug, seen):
    judgement = judged(seen, slug)
    assert judgement.checked == (slug,), judgement.skipped
    assert judgement.findings == ()


@pytest.mark.parametrize(("slug", "seen", "reason"), OPEN.values(), ids=OPEN)
def test_reason_is_given(slug, seen, reason):
    judgement = judged(seen, slug)
    assert judgement.checked == ()
    assert re.search(reason, judgement.skipped[slug])


@pytest.mark.parametrize("slug", ALL)
def test_every_check_has_a_broken_and_a_right_case(slug):
    assert slug in {case[0] for case in BROKEN.values()}
    assert slug in {case[0] for case in RIGHT.values()}


@pytest.mark.parametrize("slug", RANK_CHECKS)
def test_every_check_of_ranks_has_a_case_of_ranks(slug):
    for cases in (BROKEN, RIGHT):
        kinds = {type(case[1]) for case in cases.values() if case[0] == slug}
        assert Ranks in kinds


def test_no_case_hides_another_of_the_same_name():
    assert len(BROKEN) == sum(len(module.BROKEN) for module in CASES)
    assert len(RIGHT) == sum(len(module.RIGHT) for module in CASES)
    assert len(OPEN) == sum(len(module.OPEN) for module in CASES)
