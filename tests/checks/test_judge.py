"""Checks are run once each, in an order in which explanations come first."""

import pytest
from observations import epochs, observation

from dejabatch.checks import _MODULES, CHECKS, PAIR_CHECKS, judge
from dejabatch.evidence import Evidence
from dejabatch.findings import CannotTell, Diagnosis, cannot_tell

SEEN = observation(epochs([range(4)]))


def says(severity):
    return lambda seen, evidence: Diagnosis(severity, "loader", "it was measured")


def stays_open(seen, evidence):
    cannot_tell("for a reason")


def test_the_most_severe_finding_comes_first():
    checks = {name: says(name) for name in ("note", "error", "warning")}
    findings = judge(SEEN, checks).findings
    assert [finding.slug for finding in findings] == ["error", "warning", "note"]


def test_a_check_that_cannot_tell_is_skipped_with_its_reason():
    judgement = judge(SEEN, {"open": stays_open, "found": says("note")})
    assert judgement.checked == ("found",)
    assert judgement.skipped == {"open": "for a reason"}


def test_only_chosen_checks_are_reported():
    checks = {"a": says("note"), "b": says("note"), "c": stays_open}
    judgement = judge(SEEN, checks, ["b"])
    assert judgement.checked == ("b",)
    assert judgement.skipped == {}


def test_only_chosen_checks_and_their_explanations_run():
    def breaks(seen, evidence):
        raise AssertionError

    special, general = "reseed-in-getitem", "reseed-every-epoch"
    checks = {general: says("error"), special: says("warning"), "other": breaks}
    assert judge(SEEN, checks, [general]).findings == ()


def test_a_finding_that_another_explains_is_left_out():
    special, general = "reseed-in-getitem", "reseed-every-epoch"
    assert {special} == _MODULES[general].UNLESS
    both = {general: says("error"), special: says("warning")}
    assert [f.slug for f in judge(SEEN, both).findings] == [special]
    # Also where only the general failure mode is asked for.
    assert judge(SEEN, both, [general]).findings == ()
    unexplained = {general: says("error"), special: stays_open}
    assert [f.slug for f in judge(SEEN, unexplained).findings] == [general]


def test_explanations_are_checks_of_the_same_kind():
    for checks in (CHECKS, PAIR_CHECKS):
        for slug in checks:
            assert getattr(_MODULES[slug], "UNLESS", set()) <= checks.keys()


def test_evidence_is_derived_once_even_if_it_cannot_be_told():
    calls = []

    def derive(seen, evidence):
        calls.append(seen)
        cannot_tell("there is none")

    evidence = Evidence(SEEN)
    for _ in range(2):
        with pytest.raises(CannotTell, match="there is none"):
            evidence.of(derive)
    assert calls == [SEEN]
