"""The formats of lint findings."""

import json
from dataclasses import replace

import pytest

from dejabatch import FAILURE_MODES
from dejabatch.formats.github import places_as_github
from dejabatch.formats.json import places_as_json
from dejabatch.formats.sarif import places_as_sarif
from dejabatch.formats.text import places_as_lines, places_as_text
from dejabatch.lint import RULES, Place

MODE = FAILURE_MODES["itertools-cycle"]
PLACE = Place(
    path="a folder/train.py",
    line=11,
    column=3,
    slug=MODE.slug,
    severity="error",
    why="`cycle(loader)` repeats the first epoch.",
)
NOTE = replace(PLACE, severity="note")
IN_A_CELL = replace(PLACE, path="a.ipynb", cell=4)
OF_A_VARIANT = replace(PLACE, variant_fix="Do this.")


def test_text():
    assert places_as_text([PLACE, NOTE, PLACE]).splitlines() == [
        line
        for severity in ("error", "note", "error")
        for line in (
            f"a folder/train.py:11:3: {severity}: {MODE.title} [itertools-cycle]",
            f"    {PLACE.why}",
            f"    {MODE.fix}",
            f"    {MODE.url}",
        )
    ] + ["2 errors, 1 note"]


def test_lines_have_no_summary():
    assert places_as_lines([PLACE, IN_A_CELL]).splitlines() == [
        f"a folder/train.py:11:3: error: [itertools-cycle] {PLACE.why}",
        f"a.ipynb:cell 4:11:3: error: [itertools-cycle] {PLACE.why}",
    ]


def test_json():
    report = json.loads(places_as_json([PLACE, OF_A_VARIANT]))
    expected = {
        "path": "a folder/train.py",
        "cell": None,
        "line": 11,
        "column": 3,
        "slug": "itertools-cycle",
        "severity": "error",
        "title": MODE.title,
        "why": PLACE.why,
        "fix": MODE.fix,
        "url": MODE.url,
    }
    found = [expected, expected | {"fix": "Do this."}]
    assert report == {"schema": 2, "tool": "lint", "found": found}


@pytest.mark.parametrize(("place", "kind"), [(PLACE, "error"), (NOTE, "notice")])
def test_github(place, kind):
    (line,) = places_as_github([place]).splitlines()
    command, message = line.removeprefix("::").split("::")
    assert command.startswith(f"{kind} file=a folder/train.py,line=11,col=3,title=")
    assert message == f"{PLACE.why} {MODE.fix} {MODE.url}"


def test_github_names_the_cell_in_the_message():
    line = places_as_github([IN_A_CELL])
    assert "file=a.ipynb,line=1," in line
    assert "::Cell 4, line 11: " in line


def test_github_escapes_the_path():
    place = replace(PLACE, path="50%,\n:a.py")
    assert "file=50%25%2C%0A%3Aa.py," in places_as_github([place])


def test_sarif():
    log = json.loads(places_as_sarif([PLACE, NOTE]))
    (run,) = log["runs"]
    first, second = run["results"]
    assert log["version"] == "2.1.0"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == [*RULES, "unreadable-file", "unused-ignore"]
    assert first["ruleId"] == "itertools-cycle"
    assert (first["level"], second["level"]) == ("error", "note")
    assert first["message"]["text"] == f"{MODE.title}. {PLACE.why}"
    location = first["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "a folder/train.py"}
    assert location["region"] == {"startLine": 11, "startColumn": 3}


def test_sarif_has_no_region_in_a_notebook():
    (result,) = json.loads(places_as_sarif([IN_A_CELL]))["runs"][0]["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]
    assert result["message"]["text"].startswith("Cell 4, line 11: ")


@pytest.mark.parametrize(
    ("write", "printed"),
    [
        (places_as_text, "nothing found"),
        (places_as_lines, ""),
        (places_as_json, '{\n  "schema": 2,\n  "tool": "lint",\n  "found": []\n}'),
        (places_as_github, ""),
    ],
)
def test_no_places(write, printed):
    assert write([]) == printed
