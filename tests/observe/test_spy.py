"""A loader is seen as it is, under every start method, and the user's own is not used."""

import gc
import itertools
import random
import runpy

import numpy as np
import pytest
import torch
from conftest import ROOT
from green_runs import slow_audit
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
from torchdata.stateful_dataloader.sampler import RandomSampler

from dejabatch import FAILURE_MODES
from dejabatch.finders import found_by
from dejabatch.observe.batches import digests_of
from dejabatch.observe.facts import facts_of, known_states
from dejabatch.observe.record import MAIN_PROCESS, SEEDED_NUMPY
from dejabatch.observe.spy import observe
from dejabatch.state import generators as rngs

START_METHODS = pytest.mark.parametrize(
    "method", ["fork", "forkserver", pytest.param("spawn", marks=slow_audit)]
)


class Squares(Dataset):
    def __init__(self, length=12):
        self.length = length
        self.rng = np.random.default_rng(1)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return {"index": index, "square": torch.tensor(index**2)}


class Noisy(Squares):
    def __getitem__(self, index):
        return index, self.rng.random(), random.random()


class Stream(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first = 0 if info is None else info.id
        yield from range(first, 8, 1 if info is None else info.num_workers)


class Raises(Squares):
    def __getitem__(self, index):
        if index == 5:
            raise ValueError(index)
        return index


def reseed(_worker_id):
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)


def digest_of(sample):
    return np.frombuffer(digests_of([sample]).samples[0], np.uint8)


def indices_by_epoch(observation):
    return [
        [f.indices.tolist() for f in observation.fetches if f.epoch == end.epoch]
        for end in observation.ends
    ]


