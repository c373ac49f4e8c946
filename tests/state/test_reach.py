"""The walk reports what a dataset stores, without running its code."""

import functools
import logging

import numpy as np
import pytest
import torch

from dejabatch.state.reach import (
    MOST_OBJECTS,
    contents,
    edits,
    holders,
    lengths,
    library_of,
    memory_address,
    rearranged,
    stored_values,
    walk,
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


def test_rows_of_tables_have_a_length():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"day": range(9), "sold": range(9)})
    assert 9 in lengths({"dataset": table})


def test_library_is_the_installed_package_of_a_module():
    assert library_of("torch.nn") == "torch"
    assert library_of("functools") is None
    assert library_of(__name__) is None


def nested(levels):
    """Return objects that hold lists of 30 objects."""
    return Dataset(held=[nested(levels - 1) for _ in range(30)] if levels else [])


def test_code_comes_before_data():
    records = [{"boxes": [[1.0, 2.0]], "label": i} for i in range(5000)]
    dataset = Dataset(records=records, transform=Dataset(inner=Dataset(rng=object())))
    paths = [path for path, _ in walk({"dataset": dataset})]
    first_record = next(i for i, path in enumerate(paths) if ".records[" in path)
    assert paths.index("dataset.transform.inner.rng") < first_record
    assert len(paths) < 1000


def test_chosen_positions_of_a_long_container_are_walked():
    dataset = Dataset(
        rows=list(range(1000)), names={f"key {i}": i for i in range(1000)}
    )
    paths = {path for path, _ in walk({"dataset": dataset}, positions={7, 999})}
    assert {"dataset.rows[7]", "dataset.rows[999]", "dataset.names['key 7']"} <= paths
    assert "dataset.rows[9]" not in paths


class Asserts:
    def __getitem__(self, index):
        assert index >= 0
        return index


def test_what_pytest_writes_into_asserts_leads_nowhere():
    assert "@pytest_ar" in Asserts.__getitem__.__code__.co_names
    paths = [path for path, _ in walk({"dataset": Asserts()})]
    assert not any("_pytest" in path for path in paths)


def test_every_item_is_walked_on_request():
    roots = {"dataset": Dataset(rows=list(range(1000)))}
    assert "dataset.rows[9]" in {path for path, _ in walk(roots, every_item=True)}


def test_path_where_the_walk_stops_is_told():
    stops = []
    found = list(walk({"dataset": nested(1)}, stopped=stops.append))
    assert stops == []
    assert len(found) < MOST_OBJECTS
    list(walk({"dataset": nested(3)}, stopped=stops.append))
    (path,) = stops
    assert path.startswith("dataset.held[")


@pytest.mark.parametrize(
    ("stored", "change", "edited"),
    [
        ({"box": [1.0, 2.0]}, lambda x: x["box"].__setitem__(0, 5.0), "value"),
        ({"label": 1}, lambda x: x.pop("label"), "container"),
        (np.zeros(3), lambda x: x.fill(1), "array"),
        (Dataset(n=1), lambda x: vars(x).update(n=2), "replaced"),
    ],
    ids=["number of a list", "popped key", "array", "attribute"],
)
def test_edits_are_told_by_kind(stored, change, edited):
    roots = {"dataset": Dataset(x=stored)}
    before = stored_values(roots)
    assert edits(before, stored_values(roots)) == {}
    change(stored)
    assert list(edits(before, stored_values(roots)).values()) == [edited]


def test_list_that_is_replaced_in_its_record_is_an_edit():
    rows = [{"labels": [1, 2]}]
    roots = {"dataset": Dataset(rows=rows)}
    before = stored_values(roots)
    rows[0]["labels"] = [*rows[0]["labels"], 0]
    assert edits(before, stored_values(roots)) == {"dataset.rows[0]['labels']": "value"}


def test_growth_of_a_cache_changes_no_entry():
    cache = {0: np.zeros(2)}
    roots = {"dataset": Dataset(cache=cache)}
    before = stored_values(roots)
    cache[1] = np.ones(2)
    assert edits(before, stored_values(roots)) == {"dataset.cache": "container"}


@pytest.mark.parametrize(
    ("stored", "change", "containers"),
    [
        ([1, 2, 3], lambda x: x.reverse(), {"dataset.x"}),
        ([1, 2, 3], lambda x: x.append(x.pop() + 1), set()),
        (
            {"box": [1, 2]},
            lambda x: x["box"].reverse(),
            {"dataset.x", "dataset.x['box']"},
        ),
        # Most items are not looked at, and the number may have come from one of these.
        (list(range(MOST_OBJECTS)), lambda x: x.__setitem__(0, 1), {"dataset.x"}),
    ],
)
def test_values_that_change_places_are_told_from_edits(stored, change, containers):
    roots = {"dataset": Dataset(x=stored)}
    before = stored_values(roots)
    change(stored)
    assert rearranged(before, stored_values(roots)) == containers


def test_order_of_a_long_list_is_not_certain():
    roots = {"dataset": Dataset(x=list(range(1000)))}
    seen = stored_values(roots)
    assert rearranged(seen, seen) == {"dataset.x"}
    assert rearranged(seen, seen, certain=True) == set()


def test_loggers_do_not_count_as_stored_values():
    roots = {"dataset": Dataset(logger=logging.getLogger("dejabatch.test"), text="a")}
    assert {"dataset.text"} <= stored_values(roots).keys()
    assert "dataset.logger" not in stored_values(roots)
