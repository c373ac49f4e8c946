"""Random streams differ by worker, epoch, rank and sample, and repeat by seed."""

import doctest
import functools
import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from simulated_workers import simulated_worker
from test_auditing import Stored
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    Subset,
)

from dejabatch import EpochIndex, EpochSampler, PerSample, audit, seed_worker, stream
from dejabatch.fixes import seeding
from dejabatch.state import generators

NUMBERS = st.integers(0, 2**63 - 1)
KINDS = [np.random.default_rng, np.random.RandomState, random.Random, torch.Generator]


def test_examples():
    assert doctest.testmod(seeding).failed == 0


# seed_worker ------------------------------------------------------------------------


class Draws(Dataset):
    """Each sample has the first draw from every generator."""

    def __init__(self, **stored):
        self.stored = stored

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {
            "random": random.random(),
            "np.random": np.random.random(),
            "torch": float(torch.rand((), dtype=torch.float64)),
            **{name: draw(generator) for name, generator in self.stored.items()},
        }


def draw(generator):
    if isinstance(generator, torch.Generator):
        return float(torch.rand((), generator=generator, dtype=torch.float64))
    return float(generator.random())


def _worker_loop(collate_fn, worker_id):
    """Call seed_worker from a frame like that of torch's worker loop."""
    seed_worker(worker_id)


def first_samples(dataset, collate_fn=list, base_seeds=(5, 6)):
    """Return the first sample of each of two workers in two epochs."""
    samples = []
    for base_seed, worker_id in itertools.product(base_seeds, range(2)):
        copy = pickle.loads(pickle.dumps(dataset))
        with simulated_worker(worker_id, 2, base_seed=base_seed, dataset=copy):
            _worker_loop(collate_fn, worker_id)
            samples.append(copy[0])
    return samples


@pytest.mark.parametrize("kind", KINDS[:-1], ids=lambda kind: kind.__name__)
def test_every_generator_has_its_own_stream_in_each_worker_and_epoch(kind):
    samples = first_samples(Draws(a=kind(1), b=kind(2)))
    for name in ("random", "np.random", "torch", "a", "b"):
        assert len({sample[name] for sample in samples}) == 4
    assert not {s["a"] for s in samples} & {s["b"] for s in samples}


def test_torch_generators_have_their_own_stream_in_each_worker():
    draws = set()
    for worker_id in range(2):  # torch's generators cannot be pickled
        dataset = Draws(a=torch.Generator(), b=torch.Generator().manual_seed(2))
        with simulated_worker(worker_id, 2, dataset=dataset):
            seed_worker(worker_id)
            sample = dataset[0]
            draws |= {sample["a"], sample["b"]}
    assert len(draws) == 4


def test_generators_in_equal_states_stay_equal():
    image, mask, other = (np.random.default_rng(seed) for seed in (1, 1, 2))
    for sample in first_samples(Draws(image=image, mask=mask, other=other)):
        assert sample["image"] == sample["mask"] != sample["other"]


def test_seeded_runs_repeat_and_differ_by_rank(monkeypatch):
    dataset = Draws(a=np.random.default_rng(1))

    def samples_of_rank(rank):
        monkeypatch.setenv("RANK", rank)
        return first_samples(dataset)

    zero, one = samples_of_rank("0"), samples_of_rank("1")
    assert samples_of_rank("0") == zero
    for name in ("random", "np.random", "torch", "a"):
        assert not {s[name] for s in zero} & {s[name] for s in one}


def mix_with(rng, samples):
    return [{"collate": rng.random(), **samples[0]}]


# Forked workers inherit the generators; all others get them by pickle.
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_real_worker_reseeds_what_its_dataset_and_collate_function_hold(method):
    loader = DataLoader(
        Draws(a=np.random.RandomState(1), b=random.Random(2)),
        num_workers=1,
        collate_fn=functools.partial(mix_with, np.random.default_rng(3)),
        worker_init_fn=seed_worker,
        multiprocessing_context=method,
    )
    (first, *_) = [batch[0] for batch in loader]
    assert first["a"] != np.random.RandomState(1).random()
    assert first["b"] != random.Random(2).random()
    assert first["collate"] != np.random.default_rng(3).random()


def test_audit_finds_nothing_in_a_loader_with_seed_worker():
    loader = DataLoader(
        Stored(np.random.default_rng()),
        batch_size=3,
        shuffle=True,
        num_workers=2,
        worker_init_fn=seed_worker,
    )
    report = audit(loader)
    assert not report.findings, str(report)
    assert "rng-object-on-dataset" in report.checked


def test_opencv_is_seeded():
    cv2 = pytest.importorskip("cv2")
    draws = []
    for worker_id in (0, 1, 0):
        with simulated_worker(worker_id, 2):
            seed_worker(worker_id)
        noise = np.empty(1)
        cv2.randn(noise, 0, 1)
        draws.append(noise[0])
    assert draws[0] == draws[2] != draws[1]


