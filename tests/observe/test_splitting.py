"""Attributes are noted that a program sets on a dataset after it was split."""

import copy

import pytest
from torch.utils.data import DataLoader, Dataset, Subset, random_split

from dejabatch.observe.splitting import SplitDatasets


class Images(Dataset):
    def __init__(self, transform=None):
        self.transform = transform

    def __len__(self):
        return 12

    def __getitem__(self, index):
        self.transform = "used"
        return index


def of_one_half():
    train, val = random_split(Images("random"), [8, 4])
    val.dataset.transform = "plain"
    return train


def of_one_subset():
    train = Subset(Images("random"), range(8))
    train.dataset.transform = "plain"
    return train


def for_the_first_time():
    train, val = random_split(Images(), [8, 4])
    val.dataset.transform = "plain"
    return train


def before_the_split():
    images = Images("random")
    images.transform = "plain"
    return random_split(images, [8, 4])[0]


def of_a_copy():
    train, val = random_split(Images("random"), [8, 4])
    val.dataset = copy.copy(val.dataset)
    val.dataset.transform = "plain"
    return train


def again():
    train, val = random_split(Images("random"), [8, 4])
    val.dataset.transform = str(b"random", "ascii")
    return train


def by_itself():
    train, val = random_split(Images("random"), [8, 4])
    val[0]
    return train


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        (of_one_half, ["dataset.dataset.transform"]),
        (of_one_subset, []),
        (for_the_first_time, []),
        (before_the_split, []),
        (of_a_copy, []),
        (again, []),
        (by_itself, []),
    ],
)
def test_attributes_set_after_a_split_are_noted(make, paths):
    with SplitDatasets() as split:
        dataset = make()
    found = list(split.of(DataLoader(dataset)))
    assert [one.path for one in found] == paths
    assert {one.subsets for one in found} <= {2}


def test_classes_are_as_before():
    before = Subset.__init__, Images.__setattr__
    with SplitDatasets():
        of_one_half()
    assert (Subset.__init__, Images.__setattr__) == before
    assert "__setattr__" not in vars(Images)
