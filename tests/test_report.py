"""A report can be read, stored, and raised."""

import dataclasses
import io
import json
import re
import sys

import numpy as np
import pytest
from bs4 import BeautifulSoup

from dejabatch import FAILURE_MODES, Finding, Report
from dejabatch.observe.record import Ended, EpochEnd, Facts, Fetch, Observation

SEEN = Observation(
    facts=Facts(True, "a.Dataset", "b.Sampler", 8, 4, 2, "fork", False),
    starts=(),
    fetches=(
        Fetch(0, 0, 0, np.arange(4), np.zeros((4, 16), np.uint8), {}),
        Fetch(1, 0, 0, np.arange(4), np.zeros((4, 16), np.uint8), {}),
    ),
    ends=(),
)
FINDING = Finding(
    "rng-object-on-dataset", "error", "dataset.rng", "4 workers draw alike"
)
NOTE = Finding("get-state-recipe", "note", "worker_init_fn", "2 of 2 times")


def report(*findings, **changes):
    seen = dataclasses.replace(SEEN, **changes)
    return Report(findings, ("a", "b"), {"c": "there are no workers"}, seen)


def test_text_begins_with_the_verdict_and_ends_with_the_scope():
    text = str(report(FINDING, NOTE)).splitlines()
    assert text[0] == "dejabatch: 1 error, 1 note"
    assert text[2] == "error: Every worker applies the same augmentation"
    assert text[3] == "  where:    dataset.rng"
    assert text[4] == "  evidence: 4 workers draw alike"
    assert text[-2:] == [
        "checked: 2 failure modes in 2 epochs of 4 samples; 1 do not apply or cannot be",
        "         told (see .skipped)",
    ]
    assert f"  {FAILURE_MODES[FINDING.slug].url}" in text


def test_verdict_without_findings_says_how_much_was_read():
    assert report().verdict == "nothing found in 2 epochs of 4 samples"
    assert report(NOTE).verdict == "1 note"


def test_representation_is_one_line():
    assert repr(report(FINDING)) == "<dejabatch.Report: 1 error>"


def test_text_has_what_would_change_the_verdict():
    untold = dict.fromkeys("abcde", "one epoch was read; pass epochs=2")
    one = dataclasses.replace(report(), skipped={**untold, "f": "no"}, untold=untold)
    lines = str(one).splitlines()
    assert lines[2] == "not told: a, b, c and 2 more: one epoch was read; pass epochs=2"
    assert "1 do not apply" in lines[3]


def test_text_is_short_whatever_could_not_be_told():
    untold = {f"mode-{i}": f"{i} is missing " + 30 * "and so on " for i in range(20)}
    one = dataclasses.replace(report(FINDING), skipped=untold, untold=untold)
    scope = str(one).rpartition("\n\n")[2]
    assert len(scope.splitlines()) + 2 <= 12
    assert "20 more reasons" in scope or "19 more reasons" in scope


RAISED = Ended(reason="raised", error="KeyError: 6", traceback="T", epoch=1, batch=3)
SLOW = Ended(
    reason="out of time", epoch=0, batch=2, waiting_at=("a.py:3 in f: wait()",)
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"ended": RAISED},
            "the loader raised KeyError: 6 after 3 batches of epoch 1, counted from 0",
        ),
        (
            {"ended": Ended(reason="worker died", error="killed by SIGKILL", worker=1)},
            "worker 1 was killed by SIGKILL",
        ),
        (
            {"ended": Ended(reason="died", error="exit code 3", epoch=0, batch=1)},
            "the process that reads the loader died with exit code 3 after 1 batch of",
        ),
        (
            {"ended": SLOW},
            "time_limit was reached after 2 batches of epoch 0, counted from 0; raise",
        ),
        (
            {"facts": dataclasses.replace(SEEN.facts, data_loader=False)},
            "only the batches of a.Dataset were seen; audit the torch DataLoader that",
        ),
        ({"fetches": ()}, "the loader gave no batch"),
    ],
)
def test_incomplete_is_a_verdict(changes, reason):
    one = report(**changes)
    assert one.verdict.startswith(f"incomplete: {reason}")
    assert not one.ok
    with pytest.raises(AssertionError, match="incomplete"):
        one.raise_for_findings("error")
    assert report(FINDING, ended=RAISED).verdict.startswith("incomplete (1 error): the")


def test_findings_explain_a_loader_without_batches():
    assert report(FINDING, fetches=()).verdict == "1 error"


