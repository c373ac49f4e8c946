"""The formats of lint findings."""

import json

import pytest

from dejabatch import FAILURE_MODES
from dejabatch.formats.github import places_as_github
from dejabatch.formats.json import places_as_json
from dejabatch.formats.sarif import places_as_sarif
from dejabatch.formats.text import places_as_text
from dejabatch.lint import RULES, Place

MODE = FAILURE_MODES["itertools-cycle"]
PLACE = Place("a folder/train.py", 11, 3, MODE.slug)


def test_text():
    assert places_as_text([PLACE, PLACE]).splitlines() == [
        f"a folder/train.py:11:3: {MODE.title} [itertools-cycle]",
        f"    {MODE.fix}",
        f"    {MODE.url}",
    ] * 2 + ["2 found"]


def test_json():
    report = json.loads(places_as_json([PLACE]))
    assert report == {
        "schema": 2,
        "tool": "lint",
        "found": [
            {
                "path": "a folder/train.py",
                "line": 11,
                "column": 3,
                "slug": "itertools-cycle",
                "title": MODE.title,
                "fix": MODE.fix,
                "url": MODE.url,
            }
        ],
    }


def test_github():
    (line,) = places_as_github([PLACE]).splitlines()
    command, message = line.removeprefix("::").split("::")
    assert command.startswith("warning file=a folder/train.py,line=11,col=3,title=")
    assert message == f"{MODE.fix} {MODE.url}"


def test_github_escapes_the_path():
    place = Place("50%,\n:a.py", 1, 1, MODE.slug)
    assert "file=50%25%2C%0A%3Aa.py," in places_as_github([place])


def test_sarif():
    log = json.loads(places_as_sarif([PLACE]))
    (run,) = log["runs"]
    (result,) = run["results"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    assert result["ruleId"] == "itertools-cycle"
    assert result["level"] == "warning"
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "a folder/train.py"}
    assert location["region"] == {"startLine": 11, "startColumn": 3}


@pytest.mark.parametrize(
    ("write", "printed"),
    [
        (places_as_text, "nothing found"),
        (places_as_json, '{\n  "schema": 2,\n  "tool": "lint",\n  "found": []\n}'),
        (places_as_github, ""),
    ],
)
def test_no_places(write, printed):
    assert write([]) == printed