def test_seed_worker_can_be_pickled_and_refuses_the_main_process():
    assert pickle.loads(pickle.dumps(seed_worker)) is seed_worker
    with pytest.raises(RuntimeError, match="worker_init_fn=seed_worker"):
        seed_worker(0)


# stream -----------------------------------------------------------------------------


def words(generator):
    if isinstance(generator, torch.Generator):
        return torch.empty(4, dtype=torch.int64).random_(generator=generator).tolist()
    if isinstance(generator, random.Random):
        return [generator.getrandbits(64) for _ in range(4)]
    return generator.integers(2**63, size=4).tolist()


@pytest.mark.parametrize("make", [stream, stream.torch, stream.python])
@given(one=st.tuples(*[NUMBERS] * 4), other=st.tuples(*[NUMBERS] * 4))
def test_streams_are_equal_exactly_if_their_numbers_are_equal(make, one, other):
    def first_words(numbers):
        seed, epoch, rank, index = numbers
        return words(make(seed, epoch=epoch, rank=rank, index=index))

    assert first_words(one) == first_words(one)
    assert (first_words(one) == first_words(other)) == (one == other)


@pytest.mark.parametrize("axis", ["seed", "epoch", "rank", "index"])
def test_neighbours_along_every_axis_are_independent(axis):
    """10,000 neighbours all have different streams, and their draws do not correlate."""

    def first(number):
        numbers = {"seed": 0, axis: number}
        return stream(numbers.pop("seed"), **numbers).random(2)

    draws = np.array([first(number) for number in range(10_000)])
    assert len(np.unique(draws[:, 0])) == 10_000
    neighbours = np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]
    assert abs(neighbours) < 6 / np.sqrt(10_000)
    counts, _ = np.histogram(draws[:, 0], bins=20, range=(0, 1))
    assert ((counts - 500) ** 2 / 500).sum() < 80  # chi-squared of 19: p < 1e-9


def test_large_numbers_do_not_share_streams_with_pairs_of_small_numbers():
    assert words(stream(2**32)) != words(stream(0, epoch=1))
    assert words(stream(0, epoch=2**32)) != words(stream(0, epoch=0, rank=1))


def test_seeds_of_torch_collide_as_rarely_as_random_32_bits():
    """Among 40,000 random seeds of 32 bits, 0.19 pairs are expected to be equal."""
    generator = torch.Generator()
    seeds = set()
    for index in range(40_000):
        sequence = stream._sequence(0, 0, 0, index)
        generators.reseed(generator, sequence)
        seeds.add(generator.initial_seed() & 0xFFFFFFFF)
    assert 40_000 - len(seeds) <= 6  # exceeded by chance once in 1e8 runs


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        (
            {"seed": 0, "epoch": 2**63},
            ValueError,
            r"epoch must be .* less than 2\*\*63",
        ),
        ({"seed": 0, "index": 1.5}, TypeError, r"index must be an integer, not 1\.5"),
        ({"seed": True}, TypeError, "seed must be an integer, not True"),
    ],
)
def test_bad_number_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        stream(arguments.pop("seed"), **arguments)


# PerSample and EpochSampler -----------------------------------------------------------


class Augmented(Dataset):
    """Each sample has a draw from every kind of generator."""

    def __init__(self):
        self.rng = np.random.default_rng(5)
        self.twin = np.random.default_rng(5)
        self.legacy = np.random.RandomState(6)
        self.python = random.Random(7)
        self.scale = 3

    def __len__(self):
        return 12

    def __getitem__(self, index):
        assert type(index) is int
        return [
            index,
            random.random(),
            np.random.random(),
            np.random.standard_normal(),
            float(torch.rand(())),
            self.rng.random(),
            self.twin.random(),
            self.legacy.random(),
            self.python.random(),
        ]


def epochs_by_index(loader, epochs=2):
    """Return every sample of each epoch by its index."""
    return [
        {sample[0]: tuple(sample) for batch in loader for sample in batch}
        for _ in range(epochs)
    ]


def per_sample_loader(sampler=None, seed=1, dataset=None, **arguments):
    dataset = PerSample(Augmented() if dataset is None else dataset, seed)
    return DataLoader(
        dataset,
        batch_size=4,
        sampler=EpochSampler(RandomSampler(dataset) if sampler is None else sampler),
        collate_fn=list,
        **arguments,
    )


REFERENCE = epochs_by_index(per_sample_loader())


def test_samples_do_not_depend_on_worker_or_order():
    dataset = PerSample(Augmented(), 1)
    dataset[EpochIndex(0, 0)]
    for worker_id in range(2):
        copy = pickle.loads(pickle.dumps(dataset))
        with simulated_worker(worker_id, 2, base_seed=random.getrandbits(32)):
            for epoch, index in itertools.product((1, 0), reversed(range(12))):
                sample = copy[EpochIndex(index, epoch)]
                assert tuple(sample) == REFERENCE[epoch][index]


