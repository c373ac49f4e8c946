"""The lint finds a failure at each marked line of a case file, and nowhere else.

A case file looks like a user's source. A line at which a rule must find its failure
ends with ``# found: slug``. The file's name begins with the slug of the rule that it
is about; two underscores and a description follow if a rule has several files. A case
that is a folder is a project, whose files are linted together.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from dejabatch import FAILURE_MODES
from dejabatch.lint import RULES, lint_paths

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(p for p in FOLDER.iterdir() if p.name != "__pycache__")
MARK = re.compile(r"# found: (.+)$")


def slug_of(case):
    return case.stem.partition("__")[0].replace("_", "-")


def marked_places(case):
    """Return the marked (file, line, slug); a mark may have several slugs."""
    return [
        (file.name, number, slug)
        for file in (sorted(case.rglob("*.py")) if case.is_dir() else [case])
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if (mark := MARK.search(line))
        for slug in mark[1].split(", ")
    ]


def differences(case):
    """Return one line for each finding that is missing or not marked."""
    marked = Counter(marked_places(case))
    found = Counter(
        (Path(place.path).name, place.line, place.slug) for place in lint_paths([case])
    )
    wrong = [(place, "is not found") for place in marked - found]
    wrong += [(place, "is found, but not marked") for place in found - marked]
    return [
        f"{name}:{line}: {slug} {problem}"
        for (name, line, slug), problem in sorted(wrong)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(case):
    problems = differences(case)
    assert not problems, "\n".join(problems)


def test_every_rule_has_a_case_and_a_failure_mode():
    of_rules = {slug_of(case) for case in CASES}
    marked_in_its_own_file = {
        slug
        for case in CASES
        for _, _, slug in marked_places(case)
        if slug == slug_of(case)
    }
    assert of_rules == marked_in_its_own_file == RULES.keys()
    assert RULES.keys() <= FAILURE_MODES.keys()


def test_missing_and_surplus_findings_are_named(tmp_path):
    case = tmp_path / "case.py"
    case.write_text(
        "import itertools\n"
        "itertools.cycle('rgb')  # found: itertools-cycle\n"
        "itertools.cycle(DataLoader(a))\n"
        "itertools.cycle(DataLoader(b))  # found: itertools-cycle, no-set-epoch\n"
    )
    assert differences(case) == [
        "case.py:2: itertools-cycle is not found",
        "case.py:3: itertools-cycle is found, but not marked",
        "case.py:4: no-set-epoch is not found",
    ]
