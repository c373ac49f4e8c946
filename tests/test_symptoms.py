"""The functions with which the symptoms page looks at a loader see what it says."""

import runpy

import pytest
import torch
from conftest import ROOT
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from dejabatch import FAILURE_MODES
from dejabatch.finders import found_by

ASK = runpy.run_path(str(ROOT / "docs" / "symptoms" / "observe.py"))


def broken_and_fixed(slug):
    page = ROOT / "gallery" / FAILURE_MODES[slug].page
    names = runpy.run_path(str(page), run_name="page")
    return names["broken"], names["fixed"]


def asks_number(loader):
    """Is a sample there twice, or is an epoch or a batch empty, or an epoch shorter?"""
    try:
        epochs = [ASK["samples"](loader) for _ in range(2)]
    except IndexError:  # a worker got an empty list, which a reused one sometimes is
        return True
    lengths = {len(epoch) for epoch in epochs}
    return len(lengths) > 1 or any(len(set(e)) < max(len(e), 1) for e in epochs)


def asks_order(loader):
    return torch.equal(ASK["order"](loader), ASK["order"](loader))


QUESTIONS = {
    "number": asks_number,
    "batch": ASK["same_in_batch"],
    "values": ASK["differs_from_the_dataset"],
    "workers": ASK["same_in_two_workers"],
    "epochs": ASK["same_in_the_next_epoch"],
    "order": asks_order,
}
# Failures that the page's code cannot see; the page says where to look instead.
LOOK_YOURSELF = {
    "one-draw-for-the-whole-batch",  # a picture shows it
    "subset-of-a-subset",  # compared with the whole dataset
    "numpy-global-before-1-9",  # with torch 1.8 only
    "stream-with-fixed-shuffle",  # a loader without batches
    "one-shard-per-batch",  # the order within a batch
    "class-weights-as-sample-weights",  # drawing with replacement repeats samples
    *(slug for slug, mode in FAILURE_MODES.items() if found_by(slug) == ("lint",)),
}


@pytest.mark.parametrize(
    "slug",
    [
        slug
        for slug, mode in FAILURE_MODES.items()
        if mode.has_page and mode.seen[0] in QUESTIONS and slug not in LOOK_YOURSELF
    ],
)
def test_first_question_is_answered_by_the_loaders_of_the_page(slug):
    ask = QUESTIONS[FAILURE_MODES[slug].seen[0]]
    broken, fixed = (
        loader if isinstance(loader, DataLoader) else loader()
        for loader in broken_and_fixed(slug)
    )
    assert ask(broken)
    assert not ask(fixed)


def load(dataset, **arguments):
    return DataLoader(dataset, batch_size=4, **arguments)


NUMBERS = TensorDataset(torch.arange(24.0).reshape(-1, 1))


def test_samples_are_told_by_content():
    one, other = ASK["samples"](load(NUMBERS)), ASK["samples"](load(NUMBERS))
    assert one == other
    assert len(set(one)) == 24
    assert ASK["samples"]([(torch.ones(2, 3), torch.arange(2))]) == [one_row()] * 2
    assert ASK["samples"]([{"x": torch.ones(2, 3), "y": 0}]) == [one_row()] * 2
    one, other, again = ASK["samples"]([["a", "b"], ["a"]])
    assert one == again != other


def one_row():
    (number,) = ASK["samples"]([torch.ones(1, 3)])
    return number


def test_count_samples(capsys):
    broken, fixed = broken_and_fixed("exhausted-stream")
    ASK["count_samples"](broken)
    assert "epoch 1: 0 samples" in capsys.readouterr().out
    ASK["count_samples"](fixed)
    assert "epoch 1: 12 samples, 12 distinct" in capsys.readouterr().out


class Unsplit(IterableDataset):
    def __iter__(self):
        return iter(torch.arange(24.0))


def test_without_workers():
    broken = load(Unsplit(), num_workers=2)
    assert len(ASK["samples"](broken)) == 48
    assert len(ASK["samples"](ASK["without_workers"](broken))) == 24


def test_order():
    broken, fixed = (make() for make in broken_and_fixed("order-fixed-at-construction"))
    assert torch.equal(ASK["order"](broken), ASK["order"](broken))
    assert not torch.equal(ASK["order"](fixed), ASK["order"](fixed))
    assert ASK["order"](load(NUMBERS)).tolist() == list(range(24))


def test_epoch_hash():
    assert ASK["epoch_hash"](load(NUMBERS)) == ASK["epoch_hash"](
        load(NUMBERS, shuffle=True)
    )
    other = TensorDataset(torch.arange(1.0, 25.0).reshape(-1, 1))
    assert ASK["epoch_hash"](load(NUMBERS)) != ASK["epoch_hash"](load(other))


def test_count_common():
    other = TensorDataset(torch.arange(20.0, 40.0).reshape(-1, 1))
    assert ASK["count_common"](load(NUMBERS), load(other)) == 4