@pytest.mark.parametrize("num_workers", [0, 1, 2, 4])
def test_every_batch_is_seen_with_worker_indices_and_samples(num_workers):
    dataset = Squares()
    seen = observe(lambda: DataLoader(dataset, batch_size=5, num_workers=num_workers))
    assert seen.error is None
    assert indices_by_epoch(seen) == [[[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]] * 2
    assert all(end.complete for end in seen.ends)
    for fetch in seen.fetches:
        expected = fetch.batch % num_workers if num_workers else MAIN_PROCESS
        assert fetch.worker == expected
        for index, digest in zip(fetch.indices.tolist(), fetch.digests, strict=True):
            assert (digest == digest_of(dataset[index])).all()


@START_METHODS
@pytest.mark.parametrize("persistent", [False, True])
def test_generators_are_seen_at_the_start_of_each_epoch(method, persistent):
    seen = observe(
        lambda: DataLoader(
            Noisy(8),
            batch_size=2,
            num_workers=2,
            multiprocessing_context=method,
            persistent_workers=persistent,
        )
    )
    assert seen.facts.start_method == method
    workers = [start for start in seen.starts if start.worker != MAIN_PROCESS]
    assert len(workers) == (2 if persistent else 4)
    starts, ends = seen.epoch_starts(), seen.epoch_ends()
    assert set(starts) == set(ends) == set(itertools.product((0, 1), (0, 1)))
    stored = {key: census["dataset.rng"] for key, census in starts.items()}
    assert stored[0, 0] == stored[0, 1] == rngs.digest(np.random.default_rng(1))
    # Persistent workers go on with their copies; new workers get the parent's again.
    assert (stored[1, 0] == stored[0, 0]) is not persistent
    assert len({starts[key]["random"] for key in starts}) == 4
    for key in starts:
        assert starts[key]["dataset.rng"] != ends[key]["dataset.rng"]
        assert starts[key]["random"] != ends[key]["random"]
        assert starts[key]["torch"] == ends[key]["torch"]  # seeded, and not drawn from


def test_generators_are_seen_after_worker_init_fn():
    seen = observe(
        lambda: DataLoader(Noisy(4), num_workers=2, worker_init_fn=reseed, batch_size=2)
    )
    starts = seen.epoch_starts()
    assert len({census["dataset.rng"] for census in starts.values()}) == 4


def test_loader_without_batching_and_with_a_batch_sampler():
    plain = observe(lambda: DataLoader(Squares(4), batch_size=None, num_workers=2))
    assert indices_by_epoch(plain) == [[[0], [1], [2], [3]]] * 2
    batches = [[3, 1], [0]]
    own = observe(lambda: DataLoader(Squares(4), batch_sampler=batches, num_workers=2))
    assert indices_by_epoch(own) == [batches] * 2


@pytest.mark.parametrize("num_workers", [0, 2])
def test_stream_is_seen(num_workers):
    seen = observe(lambda: DataLoader(Stream(), batch_size=2, num_workers=num_workers))
    assert seen.error is None
    assert not seen.facts.map_style
    digests = {tuple(d) for f in seen.fetches if f.epoch == 0 for d in f.digests}
    assert digests == {tuple(digest_of(number)) for number in range(8)}
    assert {f.indices for f in seen.fetches} == {None}


def test_reading_stops_at_max_batches_and_says_so():
    seen = observe(lambda: DataLoader(Squares(100)), max_batches=3)
    assert [len(batches) for batches in indices_by_epoch(seen)] == [3, 3]
    assert not any(end.complete for end in seen.ends)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_error_of_the_dataset_is_told_with_what_came_before(num_workers):
    seen = observe(lambda: DataLoader(Raises(), batch_size=2, num_workers=num_workers))
    assert "ValueError: 5" in seen.error
    assert [f.batch for f in seen.fetches] == [0, 1]


def test_loader_that_cannot_be_made_is_told():
    seen = observe(lambda: DataLoader(Squares(), batch_size=-1))
    assert seen.facts is None
    assert "batch_size" in seen.error


@pytest.mark.parametrize("num_workers", [0, 2])
def test_users_loader_is_as_before(num_workers):
    generator = torch.Generator()
    loader = DataLoader(
        Noisy(8),
        shuffle=True,
        num_workers=num_workers,
        generator=generator,
        persistent_workers=num_workers > 0,
    )
    next(iter(loader))
    iterator, attributes = loader._iterator, dict(vars(loader))
    held = [generator, loader.dataset.rng, *rngs.global_rngs().values()]
    before = [rngs.digest(one) for one in held]
    assert observe(lambda: loader).error is None
    assert [rngs.digest(one) for one in held] == before
    assert vars(loader) == attributes
    assert loader._iterator is iterator
    assert len(list(loader)) == 8


def watch_loaders_of(page):
    names = runpy.run_path(str(page), run_name="page")
    for name in ("broken", "fixed"):
        value = names[name]() if callable(names[name]) else names[name]
        for loader in value if isinstance(value, tuple) else (value,):
            seen = observe(lambda loader=loader: loader)
            assert seen.error is None, name
            assert len(seen.ends) == 2


# Each page asks `audit` about them, which watches them as well.
@slow_audit
# A file that stays open is what one of the pages is about.
@pytest.mark.filterwarnings("ignore:unclosed file")
@pytest.mark.parametrize(
    "mode",
    [
        mode
        for mode in FAILURE_MODES.values()
        if mode.has_page and {*found_by(mode.slug)} & {"audit", "compare"}
        if mode.section != "6_ranks"  # these need a process group
    ],
    ids=lambda mode: mode.slug,
)
def test_loaders_of_the_pages_can_be_watched(mode):
    watch_loaders_of(ROOT / "gallery" / mode.page)
    gc.collect()


class StoredBatches:
    """Yields lists that it keeps, the same at the end of an epoch and in the next."""

    def __init__(self):
        self.batches = [[0, 1], [2, 3], [4, 5]]

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        yield from self.batches
        self.batches.reverse()


class OneList(StoredBatches):
    def __iter__(self):
        batch = []
        for indices in self.batches:
            batch[:] = indices
            yield batch


class OneArray(StoredBatches):
    def __iter__(self):
        batch = np.empty(2, np.int64)
        for indices in self.batches:
            batch[:] = indices
            yield batch


class EachTwice(StoredBatches):
    def __iter__(self):
        return (batch for batch in self.batches for _ in range(2))


@pytest.mark.parametrize(
    ("sampler", "reused"),
    [(StoredBatches, False), (EachTwice, False), (OneList, True), (OneArray, True)],
)
def test_only_an_object_with_other_indices_is_reused(sampler, reused):
    seen = observe(lambda: DataLoader(Squares(6), batch_sampler=sampler()))
    assert [end.list_reused for end in seen.ends] == [reused, reused]


@pytest.mark.parametrize("draws", [0, 1])
def test_numpy_is_seeded_until_the_first_draw(draws):
    state = np.random.get_state()
    try:
        np.random.seed(42)
        np.random.random(draws)
        assert (SEEDED_NUMPY in known_states(0)) is (draws == 0)
    finally:
        np.random.set_state(state)


class Iterating:
    """A sampler that is its own iterator."""

    left = 0

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        self.left -= 1
        return self.left


class Resets(Iterating):
    def __iter__(self):
        self.left = 4
        return self


@pytest.mark.parametrize(
    ("sampler", "one_pass"),
    [
        (iter([2, 1]), True),
        ((i for i in range(3)), True),
        (Iterating(), True),
        (Resets(), False),
        ([2, 1], False),
    ],
    ids=["iterator", "generator", "returns itself", "resets itself", "list"],
)
def test_iterator_that_resets_itself_has_more_than_one_pass(sampler, one_pass):
    assert facts_of(DataLoader(range(4), sampler=sampler)).one_shot == one_pass


class OwnSampler(torch.utils.data.RandomSampler):
    """A class of the user's that extends a class of torch."""


def test_library_of_a_sampler_is_told_from_torch_and_from_the_user():
    own, of_torch = OwnSampler(range(6)), torch.utils.data.RandomSampler(range(6))
    libraries = {
        sampler: facts_of(DataLoader(range(6), sampler=sampler)).sampler_library
        for sampler in (own, of_torch, RandomSampler(range(6)))
    }
    assert [*libraries.values()] == [None, None, "torchdata"]


def test_samples_that_are_none_are_counted():
    loader = DataLoader([0, None, 2, None], batch_size=4, collate_fn=list)
    (fetch,) = observe(lambda: loader, epochs=1).fetches
    assert fetch.missing == 2
