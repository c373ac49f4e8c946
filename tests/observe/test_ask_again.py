"""Answers about a sample say more together than each of them alone."""

import dataclasses
import functools
import itertools
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from dejabatch.observe.experiments import ask_again
from dejabatch.observe.experiments.ask_again import _are_others, _Questions
from dejabatch.observe.experiments.set_epoch import unseen_by_workers

EXPECTED = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"]


@pytest.mark.parametrize(
    ("made", "are_others"),
    [
        ([b"a", b"b", b"c", b"d"], True),
        ([b"0", b"1", b"c", b"d", b"e", b"f", b"g", b"h"], True),  # equal by chance
        (EXPECTED[::-1], False),  # only another order
        ([*EXPECTED[:3], b"d", b"e", b"f", b"g", b"h"], False),
    ],
)
def test_few_samples_may_be_equal_by_chance(made, are_others):
    assert _are_others(made, EXPECTED) is are_others


class RarelyReversed(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        row = torch.arange(4) + index
        return row.flip(0) if self.rng.random() < 0.2 else row


class KeepsFirst(RarelyReversed):
    @functools.lru_cache  # noqa: B019 - a dataset that caches its samples
    def __getitem__(self, index):
        return super().__getitem__(index)


@pytest.mark.parametrize(
    ("dataset", "kept"), [(RarelyReversed, set()), (KeepsFirst, {""})]
)
def test_rarely_changed_part_is_not_kept(dataset, kept):
    questions = _Questions(DataLoader(dataset()), [0], [], seconds=30)
    questions()
    assert questions._kept_from_now_on(0, {""}) == kept


class WindowBesideStored(IterableDataset):
    """Yields one window again and again, beside a view of what is stored."""

    def __init__(self, *, stored):
        self.series = torch.arange(9.0)
        self.window = torch.zeros(2) if stored else None

    def __iter__(self):
        window = torch.zeros(2) if self.window is None else self.window
        for value in self.series:
            window += 1
            yield window, value


@pytest.mark.parametrize(("stored", "held"), [(False, ()), (True, ("dataset.window",))])
def test_part_that_changes_is_told_from_the_rest_of_the_sample(stored, held):
    loader = DataLoader(WindowBesideStored(stored=stored), batch_size=4)
    answers = _Questions(loader, [], [], seconds=30)()
    assert answers.overwritten
    assert answers.held_by_dataset == held


class Lists(Dataset):
    def __init__(self):
        self.rows = [[index] * (index + 1) for index in range(4)]

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.rows[index]


def pad(samples):
    for sample in samples:
        sample.extend([0] * (4 - len(sample)))
    return torch.tensor(samples)


def pad_copies(samples):
    return pad([list(sample) for sample in samples])


@pytest.mark.parametrize(
    ("collate_fn", "edited"),
    [(pad, {"dataset.rows[0]": "container"}), (pad_copies, {})],
)
def test_collate_fn_that_edits_stored_lists_is_seen(collate_fn, edited):
    loader = DataLoader(Lists(), batch_size=4, collate_fn=collate_fn)
    answers = _Questions(loader, [0, 1], [0, 1], seconds=30)()
    assert dict(list(answers.edited_by_collate.items())[:1]) == edited


class EditsRows(IterableDataset):
    def __init__(self, step):
        self.rows = [np.full(2, float(i)) for i in range(4)]
        self.step = step

    def __iter__(self):
        for row in self.rows:
            np.add(row, self.step, out=row)
            yield row.copy()


@pytest.mark.parametrize("step", [0, 1])
def test_pass_that_edits_stored_arrays_is_seen(step):
    answers = _Questions(DataLoader(EditsRows(step)), [], [], seconds=30)()
    assert set(answers.edited_by_pass.values()) == ({"array"} if step else set())


class Masks:
    def __init__(self, seed_each_batch):
        self.rng = np.random.default_rng(0)
        self.seed_each_batch = seed_each_batch

    def __call__(self, samples):
        rng = np.random.default_rng(1) if self.seed_each_batch else self.rng
        return [[rng.random() for _ in sample] for sample in samples]


@pytest.mark.parametrize(("again", "paths"), [(False, ("collate_fn.rng",)), (True, ())])
def test_batch_depends_on_the_generator_that_collate_fn_draws_from(again, paths):
    loader = DataLoader(Lists(), batch_size=4, collate_fn=Masks(again))
    answers = _Questions(loader, [0, 1], [0, 1], seconds=30)()
    assert answers.batch_depends_on == paths


class Rotates(Lists):
    """Returns the first item of a list, which goes to its end."""

    def __getitem__(self, index):
        row = self.rows[index]
        row.append(row.pop(0))
        return row[0]

    def __init__(self):
        self.rows = [list(range(index, index + 5)) for index in range(4)]


class Increases(Rotates):
    def __getitem__(self, index):
        self.rows[index][0] += 1
        return super().__getitem__(index)


@pytest.mark.parametrize(("kind", "moves"), [(Rotates, True), (Increases, False)])
def test_list_that_is_rotated_is_told_from_an_edit(kind, moves):
    answers = _Questions(DataLoader(kind()), [0, 1], [0, 1], seconds=30)()
    assert (set(answers.edited_objects.values()) == {"moved"}) is moves


class SeedsEachSample(Dataset):
    def __init__(self, seed, *, own):
        self.seed = seed
        self.own = own

    def __len__(self):
        return 4

    def __getitem__(self, index):
        seed = self.seed(index)
        if not self.own:
            np.random.seed(seed)
            return np.random.random()
        rng = np.random.RandomState(seed)
        return rng.random()


@pytest.mark.parametrize(
    ("seed", "alike"),
    [
        (lambda _: 42, True),
        (lambda _: torch.initial_seed() % 2**32, True),
        (lambda index: index, False),
        (lambda index: (torch.initial_seed() + index) % 2**32, False),
        (lambda _: random.getrandbits(32), False),
    ],
    ids=["constant", "worker", "index", "worker and index", "drawn"],
)
@pytest.mark.parametrize("own", [False, True])
def test_samples_that_are_seeded_alike_are_seen(seed, alike, own):
    loader = DataLoader(SeedsEachSample(seed, own=own), batch_size=4)
    answers = _Questions(loader, [0, 1], [0, 1], seconds=30)()
    assert answers.reseeded_in_worker == (("np.random",) if alike and not own else ())
    assert bool(answers.made_alike) is (alike and own)


class Fallback(Dataset):
    """Returns a random sample for every fifth index, or one index with two labels."""

    def __init__(self, *, noise):
        self.noise = noise

    def __len__(self):
        return 12

    def __getitem__(self, index):
        shift = random.random()
        if self.noise:
            return torch.rand(4), index if index != 5 or random.random() < 0.5 else 0
        return torch.rand(4) + shift, random.randrange(40) if index % 5 == 4 else index


@pytest.mark.parametrize(("noise", "found"), [(False, (4, 9)), (True, ())])
def test_indices_with_random_labels_are_seen(noise, found, monkeypatch):
    monkeypatch.setattr(ask_again, "_SECONDS_FOR_CONTENTS", 60)
    loader = DataLoader(Fallback(noise=noise), batch_size=4)
    answers = _Questions(loader, [0, 1], list(range(12)), seconds=30)()
    assert answers.other_labels == found


class Rows(Lists):
    """Has a row for each index; a subclass makes some of them at random."""

    def __init__(self):
        self.rows = np.random.default_rng(0).random((40, 6))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.at_random(index) if index % 5 == 3 else self.rows[index]


class TakesAnother(Rows):
    def at_random(self, _index):
        return self.rows[5 * random.randrange(8)]


class Jitters(Rows):
    def at_random(self, index):
        return self.rows[index] * random.random()


class IsBlankAtTimes(Rows):
    def __init__(self):
        super().__init__()
        self.rows[::5] = 0

    def at_random(self, index):
        return self.rows[index] * random.randrange(2)


@pytest.mark.parametrize(
    ("dataset", "found"),
    [(TakesAnother, {*range(3, 40, 5)}), (Jitters, set()), (IsBlankAtTimes, set())],
)
def test_few_indices_with_samples_of_others_are_found(dataset, found, monkeypatch):
    monkeypatch.setattr(ask_again, "_SECONDS_FOR_CONTENTS", 60)
    answers = _Questions(DataLoader(dataset()), [0, 1], list(range(40)), seconds=60)()
    assert set(answers.other_samples) == found


class Passes(IterableDataset):
    def __init__(self, passes):
        self.passes = passes

    def __iter__(self):
        for _ in self.passes:
            yield from range(50)


@pytest.mark.parametrize(
    ("passes", "endless", "period"),
    [(range(2), False, None), (itertools.repeat(0), True, 50)],
)
def test_stream_without_an_end_is_seen(passes, endless, period, monkeypatch):
    monkeypatch.setattr(ask_again, "_SECONDS_FOR_END", 60)
    answers = _Questions(DataLoader(Passes(passes)), [], [], seconds=30)()
    assert (answers.endless, answers.starts_over_after) == (endless, period)


class ShuffledRounds(IterableDataset):
    """Never ends, and has another order in each round."""

    def __iter__(self):
        rng = random.Random(0)
        while True:
            yield from rng.sample(range(50), 50)


def test_rounds_in_other_orders_do_not_start_over(monkeypatch):
    monkeypatch.setattr(ask_again, "_SECONDS_FOR_END", 60)
    answers = _Questions(DataLoader(ShuffledRounds()), [], [], seconds=30)()
    assert (answers.endless, answers.starts_over_after) == (True, None)


@dataclasses.dataclass
class Unhashable:
    def __call__(self, samples):
        return pad_copies(samples)


def test_collate_fn_without_a_hash_is_asked():
    loader = DataLoader(Lists(), batch_size=4, collate_fn=Unhashable())
    answers = _Questions(loader, [0, 1], [0, 1], seconds=30)()
    assert answers.error is None
    assert answers.batch_of_copies is not None


class CountsBatches(Lists):
    """Has the number of its batches as its length."""

    def __init__(self):
        self.rows = np.arange(64.0).reshape(32, 2)

    def __getitem__(self, index):
        return self.rows[index].copy()


def test_items_beyond_the_length_are_counted_beside_arrays():
    answers = _Questions(DataLoader(CountsBatches()), [0, 1], [0, 1], seconds=30)()
    assert answers.items_in_store == 32


class Windows(Lists):
    """Has windows of a series beside what follows them."""

    def __init__(self, left_out, following):
        self.series = np.arange(40.0)
        self.left_out = left_out
        self.following = following

    def __len__(self):
        return len(self.series) - 7 - self.left_out

    def __getitem__(self, index):
        window = self.series[index : index + 8]
        return window, self.following(self.series, index)


def one_more(series, index):
    return series[index + 1 : index + 9]


def clamped(series, index):
    return series[min(index + 8, len(series) - 1) - 7 :][:8]


def constant(_series, _index):
    return 0


@pytest.mark.parametrize(
    ("left_out", "following", "fits"),
    [
        (0, constant, False),
        (1, constant, True),
        (2, constant, False),  # a part of the series is left out
        (1, one_more, False),
        (1, clamped, False),  # the last window would be followed by itself
    ],
)
def test_one_more_window_that_fits_is_seen(left_out, following, fits):
    loader = DataLoader(Windows(left_out, following))
    answers = _Questions(loader, [0, 1], [0, 1], seconds=30)()
    assert answers.items_in_store is None
    assert answers.one_more_fits is fits


class Keeps(Lists):
    """Draws a gain for each sample, beside what `load` gives."""

    def __init__(self):
        self.rows = np.random.default_rng(0).random((16, 40))
        self.kept = {}

    def __getitem__(self, index):
        return self.load(index) * random.random(), index

    def load(self, index):
        if index not in self.kept:
            self.kept[index] = np.roll(self.rows[index], random.randrange(40))
        return self.kept[index]


class KeepsInSlots(Keeps):
    """Has a place for each index."""

    def __init__(self):
        super().__init__()
        self.kept = [None] * 16

    def load(self, index):
        if self.kept[index] is None:
            self.kept[index] = np.roll(self.rows[index], random.randrange(40))
        return self.kept[index]


class KeepsByDecorator(Keeps):
    @functools.lru_cache  # noqa: B019 - a dataset that caches a part of its samples
    def load(self, index):
        return np.roll(self.rows[index], random.randrange(40))


class KeepsRows(Keeps):
    def load(self, index):
        row = self.kept.setdefault(index, 2 * self.rows[index])
        return np.roll(row, random.randrange(40))


class KeepsLast(Keeps):
    """Adds one of the last rows, as a mosaic does."""

    def load(self, index):
        row = np.roll(self.rows[index], random.randrange(40))
        self.kept[len(self.kept)] = row
        return row + self.kept[random.randrange(len(self.kept))]


class KeepsARecord(Keeps):
    def load(self, index):
        shift = random.randrange(40)
        self.kept.setdefault(index, shift)
        return np.roll(self.rows[index], shift)


@pytest.mark.parametrize(
    ("dataset", "kept"),
    [
        (Keeps, ("dataset.kept[3]",)),
        (KeepsInSlots, ("dataset.kept[3]",)),
        (KeepsByDecorator, ("type(dataset).load",)),
        (KeepsRows, ()),
        (KeepsLast, ()),
        (KeepsARecord, ()),
    ],
)
def test_random_numbers_that_a_dataset_keeps_are_seen(dataset, kept):
    answers = _Questions(DataLoader(dataset()), [3, 5], [3, 5], seconds=60)()
    assert answers.kept_in_store == kept


class CountsPasses(IterableDataset):
    """Has an own order in each pass, and more samples than are read of it."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        yield from np.random.default_rng(self.passes).permutation(400)


def test_long_stream_that_counts_its_passes_differs_in_the_second():
    answers = _Questions(DataLoader(CountsPasses()), [], [], seconds=30)()
    assert answers.second_pass_differs


class KnowsEpoch(Lists):
    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch


class SetsEpoch(Sampler):
    def __init__(self, dataset):
        self.dataset = dataset

    def __iter__(self):
        return iter(range(4))


def test_set_epoch_of_a_dataset_that_the_sampler_holds_is_tried():
    dataset = KnowsEpoch()
    loader = DataLoader(dataset, sampler=SetsEpoch(dataset))
    assert unseen_by_workers(lambda: loader, time_limit=30) == ("dataset.epoch",)


class TellsItsCollate(DataLoader):
    """Tells its ``collate_fn`` how many epochs have begun."""

    begun = 0

    def __iter__(self):
        self.collate_fn.number = self.begun
        object.__setattr__(self, "begun", self.begun + 1)
        return super().__iter__()


class Numbered:
    number = 0

    def __call__(self, samples):
        return len(samples) + self.number


class NotNumbered(Numbered):
    def __call__(self, samples):
        return len(samples)


@pytest.mark.parametrize(
    ("collate_fn", "paths"), [(Numbered, ("collate_fn.number",)), (NotNumbered, ())]
)
def test_attribute_of_collate_fn_that_the_loader_sets_is_seen(collate_fn, paths):
    loader = TellsItsCollate(Lists(), batch_size=2, collate_fn=collate_fn())
    assert unseen_by_workers(lambda: loader, time_limit=60) == paths


class SeedsByIndex(KnowsEpoch):
    def __getitem__(self, index):
        return np.random.default_rng([self.seed_of_epoch(), index]).random(4)

    def seed_of_epoch(self):
        return 0


class SeedsByEpochAndIndex(SeedsByIndex):
    def seed_of_epoch(self):
        return self.epoch


@pytest.mark.parametrize(
    ("dataset", "changes"),
    [(SeedsByIndex, False), (SeedsByEpochAndIndex, True), (Lists, None)],
)
def test_samples_of_two_epochs_are_compared(dataset, changes):
    answers = _Questions(DataLoader(dataset()), [0, 1], [0, 1], seconds=30)()
    assert answers.set_epoch_changes_samples is changes