def test_two_epochs_are_enough_at_the_time_limit():
    ends = (EpochEnd(0, True), EpochEnd(1, True))
    one = report(ended=SLOW, ends=ends)
    assert one.ok
    assert "stopped: at time_limit" in str(one)
    assert "waiting: a.py:3 in f: wait()" in str(one)


def test_comparison_is_incomplete_if_one_loader_is():
    other = dataclasses.replace(SEEN, ended=RAISED)
    assert not dataclasses.replace(report(), other=other).ok
    both = dataclasses.replace(report(), other=SEEN)
    assert both.amount == "2 epochs of 4 samples and 2 epochs of 4 samples"


@pytest.mark.parametrize(
    ("findings", "level", "raises"),
    [
        ((FINDING,), "error", True),
        ((FINDING,), "note", True),
        ((NOTE,), "warning", False),
        ((NOTE,), "note", True),
        ((), "note", False),
    ],
)
def test_raises_from_the_level_on(findings, level, raises):
    one = report(*findings)
    if raises:
        with pytest.raises(AssertionError, match=findings[0].evidence):
            one.raise_for_findings(level)
    else:
        one.raise_for_findings(level)


def test_unknown_level_is_refused():
    with pytest.raises(ValueError, match="level must be one of note, warning, error"):
        report().raise_for_findings("fatal")


def test_json_has_all_of_it():
    content = json.loads(report(FINDING, ended=RAISED).to_json())
    assert content["schema"] == 2
    assert content["tool"] == "audit"
    assert content["verdict"].startswith("incomplete (1 error): ")
    assert content["ok"] is False
    (finding,) = content["findings"]
    assert finding == {
        "slug": FINDING.slug,
        "severity": "error",
        "where": "dataset.rng",
        "evidence": "4 workers draw alike",
        "title": FINDING.title,
        "fix": FINDING.fix,
        "url": FINDING.url,
        "file": None,
        "line": None,
    }
    assert content["skipped"] == {"c": "there are no workers"}
    (loader,) = content["loaders"]
    assert loader["facts"]["start_method"] == "fork"
    assert (loader["batches"], loader["ended"]["error"]) == (2, "KeyError: 6")


def test_json_of_a_comparison_has_both_loaders():
    seen = Observation(facts=None, starts=(), fetches=(), ends=(), ended=RAISED)
    both = dataclasses.replace(report(), other=seen)
    content = json.loads(both.to_json())
    first, second = content["loaders"]
    assert content["tool"] == "compare"
    assert (first["batches"], second["batches"]) == (2, 0)
    assert first["ended"] is None
    assert second["ended"]["error"] == "KeyError: 6"


def test_html_says_the_same_and_escapes_what_it_quotes(tmp_path):
    risky = dataclasses.replace(FINDING, where="dataset.<rng> & co")
    report(risky).to_html(tmp_path / "report.html")
    page = BeautifulSoup((tmp_path / "report.html").read_text(), "html.parser")
    assert page.strong.text == "dejabatch: 1 error"
    assert page.code.text == "dataset.<rng> & co"
    assert page.a["href"] == FINDING.url
    assert [dd.text for dd in page.select("dd")][1:] == [FINDING.evidence, FINDING.fix]
    assert page.pre.text in str(report(risky))
    # The picture is in the page itself.
    assert not page.select("[src], link")
    (picture,) = page.select("[role=img]")
    assert picture.svg is not None
    assert "over time" in picture["aria-label"]
    assert page.select_one("meta[name=color-scheme]")["content"] == "light dark"


def test_html_keeps_the_lines_of_a_traceback():
    lines = dataclasses.replace(FINDING, evidence="KeyError: 3\ntrain.py:8 in f: g()")
    page = BeautifulSoup(report(lines)._repr_html_(), "html.parser")
    evidence = page.select("dd")[1]
    assert list(evidence.strings) == ["KeyError: 3", "train.py:8 in f: g()"]
    assert "            train.py:8 in f: g()" in str(report(lines)).splitlines()


def test_html_does_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "<svg" not in report(FINDING)._repr_html_()
    assert FINDING.evidence in report(FINDING)._repr_html_()


def test_notes_are_no_fault():
    assert report(NOTE).ok
    assert not report(NOTE, FINDING).ok


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colour_is_for_terminals_alone(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    one, terminal, file = report(FINDING), Terminal(), io.StringIO()
    one.print(terminal)
    one.print(file)
    assert file.getvalue() == f"{one}\n"
    assert "\033[1;31merror\033[0m: Every worker" in terminal.getvalue()
    assert re.sub(r"\033\[[0-9;]*m", "", terminal.getvalue()) == file.getvalue()

    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    one.print(plain)
    assert plain.getvalue() == file.getvalue()