# Forked workers inherit generators that were found before; all others find them again.
@pytest.mark.parametrize(
    "arguments",
    [
        {"num_workers": 2, "multiprocessing_context": "fork"},
        {
            "num_workers": 1,
            "multiprocessing_context": "forkserver",
            "persistent_workers": True,
        },
    ],
    ids=str,
)
def test_samples_of_real_workers_are_those_of_the_main_process(arguments):
    loader = per_sample_loader(**arguments)
    loader.dataset[EpochIndex(0, 0)]
    assert epochs_by_index(loader) == REFERENCE


def test_every_sample_of_every_epoch_has_its_own_numbers():
    first, second = REFERENCE
    assert first.keys() == second.keys() == set(range(12))
    for column in range(1, 9):
        numbers = {s[column] for epoch in REFERENCE for s in epoch.values()}
        assert len(numbers) == 24
    assert all(s[5] == s[6] for s in first.values()), "equal generators stay equal"
    assert epochs_by_index(per_sample_loader(seed=2)) != REFERENCE


def test_ranks_share_the_samples_and_get_each_epoch_in_a_new_order():
    parts = [
        epochs_by_index(per_sample_loader(DistributedSampler(range(12), 2, rank)))
        for rank in (0, 1)
    ]
    for epoch in (0, 1):
        assert parts[0][epoch] | parts[1][epoch] == REFERENCE[epoch]
    # DistributedSampler draws a new order only if set_epoch is passed on.
    assert list(parts[0][0]) != list(parts[0][1])


@pytest.mark.parametrize("outside", [False, True])
def test_batch_sampler_may_be_inside_or_outside(outside):
    dataset = PerSample(Augmented(), 1)
    order = RandomSampler(dataset)
    if outside:
        sampler = BatchSampler(EpochSampler(order), 5, False)
    else:
        sampler = EpochSampler(BatchSampler(order, 5, False))
    loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=list)
    assert epochs_by_index(loader) == REFERENCE
    assert len(loader) == 3


def test_epoch_can_be_set():
    loader = per_sample_loader()
    loader.sampler.set_epoch(1)
    assert epochs_by_index(loader, epochs=1) == REFERENCE[1:]


def test_subset_belongs_inside():
    inside = per_sample_loader(range(3), dataset=Subset(Augmented(), [4, 5, 6]))
    first, second = epochs_by_index(inside)
    assert first.keys() == {4, 5, 6}
    assert first != second
    outside = DataLoader(
        Subset(PerSample(Augmented(), 1), [4, 5, 6]), sampler=EpochSampler(range(3))
    )
    with pytest.raises(TypeError, match="has no epoch"):
        next(iter(outside))


def test_main_process_keeps_its_random_states():
    def states():
        return [generators.digest(rng) for rng in generators.global_rngs().values()]

    before = states()
    dataset = PerSample(Augmented(), 1)
    for index in range(3):
        dataset[EpochIndex(index, 0)]
    assert states() == before


class RefusesBatches(Augmented):
    def __getitems__(self, indices):
        raise AssertionError


def test_samples_of_a_batch_are_made_and_seeded_one_by_one():
    assert epochs_by_index(per_sample_loader(dataset=RefusesBatches())) == REFERENCE


def test_attributes_and_length_of_the_dataset_are_found():
    dataset = PerSample(Augmented(), 1)
    assert (len(dataset), dataset.scale) == (12, 3)
    with pytest.raises(AttributeError):
        dataset.missing  # noqa: B018 - the access is the test


def test_epoch_index_is_an_int():
    index = pickle.loads(pickle.dumps(EpochIndex(3, epoch=7)))
    assert (index, index.epoch) == (3, 7)
    assert torch.arange(5)[index] == np.arange(5)[index] == [0, 1, 2, 3, 4][index] == 3


# Without workers, PerSample restores the global generators after each sample.
@pytest.mark.slow("src/dejabatch/fixes", "src/dejabatch/observe", "src/dejabatch/state")
@pytest.mark.parametrize("num_workers", [0, 2])
def test_audit_finds_nothing_in_a_loader_with_per_sample(num_workers):
    report = audit(per_sample_loader(num_workers=num_workers))
    assert not report.findings, str(report)
    assert report.observation.error is None


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match="dataset must be map-style; int has no"):
        PerSample(3, 0)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        PerSample([1], -1)
    with pytest.raises(TypeError, match="sampler must be a sampler, not int"):
        EpochSampler(3)
    with pytest.raises(TypeError, match="the index 0 has no epoch"):
        PerSample([1], 0)[0]
    with pytest.raises(ValueError, match="epoch must be at least 0"):
        EpochSampler([1]).set_epoch(-1)


def test_all_pairs_of_epoch_and_index_have_different_seeds():
    """The seeds have 128 bits, so that 10,000 random seeds would differ."""
    dataset = PerSample([None], 0)
    seeds = set()
    with generators.restored(generators.global_rngs().values()):
        for epoch, index in itertools.product(range(100), range(100)):
            dataset._seed(index, epoch)
            seeds.add((torch.initial_seed(), random.getrandbits(64)))
    assert len(seeds) == 10_000
