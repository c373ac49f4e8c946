"""Real ranks name each failure, and are silent about repaired and healthy loaders."""

import warnings

import pytest
from green_runs import slow_ranks
from rank_loaders import CASES, HEALTHY
from rank_processes import on_ranks, together

from dejabatch import audit


def audit_cases(rank, world, cases):
    """Return the slugs of errors and warnings, for each broken and fixed loader."""
    warnings.simplefilter("ignore")
    found = []
    for case in cases:
        for make in (case.broken, case.fixed):
            report = audit(make(rank, world), expect=case.expect(world))
            found.append([f.slug for f in report.findings if f.severity != "note"])
    return found, together(rank)


def audit_healthy(rank, world):
    warnings.simplefilter("ignore")
    reports = [audit(make(rank, world)) for make in HEALTHY]
    return [
        [str(f) for f in report.findings if f.severity != "note"] for report in reports
    ]


def assert_named(world, cases):
    for found, total in on_ranks(world, audit_cases, cases, timeout=400):
        assert found == [one for case in cases for one in ([case.slug], [])]
        assert total == sum(range(world))


def test_two_ranks_name_a_failure_and_are_silent_about_its_repair():
    assert_named(2, [case for case in CASES if case.slug == "ranks-disagree"][:1])


@slow_ranks
@pytest.mark.parametrize("world", [2, 3])
def test_every_failure_is_named(world):
    assert_named(world, CASES)


@slow_ranks
@pytest.mark.parametrize("world", [2, 3])
def test_nothing_is_said_about_healthy_loaders(world):
    for found in on_ranks(world, audit_healthy, timeout=200):
        assert found == [[]] * len(HEALTHY)
