"""The JSON of every tool follows the schema that the package stores."""

import json
from dataclasses import replace
from importlib.resources import files

import pytest
import torch
from jsonschema import Draft202012Validator, ValidationError
from torch.utils.data import DataLoader, Dataset

import dejabatch
from dejabatch.formats.json import SCHEMA, places_as_json
from dejabatch.lint import lint_source

STORED = json.loads(files("dejabatch.formats").joinpath("schema.json").read_text())
VALIDATOR = Draft202012Validator(STORED)


class Noise(Dataset):
    def __init__(self, raises_at=None):
        self.rng = torch.Generator().manual_seed(0)
        self.raises_at = raises_at

    def __len__(self):
        return 16

    def __getitem__(self, index):
        if index == self.raises_at:
            raise KeyError(index)
        return index + torch.rand((), generator=self.rng)


def loader(**changes):
    return DataLoader(Noise(**changes), batch_size=4, num_workers=2)


def batches():
    return [torch.rand(4) for _ in range(3)]


def test_schema_is_valid():
    Draft202012Validator.check_schema(STORED)
    assert STORED["$defs"]["report"]["properties"]["schema"] == {"const": SCHEMA}


@pytest.mark.parametrize(
    "make",
    [loader, lambda: loader(raises_at=9), batches],
    ids=["finding", "exception", "batches"],
)
def test_audit_follows_the_schema(make):
    VALIDATOR.validate(json.loads(dejabatch.audit(make()).to_json()))


def test_notes_about_ranks_follow_the_schema():
    report = replace(dejabatch.audit(loader()), notes=("2 ranks were compared",))
    content = json.loads(report.to_json())
    VALIDATOR.validate(content)
    assert content["notes"] == ["2 ranks were compared"]


def test_compare_follows_the_schema():
    VALIDATOR.validate(json.loads(dejabatch.compare(loader(), loader()).to_json()))


@pytest.mark.parametrize("source", ["", "itertools.cycle(DataLoader(dataset))"])
def test_lint_follows_the_schema(source):
    VALIDATOR.validate(json.loads(places_as_json(lint_source(source))))


def test_schema_refuses_a_field_that_is_missing_or_unknown():
    content = json.loads(places_as_json([]))
    for wrong in ({**content, "more": 1}, {"schema": SCHEMA, "tool": "lint"}):
        with pytest.raises(ValidationError):
            VALIDATOR.validate(wrong)
