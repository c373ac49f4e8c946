"""Properties of every sample and every dataset, on generated small and odd ones."""

import contextlib
import copy
import gc
import multiprocessing
import random
import tempfile
from pathlib import Path

import numpy as np
import psutil
import torch
from green_runs import slow_audit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from torch.utils.data import DataLoader, Dataset

from dejabatch import audit
from dejabatch.state import generators as rngs
from dejabatch.state.fingerprint import DIGEST_SIZE, fingerprint

DTYPES = st.one_of(
    st_numpy.integer_dtypes(), st_numpy.floating_dtypes(sizes=(16, 32, 64))
)
ARRAYS = st_numpy.arrays(DTYPES, st_numpy.array_shapes(min_dims=0, max_side=4))
FORK = multiprocessing.get_context("fork")
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), ARRAYS
)
SAMPLES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=8,
)
GENERATORS = st.sampled_from(
    [
        np.random.default_rng,
        np.random.RandomState,
        random.Random,
        lambda seed: torch.Generator().manual_seed(seed),
    ]
)
# A generated dataset takes as long as a process takes to start.
SLOW = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@given(SAMPLES)
def test_copy_has_the_same_fingerprint(sample):
    assert fingerprint(copy.deepcopy(sample)) == fingerprint(sample)
    assert len(fingerprint(sample)) == DIGEST_SIZE


@given(SAMPLES)
def test_fingerprint_changes_nothing(sample):
    before = repr(sample)
    fingerprint(sample)
    assert repr(sample) == before


@given(SAMPLES, SAMPLES)
def test_holder_is_not_what_it_holds(one, other):
    assert fingerprint([one]) != fingerprint(one)
    assert fingerprint([one, other]) != fingerprint([[one, other]])
    assert fingerprint((one, other)) != fingerprint([one, other])


@given(ARRAYS.filter(lambda a: a.size), st.data())
def test_one_changed_byte_changes_the_fingerprint(array, data):
    other = array.copy()
    flat = other.reshape(-1).view(np.uint8)
    position = data.draw(st.integers(0, len(flat) - 1))
    flat[position] ^= data.draw(st.integers(1, 255))
    assert fingerprint(other) != fingerprint(array)


@given(ARRAYS)
def test_strides_do_not_count(array):
    assert fingerprint(array.copy(order="F")) == fingerprint(array)


@given(GENERATORS, st.integers(0, 2**32 - 1), st.integers(0, 50))
def test_generator_is_restored(make, seed, draws):
    rng = make(seed)
    before, state = rngs.digest(rng), rngs.get_state(rng)
    for _ in range(draws):
        rngs.reseed(rng, np.random.SeedSequence(draws))
    rngs.set_state(rng, state)
    assert rngs.digest(rng) == before


class Holds(Dataset):
    """A dataset whose samples use and change everything that it holds."""

    def __init__(self, folder, kinds):
        content = np.arange(8)
        content.tofile(folder / "data")
        self.folder = folder
        self.kinds = kinds
        self.file = (folder / "data").open("rb", buffering=0)
        self.written = (folder / "written").open("w+b", buffering=0)
        self.array = torch.arange(8).share_memory_()
        self.value = FORK.Value("i", 3)
        self.lock = FORK.Lock()
        self.mapped = np.memmap(folder / "data", mode="r+", dtype=content.dtype)
        self.generators = [make(7) for make in (random.Random, np.random.default_rng)]

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return [getattr(self, f"use_{kind}")(index) for kind in sorted(self.kinds)]

    def use_file(self, index):
        self.file.seek(index)
        return self.file.read(2)

    def use_written(self, index):
        return self.written.write(bytes([index]))

    def use_array(self, index):
        self.array[index] += 1
        return int(self.array[index])

    def use_value(self, index):
        with self.value.get_lock():
            self.value.value += 1
        return index

    def use_lock(self, index):
        with self.lock:
            return index

    def use_mapped(self, index):
        self.mapped[index] = -1
        return index

    def use_cache(self, index):
        cached = self.folder / f"{index}.npy"
        if not cached.exists():
            np.save(cached, np.arange(index))
        return np.load(cached)

    def use_generators(self, index):
        return [float(rng.random()) for rng in self.generators]

    def state(self):
        """Return everything that an audit could change."""
        positions = self.file.tell(), self.written.tell()
        files = {p.name: p.read_bytes() for p in sorted(self.folder.iterdir())}
        states = [rngs.digest(rng) for rng in self.generators]
        states += [rngs.digest(rng) for rng in rngs.global_rngs().values()]
        free = self.lock.acquire(block=False)
        self.lock.release()
        values = self.array.tolist(), self.value.value, free
        return positions, files, states, values

    def close(self):
        self.file.close()
        self.written.close()


KINDS = [name.removeprefix("use_") for name in vars(Holds) if name.startswith("use_")]


@slow_audit
@settings(SLOW, max_examples=6)
@given(
    st.lists(st.sampled_from(KINDS), min_size=3, unique=True),
    st.sampled_from([0, 2]),
    st.sampled_from([60.0, 0.5]),
)
def test_audit_changes_nothing_that_a_dataset_holds(kinds, num_workers, time_limit):
    gc.collect()
    this = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        dataset = Holds(Path(folder), kinds)
        before = dataset.state()
        descriptors, children = this.num_fds(), this.children(recursive=True)
        mapped = _shared_mappings()
        # Half a second may end in the middle, or before the first batch.
        with contextlib.suppress(RuntimeError):
            audit(
                DataLoader(dataset, num_workers=num_workers, collate_fn=list),
                time_limit=time_limit,
            )
        assert dataset.state() == before
        assert this.num_fds() == descriptors
        assert this.children(recursive=True) == children
        assert _shared_mappings() <= mapped
        dataset.close()


def _shared_mappings():
    """Return the blocks of shared memory that this process maps."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line for line in lines if line.split()[1].endswith("s")}


class Generated(Dataset):
    def __init__(self, samples, generators):
        self.samples = samples
        self.generators = generators

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        for rng in self.generators:
            rngs.reseed(rng, np.random.SeedSequence(index))
        return self.samples[index]


@slow_audit
@SLOW
@given(
    st.lists(SAMPLES, min_size=1, max_size=6),
    st.lists(GENERATORS, max_size=3),
    st.integers(1, 4),
    st.sampled_from([0, 2]),
    st.booleans(),
)
def test_audit_leaves_no_trace(samples, makers, batch_size, num_workers, shuffle):
    dataset = Generated(samples, [make(7) for make in makers])
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=shuffle,
        num_workers=num_workers,
        collate_fn=list,
        generator=generator,
    )
    held = [generator, *dataset.generators, *rngs.global_rngs().values()]
    states = [rngs.digest(rng) for rng in held]
    content = fingerprint(samples)
    stored = dict(vars(loader))
    gc.collect()  # what earlier tests left open is not closed between the two counts
    this = psutil.Process()
    descriptors, children = this.num_fds(), this.children(recursive=True)

    report = audit(loader)

    assert report.observation.error is None
    assert [rngs.digest(rng) for rng in held] == states
    assert fingerprint(samples) == content
    assert dict(vars(loader)) == stored
    assert this.num_fds() == descriptors
    assert this.children(recursive=True) == children
