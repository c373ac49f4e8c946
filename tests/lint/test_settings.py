"""The section of pyproject.toml decides what is searched."""

import pytest

from dejabatch.lint import RULES, Settings, lint_paths
from dejabatch.lint.settings import SettingsError

BROKEN = """
import itertools, random
batches = itertools.cycle(DataLoader(dataset))
random.shuffle(names[:3])
"""


@pytest.fixture
def found(tmp_path):
    """Return a function from the section's text to the found files and slugs."""
    (tmp_path / "tests").mkdir()
    for name in ("train.py", "tests/test_train.py"):
        (tmp_path / name).write_text(BROKEN)

    def run(section):
        text = f"[project]\nname = 'x'\n{section}"
        (tmp_path / "pyproject.toml").write_text(text)
        settings = Settings.find(tmp_path / "tests")
        return [
            (place.path.rpartition("/")[2], place.slug)
            for place in lint_paths([tmp_path], settings=settings)
        ]

    return run


TRAIN = ("train.py", "itertools-cycle"), ("train.py", "shuffle-of-a-copy")
TEST = tuple(("test_train.py", slug) for _, slug in TRAIN)
LINT = "[tool.dejabatch.lint]\n"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("", [*TEST, *TRAIN]),
        (LINT, [*TEST, *TRAIN]),
        (f"{LINT}select = ['itertools-cycle']", [TEST[0], TRAIN[0]]),
        (f"{LINT}ignore = ['itertools-cycle']", [TEST[1], TRAIN[1]]),
        (f"{LINT}exclude = ['tests/']", [*TRAIN]),
        (
            f"{LINT}per-file-ignores = {{'tests/*' = ['itertools-cycle']}}",
            [TEST[1], *TRAIN],
        ),
    ],
)
def test_section_decides(section, expected, found):
    assert found(section) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("selects = []", "no key 'selects'; did you mean 'select'"),
        ("select = ['itertools-cycl']", "did you mean 'itertools-cycle'"),
        ("ignore = 'itertools-cycle'", "ignore must be a list of strings"),
        ("per-file-ignores = []", "per-file-ignores must be a table"),
        (
            "per-file-ignores = {'a' = ['b']}",
            "per-file-ignores.a: there is no rule 'b'",
        ),
        ("select = [", "pyproject.toml: "),
    ],
)
def test_wrong_setting_is_named(line, message, found):
    with pytest.raises(SettingsError, match=message):
        found(f"{LINT}{line}\n")


def test_without_a_section_every_rule_runs(tmp_path):
    assert Settings.find(tmp_path).select == RULES.keys()
