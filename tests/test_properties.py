"""Properties of every sample and every dataset, on generated small and odd ones."""

import copy
import gc
import random

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
