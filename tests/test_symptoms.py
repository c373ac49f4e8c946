"""The functions with which the symptoms page looks at a loader see what it says."""

import runpy

import pytest
import torch
from conftest import ROOT
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from dejabatch import FAILURE_MODES

ASK = runpy.run_path(str(ROOT / "docs" / "symptoms" / "observe.py"))


def broken_and_fixed(slug):
    page = ROOT / "gallery" / FAILURE_MODES[slug].page
    names = runpy.run_path(str(page), run_name="page")
    return names["broken"], names["fixed"]


def load(dataset, **arguments):
    return DataLoader(dataset, batch_size=4, **arguments)


NUMBERS = TensorDataset(torch.arange(24.0).reshape(-1, 1))


def test_samples_are_told_by_content():
    one, other = ASK["samples"](load(NUMBERS)), ASK["samples"](load(NUMBERS))
    assert one == other
    assert len(set(one)) == 24
    assert ASK["samples"]([(torch.ones(2, 3), torch.arange(2))]) == [one_row()] * 2


def one_row():
    (number,) = ASK["samples"]([torch.ones(1, 3)])
    return number


def test_counts(capsys):
    broken, fixed = broken_and_fixed("exhausted-stream")
    ASK["counts"](broken)
    assert "epoch 1 0 samples" in capsys.readouterr().out
    ASK["counts"](fixed)
    assert "epoch 1 12 samples, 12" in capsys.readouterr().out


@pytest.mark.parametrize("slug", ["getitem-ignores-index", "reused-buffer"])
def test_same_in_batch(slug):
    broken, fixed = broken_and_fixed(slug)
    assert ASK["same_in_batch"](broken)
    assert not ASK["same_in_batch"](fixed)


def test_as_in_the_dataset():
    broken, fixed = broken_and_fixed("collate-repeats-one-sample")
    assert not ASK["as_in_the_dataset"](broken)
    assert ASK["as_in_the_dataset"](fixed)


class Unsplit(IterableDataset):
    def __iter__(self):
        return iter(torch.arange(24.0))


def test_in_this_process():
    broken = load(Unsplit(), num_workers=2)
    assert len(ASK["samples"](broken)) == 48
    assert len(ASK["samples"](ASK["in_this_process"](broken))) == 24


@pytest.mark.parametrize("slug", ["cached-augmentation", "worker-seed-without-epoch"])
def test_same_in_the_next_epoch(slug):
    broken, fixed = broken_and_fixed(slug)
    assert ASK["same_in_the_next_epoch"](broken)
    assert not ASK["same_in_the_next_epoch"](fixed)


def test_order():
    broken, fixed = (make() for make in broken_and_fixed("order-fixed-at-construction"))
    assert torch.equal(ASK["order"](broken), ASK["order"](broken))
    assert not torch.equal(ASK["order"](fixed), ASK["order"](fixed))
    assert ASK["order"](load(NUMBERS)).tolist() == list(range(24))


def test_one_number():
    assert ASK["one_number"](load(NUMBERS)) == ASK["one_number"](
        load(NUMBERS, shuffle=True)
    )
    other = TensorDataset(torch.arange(1.0, 25.0).reshape(-1, 1))
    assert ASK["one_number"](load(NUMBERS)) != ASK["one_number"](load(other))


def test_in_common():
    other = TensorDataset(torch.arange(20.0, 40.0).reshape(-1, 1))
    assert ASK["in_common"](load(NUMBERS), load(other)) == 4
