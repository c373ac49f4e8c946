"""Resumed runs are compared with uninterrupted ones, in order and augmentation."""

import itertools
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from dejabatch import EpochSampler, PerSample
from dejabatch.testing import assert_resumable, assert_run_resumable


class Noisy(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return index + torch.rand(())


class Plain(Noisy):
    def __getitem__(self, index):
        return {"id": index}


class Shuffled(Sampler):
    """An order by seed and epoch; the first epoch can begin in the middle."""

    def __init__(self):
        self.resume(0, 0)

    def resume(self, epoch, done):
        self.epoch = self.first_epoch = epoch
        self.done = done

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(40)
        yield from order[self.done if self.epoch == self.first_epoch else 0 :].tolist()


def following(loader, position):
    """Return the epoch of the next batch, and how many samples of it were read."""
    epochs, batches = divmod(position.batches, 10)
    return position.epoch + epochs, 4 * batches


def resume(loader, saved):
    loader.sampler.resume(*saved)


def sorted_by_epoch(num_workers=0, dataset=None):
    return DataLoader(
        Plain() if dataset is None else dataset,
        batch_size=4,
        sampler=Shuffled(),
        num_workers=num_workers,
    )


@pytest.mark.parametrize("num_workers", [0, 2])
def test_order_by_seed_and_epoch_resumes(num_workers):
    assert_resumable(lambda: sorted_by_epoch(num_workers), save=following, load=resume)


def resume_inside(loader, saved):
    loader.sampler.sampler.resume(*saved)


def test_augmentation_by_seed_epoch_and_index_resumes():
    def make():
        dataset = PerSample(Noisy(), seed=0)
        sampler = EpochSampler(Shuffled())
        return DataLoader(dataset, batch_size=4, sampler=sampler, num_workers=2)

    assert_resumable(make, save=following, load=resume_inside)


def messages(make, **options):
    with pytest.raises(AssertionError) as raised:
        assert_resumable(make, **options)
    return str(raised.value).splitlines()


def test_augmentation_is_told_from_the_order():
    first, *lines = messages(
        lambda: sorted_by_epoch(0, Noisy()), save=following, load=resume, at=[5]
    )
    assert first == (
        "the resumed run differs from the uninterrupted run at 1 of 1 stops"
    )
    assert lines[0] == (
        "  stopped after batch 5 of 10 of epoch 0: the order is the same; the samples "
        "differ from step 6 on"
    )
    assert any("PerSample" in line for line in lines)
    assert_resumable(
        lambda: sorted_by_epoch(0, Noisy()),
        save=following,
        load=resume,
        augmentation=False,
    )


def position_and_state(loader, position):
    return position.batches % 10, torch.get_rng_state()


def restore_and_skip(loader, saved):
    batches, state = saved
    torch.set_rng_state(state)
    return itertools.islice(iter(loader), batches, None)


def test_new_order_in_the_middle_of_an_epoch():
    _, line, *advice = messages(
        lambda: DataLoader(Plain(), batch_size=4, shuffle=True),
        save=position_and_state,
        load=restore_and_skip,
        at=[5],
    )
    counts = r"(\d+) samples of epoch 0 again, \1 never; first difference at step 6$"
    assert re.search(counts, line)
    assert advice[0].startswith("Resuming in the middle of an epoch")


def seeded():
    torch.manual_seed(0)
    return DataLoader(Plain(), batch_size=4, shuffle=True)


def batches_read(loader, position):
    return position.batches % 10


def skip_batches(loader, batches):
    return itertools.islice(iter(loader), batches, None)


def test_first_epoch_again():
    lines = messages(seeded, save=batches_read, load=skip_batches, at=[10])
    assert "epoch 1 has the same samples in another order" in lines[1]
    assert lines[2].startswith("Resuming from a checkpoint repeats the first epoch")


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
def test_lost_epoch():
    stateful = pytest.importorskip("torchdata.stateful_dataloader")

    def make():
        return stateful.StatefulDataLoader(Plain(), batch_size=4, shuffle=True)

    _, line, *advice = messages(make, augmentation=False)
    assert line == (
        "  stopped after batch 10 of 10 of epoch 0: epoch 1 has 0 of 10 batches"
    )
    assert advice[0].startswith("The first epoch after a restart has no batches")
    assert_resumable(make, augmentation=False, at=[1, 5, 15])


class Stream(IterableDataset):
    def __init__(self):
        self.first = 0

    def __iter__(self):
        yield from range(self.first, 40)
        self.first = 0


def samples_done(loader, position):
    return 4 * position.batches % 40


def skip_samples(loader, done):
    loader.dataset.first = done


def test_stream():
    def make():
        return DataLoader(Stream(), batch_size=4)

    assert_resumable(make, save=samples_done, load=skip_samples)
    lines = messages(make, save=samples_done, load=lambda loader, done: None, at=[5])
    assert "again" in lines[1]


def test_key_identifies_the_samples_of_a_stream():
    class WithNoise(Stream):
        def __iter__(self):
            for number in super().__iter__():
                yield {"id": number, "x": torch.rand(())}

    def make():
        return DataLoader(WithNoise(), batch_size=4)

    options = {"save": samples_done, "load": skip_samples, "at": [5]}
    lines = messages(make, key=lambda batch: batch["id"], **options)
    assert "the order is the same; the samples differ" in lines[1]
    assert "order is the same" not in messages(make, **options)[1]


def test_tensors_can_be_saved():
    def save(loader, position):
        return torch.tensor(following(loader, position))

    def load(loader, saved):
        resume(loader, saved.tolist())

    assert_resumable(sorted_by_epoch, save=save, load=load, at=[5])


def train(folder, trained_on, *, every=1, restore=True, loses_epoch=False):
    """Train as programs do: a checkpoint after some of the steps."""
    checkpoint = folder / "step"
    first = int(checkpoint.read_text()) if restore and checkpoint.exists() else 0
    if loses_epoch and first == 10:
        first = 20
    sampler, step = Shuffled(), first
    sampler.resume(first // 10, 4 * (first % 10))
    for epoch in range(first // 10, 3):
        sampler.set_epoch(epoch)
        for batch in DataLoader(Plain(), 4, sampler=sampler):
            step += 1
            if step % every == 0:
                checkpoint.write_text(str(step))
            trained_on(batch)


@pytest.mark.parametrize("every", [1, 3])
def test_program_that_resumes(every):
    assert_run_resumable(lambda *arguments: train(*arguments, every=every))


def test_program_that_starts_again():
    with pytest.raises(AssertionError, match="started again at step 1"):
        assert_run_resumable(lambda *arguments: train(*arguments, restore=False))


def test_program_that_loses_an_epoch():
    with pytest.raises(AssertionError) as raised:
        assert_run_resumable(
            lambda *arguments: train(*arguments, loses_epoch=True),
            key=lambda batch: batch["id"].tolist(),
        )
    assert "after batch 10 of 10 of epoch 0: " in str(raised.value)
    assert "at 1 of 4 stops" in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"make": seeded()}, TypeError, "make must be a function, not DataLoader"),
        ({"save": following}, ValueError, "save and load belong together"),
        ({"at": [30]}, ValueError, r"at must be steps from 1 to 29, .* not \[30\]"),
        ({"at": []}, ValueError, "at must be steps"),
        ({"epochs": 1}, ValueError, "epochs must be an integer of at least 2, not 1"),
        ({"world_size": 0}, ValueError, "world_size must be an integer of at least 1"),
        ({"time_limit": 0}, ValueError, "time_limit must be a number of seconds"),
    ],
)
def test_bad_argument_is_named(arguments, error, text):
    with pytest.raises(error, match=text):
        assert_resumable(**{"make": seeded, **arguments})


