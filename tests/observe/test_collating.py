"""Batches that are made again show what collate_fn takes, and what it seeds."""

import random
from collections import UserDict, namedtuple

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from dejabatch.observe.batches import with_part
from dejabatch.observe.experiments.ask_again import _Questions

Named = namedtuple("Named", ["image", "label"])


class Labelled(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {"image": torch.full((3, 4), float(index)), "label": index, "dpi": 72}


def asked(collate_fn):
    loader = DataLoader(Labelled(), batch_size=4, collate_fn=collate_fn)
    return _Questions(loader, [0, 1], list(range(8)), seconds=30)()


def images(samples):
    return torch.stack([sample["image"] for sample in samples])


def label_of_the_first(samples):
    return images(samples), torch.tensor([samples[0]["label"]] * len(samples))


def text_of_the_last(samples):
    for sample in samples:
        text = f"a sample of class {sample['label']}"
    return {"image": images(samples), "text": [text] * len(samples)}


def labels(samples):
    return images(samples), torch.tensor([sample["label"] for sample in samples])


def largest_label(samples):
    largest = max(sample["label"] for sample in samples)
    return images(samples), torch.tensor([largest] * len(samples))


def equal_part_of_the_first(samples):
    return images(samples), torch.tensor([samples[0]["dpi"]] * len(samples))


def first_label_once(samples):
    return images(samples), samples[0]["label"]


@pytest.mark.parametrize(
    ("collate_fn", "paths"),
    [
        (label_of_the_first, ("['label']",)),
        (text_of_the_last, ("['label']",)),
        (labels, ()),
        (largest_label, ()),
        (equal_part_of_the_first, ()),
        (first_label_once, ()),
    ],
)
def test_part_of_one_sample_in_all_rows_is_seen(collate_fn, paths):
    assert asked(collate_fn).repeated_by_collate == paths


def sorted_without_labels(samples):
    by_value = sorted(samples, key=lambda sample: -float(sample["image"].sum()))
    numbers = torch.tensor([sample["number"] for sample in by_value])
    return images(by_value), numbers, torch.tensor([s["label"] for s in samples])


def sorted_whole(samples):
    samples = sorted(samples, key=lambda sample: -float(sample["image"].sum()))
    return [
        torch.stack([torch.as_tensor(s[name]) for s in samples]) for name in samples[0]
    ]


def with_rolled_negatives(samples):
    anchors = images(samples)
    return anchors, anchors.roll(1, 0), torch.tensor([s["label"] for s in samples])


class Numbered(Labelled):
    def __getitem__(self, index):
        return super().__getitem__(index) | {"number": 7 * index % 8}


@pytest.mark.parametrize(
    ("collate_fn", "paths"),
    [
        (sorted_without_labels, ("['label']", "['number']")),
        (sorted_whole, ()),
        (with_rolled_negatives, ()),
    ],
)
def test_parts_in_other_rows_are_seen(collate_fn, paths):
    loader = DataLoader(Numbered(), batch_size=4, collate_fn=collate_fn)
    answers = _Questions(loader, [0, 1], list(range(8)), seconds=30)()
    assert answers.mixed_up_by_collate == paths


@pytest.mark.parametrize(
    ("sample", "path", "changed"),
    [
        ({"a": [1, 2]}, "['a'][1]", {"a": [1, 9]}),
        ((1, 2), "[0]", (9, 2)),
        (Named(1, 2), "[1]", Named(1, 9)),
        (UserDict(a=1), "['a']", UserDict(a=9)),
        (1, "", 9),
        ([1], "['other']", [1]),
    ],
)
def test_sample_gets_another_part(sample, path, changed):
    before = repr(sample)
    found = with_part(sample, path, 9)
    assert (found, type(found)) == (changed, type(changed))
    assert repr(sample) == before


class Counts:
    def __init__(self):
        self.batches = 0

    def __call__(self, samples):
        self.batches += 1
        np.random.seed(self.batches)
        return images(samples) + np.random.random()


def seeds(samples):
    torch.manual_seed(0)
    return images(samples) + torch.rand(3, 4)


def seeds_by_content(samples):
    random.seed(float(images(samples).sum()))
    return images(samples) + random.random()


def draws(samples):
    return images(samples) + random.random()


def draws_until_accepted(samples):
    while random.random() < 0.7:
        pass
    return images(samples)


def makes_a_generator(samples):
    rng = np.random.default_rng(0)
    return images(samples) + rng.random()


def makes_new_generators(samples):
    rng = np.random.default_rng(random.getrandbits(64))
    return images(samples) + rng.random()


@pytest.mark.parametrize(
    ("collate_fn", "constant", "counted", "made"),
    [
        (seeds, ("torch",), (), ()),
        (Counts(), (), ("np.random",), ()),
        (makes_a_generator, (), (), ("makes_a_generator",)),
        (seeds_by_content, (), (), ()),
        (draws, (), (), ()),
        (draws_until_accepted, (), (), ()),
        (makes_new_generators, (), (), ()),
        (labels, (), (), ()),
    ],
)
def test_seeds_of_batches_are_seen(collate_fn, constant, counted, made):
    answers = asked(collate_fn)
    assert answers.reseeded_by_collate == constant
    assert answers.counted_by_collate == counted
    assert answers.made_alike_by_collate == made


def views(cuts):
    """Return a batch of two random views, as functions that a loop makes cut them."""

    def collate(samples):
        rows = torch.stack([torch.rand(64) for _ in samples])
        functions = cuts(random.sample(range(32), 2))
        return {"views": [function(rows) for function in functions]}

    return collate


def late(starts):
    return [lambda rows: rows[:, start : start + 32] for start in starts]  # noqa: B023 - the failure


def early(starts):
    return [lambda rows, start=start: rows[:, start : start + 32] for start in starts]


@pytest.mark.parametrize(
    ("cuts", "found"), [(late, ("['views'][0]", "['views'][1]")), (early, ())]
)
def test_equal_views_of_collate_fn_are_found(cuts, found):
    assert asked(views(cuts)).equal_views_of_collate == found


class Buffer:
    def __init__(self):
        self.batch = torch.zeros(8, 3, 4)

    def __call__(self, samples):
        self.batch[: len(samples)] = images(samples)
        return self.batch[: len(samples)]


class ClonedBuffer(Buffer):
    def __call__(self, samples):
        return super().__call__(samples).clone()


@pytest.mark.parametrize(
    ("collate_fn", "found"), [(Buffer, True), (ClonedBuffer, False)]
)
def test_batch_that_the_next_one_overwrites_is_seen(collate_fn, found):
    assert asked(collate_fn()).overwritten_by_collate is found
