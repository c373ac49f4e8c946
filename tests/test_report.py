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
from dejabatch.observe.record import Facts, Fetch, Observation

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
    assert text[-3:] == [
        "read: 8 samples in 2 epochs",
        "checked: 2 failure modes (see .checked)",
        "not checked: c (there are no workers)",
    ]
    assert f"  {FAILURE_MODES[FINDING.slug].url}" in text
    assert str(report()).startswith("dejabatch: nothing found\n")


def test_text_says_why_reading_stopped():
    stopped = str(report(error="Traceback ...\nKeyError: 6\n", out_of_time=True))
    assert "stopped: at the time limit\nstopped: KeyError: 6\n" in stopped


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
    content = json.loads(report(FINDING, error="E: 1").to_json())
    assert content["schema"] == 1
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
    }
    assert content["skipped"] == {"c": "there are no workers"}
    (loader,) = content["loaders"]
    assert loader["facts"]["start_method"] == "fork"
    assert (loader["batches"], loader["error"]) == (2, "E: 1")


def test_json_of_a_comparison_has_both_loaders():
    seen = Observation(facts=None, starts=(), fetches=(), ends=(), error="E: 2")
    both = dataclasses.replace(report(), other=seen)
    first, second = json.loads(both.to_json())["loaders"]
    assert (first["batches"], second["batches"]) == (2, 0)
    assert (first["error"], second["error"]) == (None, "E: 2")


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
    (picture,) = page.select("[src], link")
    assert picture["src"].startswith("data:image/png;base64,")
    assert "over time" in picture["alt"]


def test_html_does_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "<img" not in report(FINDING)._repr_html_()
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
