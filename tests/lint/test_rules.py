"""Rules are found in their folder."""

from pathlib import Path

import dejabatch.lint.rules
from dejabatch.lint import RULES


def test_each_file_is_a_rule():
    (folder,) = dejabatch.lint.rules.__path__
    names = {file.stem for file in Path(folder).glob("[!_]*.py")}
    assert {slug.replace("-", "_") for slug in RULES} == names


def test_rule_is_the_check_of_its_file():
    for slug, rule in RULES.items():
        assert rule.check.__module__.endswith(f".rules.{slug.replace('-', '_')}")