def test_error_of_the_loader_is_shown():
    with pytest.raises(
        RuntimeError, match=r"resumed run could not be read(.|\n)*1 / 0"
    ):
        assert_resumable(
            seeded, save=batches_read, load=lambda loader, batches: 1 / 0, at=[5]
        )
    with pytest.raises(ValueError, match="has no batch"):
        assert_resumable(lambda: DataLoader([]))


def test_random_states_stay():
    before = torch.get_rng_state()
    assert_resumable(sorted_by_epoch, save=following, load=resume, at=[5])
    assert torch.equal(before, torch.get_rng_state())


# Ranks -------------------------------------------------------------------------------


def train_on_rank(folder, trained_on, *, shared=False):
    """Train on every second sample; `shared` stores the position of rank 0 for all."""
    rank = torch.distributed.get_rank()
    position = folder / ("next" if shared else f"next-{rank}")
    first = int(position.read_text()) if position.exists() else rank
    torch.distributed.barrier()
    for sample in range(first, 24, 2):
        if rank == 0 or not shared:
            position.write_text(str(sample + 2))
        torch.distributed.barrier()
        trained_on(torch.tensor([sample]))


def on_ranks(**options):
    assert_run_resumable(
        lambda *arguments: train_on_rank(*arguments, **options),
        world_size=2,
        epochs=2,
        at=[4],
        key=torch.Tensor.tolist,
    )


