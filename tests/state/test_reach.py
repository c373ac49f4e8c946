"""The walk reports what a dataset stores, without running its code."""

import functools

import numpy as np
import pytest
import torch

from dejabatch.state.reach import (
    contents,
    holders,
    lengths,
    library_of,
    memory_address,
)


class Dataset:
    def __init__(self, **attributes):
        vars(self).update(attributes)


@functools.lru_cache
def cached(index):
    return index


@pytest.mark.parametrize(
    ("stored", "change", "path"),
    [
        (np.zeros(3), lambda x: x.fill(1), "dataset.x"),
        (torch.zeros(3), lambda x: x.fill_(1), "dataset.x"),
        ([[1], 2], lambda x: x[0].append(2), "dataset.x[0]"),
        ({"a": 1}, lambda x: x.update(a=2), "dataset.x['a']"),
        (cached, lambda x: x(3), "dataset.x"),
    ],
    ids=["array", "tensor", "list", "dict value", "cache"],
)
def test_contents_change_with_the_stored_value(stored, change, path):
    roots = {"dataset": Dataset(x=stored, other="text")}
    cached.cache_clear()
    before = contents(roots)
    assert contents(roots) == before
    change(stored)
    after = contents(roots)
    assert before[path] != after[path]
    assert before["dataset.other"] == after["dataset.other"]


def test_holders_share_an_object_or_memory_with_the_sample():
    image, mask = torch.zeros(4, 4), np.zeros((4, 4))
    label = Dataset()
    roots = {
        "dataset": Dataset(
            image=image, mask=mask, label=label, number=3, copy=image.clone()
        )
    }
    assert holders(roots, (image[1], 3)) == ["dataset.image"]
    assert holders(roots, {"mask": mask[:2].T}) == ["dataset.mask"]
    assert holders(roots, [label]) == ["dataset.label"]


def test_memory_address_is_that_of_the_whole_block():
    array, tensor = np.zeros((3, 4)), torch.zeros(3, 4)
    assert memory_address(array[1:, 2]) == memory_address(array) == array.ctypes.data
    assert memory_address(tensor[1:, 2]) == memory_address(tensor) == tensor.data_ptr()
    assert memory_address(torch.zeros(2).to_sparse()) is None
    assert memory_address([1]) is None


def test_lengths_are_those_of_containers_and_first_dimensions():
    dataset = Dataset(
        rows=np.zeros((7, 2)), scalar=torch.tensor(1), names=["a"] * 5, text="abc"
    )
    # 4 is the length of the dict with the dataset's attributes, which is not counted.
    assert lengths({"dataset": dataset}) == {7, 5}
    assert lengths({"dataset": (1, {2: 3})}) == {2, 1}


def test_library_is_the_installed_package_of_a_module():
    assert library_of("torch.nn") == "torch"
    assert library_of("functools") is None
    assert library_of(__name__) is None
