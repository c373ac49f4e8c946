"""Streams differ where they should, and `audit` finds nothing left to say."""

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
from test_auditing import Images, Stored
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    Subset,
    get_worker_info,
)

from dejabatch import (
    EpochIndex,
    EpochSampler,
    PerSample,
    audit,
    seed_worker,
    seeding,
    stream,
)
from dejabatch.state import generators as rngs

NUMBERS = st.integers(0, 2**63 - 1)
KINDS = [np.random.default_rng, np.random.RandomState, random.Random, torch.Generator]


def test_examples():
    assert doctest.testmod(seeding).failed == 0


# seed_worker ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_stored_generator_is_cured(kind, method):
    if kind is torch.Generator and method == "spawn":
        pytest.skip("torch cannot send its generators to a spawned worker")
    loader = DataLoader(
        Stored(kind()),
        batch_size=3,
        shuffle=True,
        num_workers=2,
        multiprocessing_context=method,
        worker_init_fn=seed_worker,
    )
    report = audit(loader)
    assert not report.findings, str(report)
    assert "rng-object-on-dataset" in report.checked


class Draws(Dataset):
    """What every kind of generator draws first in its worker."""

    def __init__(self, **generators):
        self.generators = generators

    def __len__(self):
        return 4

    def __getitem__(self, index):
        stored = {name: draw(g) for name, g in self.generators.items()}
        return {
            "worker": get_worker_info().id,
            "random": random.random(),
            "np.random": np.random.random(),
            "torch": float(torch.rand((), dtype=torch.float64)),
            **stored,
        }


def draw(generator):
    if isinstance(generator, torch.Generator):
        return float(torch.rand((), generator=generator, dtype=torch.float64))
    return float(generator.random())


def epochs_of(dataset, epochs=2, collate_fn=list, **arguments):
    loader = DataLoader(
        dataset,
        num_workers=4,
        collate_fn=collate_fn,
        worker_init_fn=seed_worker,
        **arguments,
    )
    return [batch[0] for _ in range(epochs) for batch in loader]


def test_every_generator_has_its_own_stream_in_each_worker_and_epoch():
    seen = epochs_of(Draws(a=np.random.default_rng(1), b=random.Random(2)))
    for name in ("random", "np.random", "torch", "a", "b"):
        assert len({sample[name] for sample in seen}) == 8
    assert not {s["a"] for s in seen} & {s["b"] for s in seen}


def test_generators_that_were_alike_stay_together():
    image, mask, other = (np.random.default_rng(seed) for seed in (1, 1, 2))
    for sample in epochs_of(Draws(image=image, mask=mask, other=other)):
        assert sample["image"] == sample["mask"] != sample["other"]


def test_seeded_runs_repeat_and_differ_by_rank(monkeypatch):
    def run(rank):
        monkeypatch.setenv("RANK", rank)
        torch.manual_seed(3)
        return epochs_of(Draws(a=np.random.default_rng(1)))

    zero, one = run("0"), run("1")
    assert run("0") == zero
    for name in ("random", "np.random", "torch", "a"):
        assert not {s[name] for s in zero} & {s[name] for s in one}


def mix_with(rng, samples):
    return [{"collate": rng.random(), **samples[0]}]


def test_generator_of_the_collate_function_is_reached():
    mix = functools.partial(mix_with, np.random.default_rng(1))
    seen = epochs_of(Draws(), collate_fn=mix)
    assert len({sample["collate"] for sample in seen}) == 8


def test_opencv_is_seeded():
    cv2 = pytest.importorskip("cv2")

    class Noise(Images):
        def draw(self, index):
            noise = np.empty(1)
            cv2.randn(noise, 0, 1)
            return float(noise[0])

    loader = DataLoader(Noise(), batch_size=1, num_workers=2, shuffle=True)
    assert [f.slug for f in audit(loader).findings] == ["opencv-rng"]
    loader = DataLoader(
        Noise(), batch_size=1, num_workers=2, shuffle=True, worker_init_fn=seed_worker
    )
    assert audit(loader).ok


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
def test_streams_are_equal_exactly_if_their_numbers_are(make, one, other):
    def of(numbers):
        seed, epoch, rank, index = numbers
        return words(make(seed, epoch=epoch, rank=rank, index=index))

    assert of(one) == of(one)
    assert (of(one) == of(other)) == (one == other)


