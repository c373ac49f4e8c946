"""Notebooks are read cell by cell."""

import json

import pytest

from dejabatch.lint import lint_source

SETUP = "import itertools\nloader = DataLoader(dataset)"
CYCLE = "batches = itertools.cycle(loader)"


def notebook(*cells):
    """Return a notebook with code cells and, from tuples, cells of other types."""
    typed = [("code", c) if isinstance(c, str) else c for c in cells]
    return json.dumps(
        {
            "nbformat": 4,
            "cells": [
                {"cell_type": kind, "source": text.splitlines(keepends=True)}
                for kind, text in typed
            ],
        }
    )


def places_in(*cells):
    found = lint_source(notebook(*cells), "train.ipynb")
    return [(place.cell, place.line, place.slug) for place in found]


def test_names_are_followed_from_cell_to_cell():
    found = places_in(SETUP, ("markdown", CYCLE), f"print()\n{CYCLE}")
    assert found == [(3, 2, "itertools-cycle")]


def test_place_names_the_cell():
    (place,) = lint_source(notebook(SETUP, CYCLE), "train.ipynb")
    assert str(place) == "train.ipynb:cell 2:1:11"


@pytest.mark.parametrize(
    "magic",
    [
        "%matplotlib inline",
        "!pip install torch",
        "files = !ls",
        "rate = %time f()",
        "loader?",
        "if True:\n    %time f()",
    ],
)
def test_line_magics_are_skipped(magic):
    assert places_in(SETUP, f"{magic}\n{CYCLE}")[0][2] == "itertools-cycle"


@pytest.mark.parametrize(
    ("magic", "number"), [("%%time", 1), ("%%capture out", 1), ("%%bash", 0)]
)
def test_cell_magics_decide_whether_a_cell_is_python(magic, number):
    assert len(places_in(SETUP, f"{magic}\n{CYCLE}")) == number


def test_cell_that_is_not_python_leaves_the_others():
    assert places_in(SETUP, "for every epoch:", CYCLE) == [(3, 1, "itertools-cycle")]


def test_comment_excludes_a_line_of_a_cell():
    assert places_in(SETUP, f"{CYCLE}  # dejabatch: ignore[itertools-cycle]") == []


def test_format_3_has_worksheets():
    cells = [{"cell_type": "code", "input": [f"{SETUP}\n{CYCLE}"]}]
    text = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]})
    assert [place.line for place in lint_source(text, "old.ipynb")] == [3]


def test_empty_notebook_has_nothing():
    assert lint_source("", "empty.ipynb") == []
