"""Comments exclude their line."""

import pytest

from dejabatch.lint import lint_source

HEAD = "import itertools\nloader = DataLoader(dataset)\n"


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("# dejabatch: ignore[itertools-cycle]", 0),
        ("# dejabatch: ignore[no-set-epoch, itertools-cycle]", 0),
        ("# dejabatch: ignore", 0),
        ("# dejabatch: ignore[no-set-epoch]", 1),
        ("# noqa", 1),
    ],
)
@pytest.mark.parametrize(
    "statement", ["itertools.cycle(loader)", "itertools.cycle(\n    loader\n)"]
)
def test_comment_excludes_its_statement(statement, comment, found):
    assert len(lint_source(f"{HEAD}{statement}  {comment}\n")) == found


def test_comment_in_a_string_excludes_nothing():
    text = "'# dejabatch: ignore'"
    assert len(lint_source(f"{HEAD}itertools.cycle(loader), {text}\n")) == 1