@pytest.mark.parametrize("axis", ["seed", "epoch", "rank", "index"])
def test_neighbours_along_every_axis_are_independent(axis):
    """No two of 20,000 neighbours share a stream, and their draws do not correlate."""

    def first(number):
        numbers = {"seed": 0, axis: number}
        return stream(numbers.pop("seed"), **numbers).random(2)

    draws = np.array([first(number) for number in range(20_000)])
    assert len(np.unique(draws[:, 0])) == 20_000
    neighbours = np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]
    assert abs(neighbours) < 6 / np.sqrt(20_000)
    counts, _ = np.histogram(draws[:, 0], bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 80  # chi-squared of 19: p < 1e-9


def test_numbers_that_share_their_words_have_other_streams():
    assert words(stream(2**32)) != words(stream(0, epoch=1))
    assert words(stream(0, epoch=2**32)) != words(stream(0, epoch=0, rank=1))


def test_32_bits_of_torch_collide_as_often_as_chance_has_it():
    """Of 100,000 seeds of 32 bits, 1.16 pairs are expected to be equal."""
    rng = torch.Generator()
    seeds = set()
    for index in range(100_000):
        sequence = stream._sequence(0, 0, 0, index)
        rng.manual_seed(int(sequence.generate_state(1, np.uint64)[0]) >> 1)
        seeds.add(rng.initial_seed() & 0xFFFFFFFF)
    assert 100_000 - len(seeds) <= 12  # more would come once in 1e8 times


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
    """Draws from everything that can be drawn from."""

    def __init__(self):
        self.rng = np.random.default_rng(5)
        self.twin = np.random.default_rng(5)
        self.old = np.random.RandomState(6)
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
            self.old.random(),
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


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_workers": 1},
        {"num_workers": 2, "multiprocessing_context": "fork"},
        {"num_workers": 3, "persistent_workers": True},
        {"num_workers": 2, "multiprocessing_context": "spawn"},
        {
            "num_workers": 2,
            "multiprocessing_context": "forkserver",
            "persistent_workers": True,
        },
    ],
    ids=str,
)
def test_samples_do_not_depend_on_workers_or_order(arguments):
    assert epochs_by_index(per_sample_loader(**arguments)) == REFERENCE


def test_every_sample_of_every_epoch_has_its_own_numbers():
    first, second = REFERENCE
    assert first.keys() == second.keys() == set(range(12))
    for column in range(1, 9):
        numbers = {s[column] for epoch in REFERENCE for s in epoch.values()}
        assert len(numbers) == 24
    assert all(s[5] == s[6] for s in first.values()), "twins stay together"
    assert epochs_by_index(per_sample_loader(seed=2)) != REFERENCE


def test_ranks_have_their_parts_of_the_same_samples():
    parts = [
        epochs_by_index(
            per_sample_loader(DistributedSampler(range(12), 2, rank), num_workers=2)
        )
        for rank in (0, 1)
    ]
    for epoch in (0, 1):
        assert parts[0][epoch] | parts[1][epoch] == REFERENCE[epoch]
    # The order is another in each epoch: set_epoch is passed on.
    assert list(parts[0][0]) != list(parts[0][1])


def test_batch_samplers_of_both_kinds_work():
    dataset = PerSample(Augmented(), 1)
    for sampler in (
        BatchSampler(EpochSampler(RandomSampler(dataset)), 5, False),
        EpochSampler(BatchSampler(RandomSampler(dataset), 5, False)),
    ):
        loader = DataLoader(
            dataset, batch_sampler=sampler, collate_fn=list, num_workers=2
        )
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
    with pytest.raises(TypeError, match="knows no epoch"):
        next(iter(outside))


def test_main_process_keeps_its_random_states():
    states = [rngs.digest(rng) for rng in rngs.global_rngs().values()]
    dataset = PerSample(Augmented(), 1)
    for index in range(3):
        dataset[EpochIndex(index, 0)]
    assert [rngs.digest(rng) for rng in rngs.global_rngs().values()] == states


def test_batches_by_getitems_are_seeded_one_by_one():
    class InBatches(Augmented):
        def __getitems__(self, indices):
            raise AssertionError

    assert epochs_by_index(per_sample_loader(dataset=InBatches())) == REFERENCE


def test_attributes_and_length_are_the_datasets():
    dataset = PerSample(Augmented(), 1)
    assert (len(dataset), dataset.scale) == (12, 3)
    with pytest.raises(AttributeError):
        dataset.missing  # noqa: B018 - the access is the test
    again = pickle.loads(pickle.dumps(dataset))
    assert again[EpochIndex(2, 1)] == dataset[EpochIndex(2, 1)]


def test_index_is_an_int_for_everybody():
    index = pickle.loads(pickle.dumps(EpochIndex(3, epoch=7)))
    assert (index, index.epoch) == (3, 7)
    assert torch.arange(5)[index] == np.arange(5)[index] == [0, 1, 2, 3, 4][index] == 3


@pytest.mark.parametrize("num_workers", [0, 2])
def test_audit_finds_nothing(num_workers):
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
    with pytest.raises(TypeError, match="the index 0 knows no epoch"):
        PerSample([1], 0)[0]
    with pytest.raises(ValueError, match="epoch must be at least 0"):
        EpochSampler([1]).set_epoch(-1)


def test_seeds_of_all_pairs_of_epoch_and_index_differ():
    """The three seeds together have 128 bits; here none of 40,000 are alike."""
    dataset = PerSample([None], 0)
    seeds = set()
    with rngs.Kept(rngs.global_rngs().values()):
        for epoch, index in itertools.product(range(200), range(200)):
            dataset._seed(index, epoch)
            seeds.add((torch.initial_seed(), random.getrandbits(64)))
    assert len(seeds) == 40_000
