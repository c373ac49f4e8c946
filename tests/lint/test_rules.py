"""Rules are found in their folder."""

from pathlib import Path

import pytest

import dejabatch.lint.rules
from dejabatch.lint import RULES, lint_source


def test_each_file_is_a_rule():
    (folder,) = dejabatch.lint.rules.__path__
    names = {file.stem for file in Path(folder).glob("[!_]*.py")}
    assert {slug.replace("-", "_") for slug in RULES} == names


def test_rule_is_the_check_of_its_file():
    for slug, rule in RULES.items():
        assert rule.check.__module__.endswith(f".rules.{slug.replace('-', '_')}")


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("train.py", "error"),
        ("src/contests/latest.py", "error"),
        ("tests/train.py", "warning"),
        ("src/test_loaders.py", "warning"),
    ],
)
def test_failure_in_a_test_is_no_error(path, severity):
    source = "import itertools\nitertools.cycle(DataLoader(dataset))\n"
    assert [place.severity for place in lint_source(source, path)] == [severity]


SEEDED = """
import random
from torch.utils.data import DataLoader, Dataset

class Noisy(Dataset):
    def __getitem__(self, index):
        return {draw}

def seed_worker(worker_id):
    {seed}

def make(dataset):
    {name} = DataLoader(dataset, num_workers=2, worker_init_fn=seed_worker)
    return {name}
"""
HARMFUL = {"draw": "random.random()", "seed": "random.seed(3)", "name": "train_loader"}


@pytest.mark.parametrize(
    ("change", "severity"),
    [
        ({}, "error"),
        ({"draw": "index"}, "warning"),
        ({"seed": "if args.seed is not None: random.seed(args.seed)"}, "warning"),
        ({"name": "validation_loader"}, "note"),
    ],
)
def test_worker_seed_is_an_error_where_training_draws(change, severity):
    (place,) = lint_source(SEEDED.format(**(HARMFUL | change)))
    assert (place.slug, place.severity) == ("constant-worker-seed", severity)