def test_program_on_ranks():
    on_ranks()


def test_ranks_that_share_a_position():
    with pytest.raises(AssertionError) as raised:
        on_ranks(shared=True)
    assert "rank 1 reads the batches of rank 0" in str(raised.value)
    assert "plot_ranks_share_one_position.html" in str(raised.value)


def test_loader_on_ranks():
    def make():
        rank = torch.distributed.get_rank()
        dataset = torch.utils.data.Subset(Plain(), range(rank, 40, 2))
        return DataLoader(dataset, batch_size=2)

    def load(loader, batches):
        return itertools.islice(loader, batches, None)

    options = {"load": load, "world_size": 2, "at": [5], "epochs": 2}
    assert_resumable(make, save=lambda loader, at: at.batches, **options)

    def late_on_one_rank(loader, at):
        return at.batches - torch.distributed.get_rank()

    with pytest.raises(AssertionError, match=r"rank 1: 2 samples of epoch 0 again"):
        assert_resumable(make, save=late_on_one_rank, **options)


def test_ranks_have_the_environment_of_torchrun():
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR")

    def make():
        assert [os.environ[name] for name in names[2:]] == ["2", "2", "127.0.0.1"]
        assert {os.environ[name] for name in names[:2]} == {
            str(torch.distributed.get_rank())
        }
        return DataLoader(Plain(), batch_size=4)

    def load(loader, batches):
        return itertools.islice(loader, batches, None)

    save = lambda loader, at: at.batches
    assert_resumable(make, save=save, load=load, world_size=2, at=[5], epochs=2)
    assert "MASTER_ADDR" not in os.environ


def fail_on_one_rank(folder, trained_on):
    if torch.distributed.get_rank() == 1:
        msg = "no data"
        raise OSError(msg)
    torch.distributed.barrier()


def test_rank_that_fails_is_named():
    with pytest.raises(RuntimeError, match=r"(?s)rank 1 failed.*OSError: no data"):
        assert_run_resumable(fail_on_one_rank, world_size=2)


# The page ----------------------------------------------------------------------------


def test_page_has_every_example_and_the_tests_execute_each():
    folder = ROOT / "docs" / "reference"
    examples = {path.stem for path in folder.glob("resuming/*.py")}
    page = (folder / "testing.md").read_text()
    assert set(re.findall(r"literalinclude} resuming/(\w+)\.py", page)) == examples
    tests = Path(__file__).with_name("test_ways_to_resume.py").read_text()
    names = re.findall(r'(?:on_the_page|save_and_load)\("(\w+)"\)', tests)
    assert set(names) == examples
