"""A finding has the file and the line of the class that owns its `where`."""

import json
import linecache
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from dejabatch import Finding, Report
from dejabatch.formats.places import place_of
from dejabatch.observe.record import Ended, Observation
from dejabatch.observe.sources import source_of, sources_of


class Crop:
    def __init__(self):
        self.rng = torch.Generator()


class Photographs(Dataset):
    def __init__(self):
        self.crops = {"train": Crop()}
        self.rows = [{"label": i} for i in range(1000)]

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return index


def collate(samples):
    return samples


def make():
    return DataLoader(Photographs(), collate_fn=collate)


def report(where, *, maker=None, **changes):
    finding = Finding("rng-object-on-dataset", "error", where, "so it is")
    sources = (*filter(None, [maker]), *sources_of(make()))
    seen = Observation(None, (), (), (), sources=sources, **changes)
    return Report((finding,), (), {}, seen)


def line(one):
    place = place_of(one, one.findings[0])
    assert Path(place.file).resolve() == Path(__file__)
    return linecache.getline(__file__, place.line).strip()


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("dataset", "class Photographs(Dataset):"),
        ("dataset.rows", "class Photographs(Dataset):"),
        ("dataset.__getitem__", "def __getitem__(self, index):"),
        ("dataset.crops['train']", "class Crop:"),
        ("dataset.crops['train'].rng", "class Crop:"),
        ("dataset_of_another", "class Photographs(Dataset):"),
        ("collate_fn", "def collate(samples):"),
        ("sampler.generator", "class Photographs(Dataset):"),
    ],
)
def test_nearest_class_of_the_user(where, source):
    assert line(report(where)) == source


def test_function_that_makes_the_loader_has_its_attributes():
    maker = source_of("", make)
    assert line(report("drop_last", maker=maker)) == "def make():"
    assert line(report("dataset.rows", maker=maker)) == "class Photographs(Dataset):"


def test_records_are_not_searched():
    assert len(list(sources_of(make()))) < 10


def test_loader_without_a_class_of_the_user_has_no_place():
    assert list(sources_of(DataLoader(range(8)))) == []
    one = report("drop_last")
    bare = Report(one.findings, (), {}, Observation(None, (), (), ()))
    (result,) = json.loads(bare.to_sarif())["runs"][0]["results"]
    assert "locations" not in result
    assert json.loads(bare.to_json())["findings"][0]["file"] is None


def test_file_that_is_gone_is_no_place(tmp_path):
    source = source_of("dataset", Photographs())
    gone = type(source)("dataset", str(tmp_path / "gone.py"), "Photographs")
    one = report("dataset")
    moved = Report(one.findings, (), {}, Observation(None, (), (), (), sources=(gone,)))
    assert place_of(moved, moved.findings[0]) is None


def test_sarif_of_an_incomplete_audit_says_so():
    ended = Ended(reason="died", error="killed by SIGKILL")
    (run,) = json.loads(report("dataset", ended=ended).to_sarif())["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert "killed by SIGKILL" in notification["message"]["text"]
    assert run["results"][0]["level"] == "error"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["rng-object-on-dataset"]
