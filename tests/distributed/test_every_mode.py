"""Real ranks name each failure, and are silent about repaired and healthy loaders."""

import warnings

import pytest
from green_runs import slow_ranks
from rank_loaders import CASES, HEALTHY, tensor_parallel, two_machines
from rank_processes import on_ranks, together

from dejabatch import Expect, audit


def audit_cases(rank, world, cases):
    """Return the slugs of errors and warnings, for each broken and fixed loader."""
    warnings.simplefilter("ignore")
    found = []
    for case in cases:
        for make in (case.broken, case.fixed):
            report = audit(make(rank, world), epochs=1, expect=case.expect(world))
            found.append([f.slug for f in report.findings if f.severity != "note"])
    return found, together(rank)


def audit_healthy(rank, world):
    warnings.simplefilter("ignore")
    reports = [audit(make(rank, world), epochs=1) for make in HEALTHY]
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


def audit_four(rank, world):
    return [
        [(f.slug, f.severity, f.evidence) for f in report.findings]
        for report in (
            audit(two_machines(rank, world), epochs=1),
            audit(tensor_parallel(rank, world), epochs=1),
            audit(
                tensor_parallel(rank, world),
                epochs=1,
                expect=Expect(same_data=[[0, 1], [2, 3]]),
            ),
        )
    ]


@slow_ranks
def test_four_ranks_on_two_machines_and_of_two_models():
    for machines, asked, declared in on_ranks(4, audit_four, timeout=200):
        ((slug, severity, evidence),) = machines
        assert (slug, severity) == ("wrong-rank", "error")
        assert "ranks 0 and 2 read the same 12 samples; ranks 1 and 3 read" in evidence
        assert "LOCAL_RANK; 24 of 48 indices are on no rank" in evidence
        ((slug, severity, evidence),) = asked
        assert (slug, severity) == ("wrong-rank", "note")
        assert "Expect(same_data=[[0, 1], [2, 3]])" in evidence
        assert declared == []
