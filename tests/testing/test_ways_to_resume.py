"""Which ways to resume restore the order and the augmentation, as this build measures it.

A test fails when a library changes what it restores. The functions and programs are those
of the page on tests.
"""

import functools
import importlib
import itertools
import random
import re
import runpy

import numpy as np
import pytest
import torch
from conftest import ROOT
from green_runs import slow_resume
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from dejabatch import EpochSampler, PerSample
from dejabatch.testing import assert_resumable, assert_run_resumable

pytestmark = [
    slow_resume,
    # Libraries call what torch and their own dependencies deprecate.
    pytest.mark.filterwarnings("ignore"),
]

FIRST, MIDDLE, END = (f"batch {number} of 10 of epoch 0" for number in (1, 5, 10))
LATER = "batch 5 of 10 of epoch 1"
LENGTH, BATCH = 40, 4
RECIPES = ROOT / "docs" / "recipes"
PAGE = ROOT / "docs" / "reference" / "resuming"
ResumableSampler = runpy.run_path(str(RECIPES / "resume.py"))["ResumableSampler"]
RecipePerSample = runpy.run_path(str(RECIPES / "per_sample.py"))["PerSample"]


@functools.cache
def on_the_page(name):
    """Import an example of the page once, and not in each process."""
    return runpy.run_path(str(PAGE / f"{name}.py"))


def save_and_load(name):
    functions = on_the_page(name)
    return {"save": functions["save"], "load": functions["load"]}


class Noisy(Dataset):
    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        noise = torch.rand(())
        return {
            "x": torch.stack([torch.tensor(index), noise]),
            "labels": torch.zeros(1),
        }


def identity(batch):
    return batch["x"][:, 0].tolist()


def plain(kind=DataLoader, num_workers=2):
    return kind(Noisy(), batch_size=BATCH, shuffle=True, num_workers=num_workers)


def kind_of(text):
    """Return what of a resumed run differs, by the message of an assertion."""
    if "order is the same" in text:
        return "augmentation"
    return "epoch lost" if "has 0 of" in text else "order"


def verdict(assertion, make, **options):
    """Return what differs, by the stop after which it differs."""
    try:
        assertion(make, key=identity, **options)
    except AssertionError as error:
        stops = re.findall(r"stopped after (.+?): (.+)", str(error))
        return {name: kind_of(text) for name, text in stops if ", then" not in name}
    return {}


def wrong(what, *stops):
    return dict.fromkeys(stops, what)


# Plain loops -------------------------------------------------------------------------


def all_states():
    return torch.get_rng_state(), random.getstate(), np.random.get_state()


def restore_states(states):
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(states[2])


def following(position):
    epochs, batches = divmod(position.batches, LENGTH // BATCH)
    return position.epoch + epochs, batches


def test_states_restored_and_batches_skipped():
    def load(loader, saved):
        (_, batches), states = saved
        restore_states(states)
        return itertools.islice(iter(loader), batches, None)

    options = {"save": lambda loader, at: (following(at), all_states()), "load": load}
    found = verdict(assert_resumable, plain, **options)
    assert found == wrong("order", FIRST, MIDDLE, LATER)


def test_reseeded_and_skipped():
    def make():
        torch.manual_seed(0)
        return plain()

    def load(loader, saved):
        return itertools.islice(iter(loader), saved[1], None)

    save = lambda loader, at: following(at)
    found = verdict(assert_resumable, make, save=save, load=load)
    assert found == wrong("order", END, LATER)


def by_recipe():
    order = DistributedSampler(range(LENGTH), num_replicas=1, rank=0)
    sampler = EpochSampler(ResumableSampler(order))
    return DataLoader(
        PerSample(Noisy(), seed=0), batch_size=BATCH, sampler=sampler, num_workers=2
    )


def test_recipe_restores_all():
    def load(loader, saved):
        epoch, batches = saved
        loader.sampler.sampler.resume(epoch, BATCH * batches)

    save = lambda loader, at: following(at)
    assert verdict(assert_resumable, by_recipe, save=save, load=load) == {}


# torchdata ---------------------------------------------------------------------------


def stateful(num_workers=2):
    from torchdata.stateful_dataloader import StatefulDataLoader

    return plain(StatefulDataLoader, num_workers)


def test_stateful_dataloader():
    found = verdict(assert_resumable, stateful)
    lost = wrong("epoch lost", END)
    assert found == wrong("augmentation", FIRST, MIDDLE, LATER) | lost


# accelerate --------------------------------------------------------------------------


def with_accelerate(ranks=1, **options):
    from accelerate.utils import DataLoaderConfiguration

    train = on_the_page("accelerate_program")["train"]

    def run(folder, trained_on):
        configuration = DataLoaderConfiguration(**options)
        settings = {"cpu": True, "dataloader_config": configuration}
        train(plain, folder, trained_on, **settings)

    return verdict(assert_run_resumable, run, world_size=ranks)


def test_accelerate():
    assert with_accelerate() == wrong("order", FIRST, MIDDLE, LATER)


@pytest.mark.parametrize("ranks", [1, 2])
def test_accelerate_with_seedable_sampler(ranks):
    found = with_accelerate(ranks, use_seedable_sampler=True)
    assert list(found.values()) == ["augmentation"] * 3
    assert not any("batch 10 of" in stop or "batch 5 of 5" in stop for stop in found)


def with_stateful_accelerate(num_workers=0, ranks=1, **options):
    """Train with Accelerate's own StatefulDataLoader, which skips no batches."""
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration, set_seed

    def run(folder, trained_on):
        set_seed(0)
        configuration = DataLoaderConfiguration(use_stateful_dataloader=True, **options)
        accelerator = Accelerator(cpu=True, dataloader_config=configuration)
        loader = accelerator.prepare(plain(num_workers=num_workers))
        position, first, done = folder / "position", 0, 0
        if position.exists():
            accelerator.load_state(folder)
            first, done = divmod(int(position.read_text()), len(loader))
        accelerator.wait_for_everyone()
        for epoch in range(first, 3):
            loader.set_epoch(epoch)
            for batch in loader:
                done += 1
                accelerator.save_state(folder)
                if accelerator.is_main_process:
                    position.write_text(str(epoch * len(loader) + done))
                trained_on(batch)
            done = 0

    return verdict(assert_run_resumable, run, world_size=ranks)


def test_accelerate_with_stateful_dataloader():
    found = with_stateful_accelerate()
    assert found == wrong("order", FIRST, MIDDLE, END, LATER)


@pytest.mark.parametrize("ranks", [1, 2])
def test_accelerate_with_both(ranks):
    found = with_stateful_accelerate(ranks=ranks, use_seedable_sampler=True)
    assert list(found.values()) == ["augmentation"] * 4


def test_accelerate_with_both_and_workers():
    found = with_stateful_accelerate(num_workers=2, use_seedable_sampler=True)
    assert found == wrong("order", FIRST, MIDDLE, END) | wrong("augmentation", LATER)


@pytest.mark.parametrize("seedable", [True, False])
def test_skip_first_batches(seedable):
    def make():
        from accelerate import Accelerator
        from accelerate.utils import DataLoaderConfiguration, set_seed

        set_seed(0)
        options = DataLoaderConfiguration(use_seedable_sampler=seedable)
        return Accelerator(cpu=True, dataloader_config=options).prepare(plain())

    found = verdict(assert_resumable, make, **save_and_load("skip_batches"))
    # Only the seedable sampler has the order of the second epoch after a restart.
    later = "augmentation" if seedable else "order"
    assert found == wrong("augmentation", FIRST, MIDDLE) | wrong(later, END, LATER)


# Lightning ---------------------------------------------------------------------------

QUIET = {
    "accelerator": "cpu",
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "enable_progress_bar": False,
    "logger": False,
}


def make_module(set_epoch=False):
    import lightning.pytorch as pl

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def on_train_epoch_start(self):
            if set_epoch:
                self.trainer.train_dataloader.dataset.set_epoch(self.current_epoch)

        def training_step(self, batch, _):
            return self.layer(batch["x"][:, :1]).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    return Module()


def with_lightning(make_loader):
    train = on_the_page("lightning_program")["train"]

    def run(folder, trained_on):
        train(make_module, make_loader, folder, trained_on, **QUIET)

    return verdict(assert_run_resumable, run)


def test_lightning():
    assert with_lightning(plain) == wrong("order", FIRST, MIDDLE, END, LATER)


def test_lightning_with_stateful_dataloader():
    lost = wrong("epoch lost", END)
    found = with_lightning(stateful)
    assert found == wrong("augmentation", FIRST, MIDDLE, LATER) | lost


# HF Trainer --------------------------------------------------------------------------


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, labels, **_):
        out = self.layer(x[:, :1])
        return {"loss": ((out - labels) ** 2).mean(), "logits": out}


def train_with_trainer(dataset, folder, trained_on, **options):
    on_the_page("trainer_program")["train"](
        Model,
        dataset,
        folder,
        trained_on,
        per_device_train_batch_size=BATCH,
        dataloader_num_workers=2,
        logging_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        **options,
    )


@pytest.mark.parametrize("ignore_data_skip", [False, True])
def test_hugging_face_trainer(ignore_data_skip):
    on_the_page("trainer_program")

    def run(folder, trained_on):
        options = {"ignore_data_skip": ignore_data_skip}
        train_with_trainer(Noisy(), folder, trained_on, **options)

    what = "order" if ignore_data_skip else "augmentation"
    found = verdict(assert_run_resumable, run)
    assert found == wrong(what, FIRST, MIDDLE, LATER)


# Streams -----------------------------------------------------------------------------


def test_hugging_face_stream():
    import datasets

    def make(buffer_size=None):
        rows = datasets.Dataset.from_dict({"x": [[i, 0] for i in range(LENGTH)]})
        stream = rows.to_iterable_dataset(num_shards=4).with_format("torch")
        if buffer_size:
            stream = stream.shuffle(seed=0, buffer_size=buffer_size)
        return DataLoader(stream, batch_size=BATCH)

    options = save_and_load("datasets_stream")
    assert verdict(assert_resumable, make, **options) == {}
    buffered = functools.partial(make, buffer_size=10)
    found = verdict(assert_resumable, buffered, **options)
    assert found[MIDDLE] == found[LATER] == "order"


def test_webdataset(tmp_path):
    import webdataset

    path = str(tmp_path / "shard.tar")
    with webdataset.TarWriter(path) as shard:
        for index in range(LENGTH):
            row = np.array([index, 0])
            shard.write({"__key__": f"{index:03}", "x.npy": row})

    def make(shuffle=0):
        stream = webdataset.WebDataset(path, shardshuffle=False).shuffle(shuffle)
        return DataLoader(stream.decode().rename(x="x.npy"), batch_size=BATCH)

    options = save_and_load("webdataset_stream")
    assert verdict(assert_resumable, make, **options) == {}
    shuffled = functools.partial(make, shuffle=10)
    found = verdict(assert_resumable, shuffled, **options)
    assert found == wrong("order", FIRST, MIDDLE, END, LATER)


class Documents(IterableDataset):
    def __init__(self, rank):
        self.next = rank

    def __iter__(self):
        while self.next < LENGTH:
            number, self.next = self.next, self.next + 2
            yield {"x": torch.tensor([number, 0])}

    def state_dict(self):
        return {"next": self.next}

    def load_state_dict(self, state):
        self.next = state["next"]


@pytest.mark.parametrize("options", [{}, {"key": "loader"}], ids=str)
def test_distributed_checkpoint(options):
    train = on_the_page("distributed_checkpoint")["train"]

    def make():
        dataset = Documents(torch.distributed.get_rank())
        return DataLoader(dataset, batch_size=2)

    def run(*arguments):
        train(make, *arguments, **options)

    settings = {"world_size": 2, "epochs": 2, "at": [4], "key": identity}
    if not options:
        assert_run_resumable(run, **settings)
        return
    with pytest.raises(AssertionError, match="rank 1 reads the batches of rank 0"):
        assert_run_resumable(run, **settings)


# Both recipes together ---------------------------------------------------------------


def add_noise(sample, rng):
    noise = torch.tensor([0, rng.random()])
    return sample | {"x": sample["x"] + noise}


class Quiet(Noisy):
    def __getitem__(self, index):
        return {"x": torch.tensor([index, 0.0]), "labels": torch.zeros(1)}


def by_recipes(num_replicas=1, rank=0):
    dataset = RecipePerSample(Quiet(), add_noise, seed=0)
    order = DistributedSampler(dataset, num_replicas, rank)
    sampler = ResumableSampler(order)
    return DataLoader(dataset, batch_size=BATCH, sampler=sampler, num_workers=2)


def resume_by_recipes(loader, epoch, batches):
    loader.sampler.resume(epoch, BATCH * batches)
    loader.dataset.set_epoch(epoch)


def rank_of(ranks):
    return torch.distributed.get_rank() if ranks > 1 else 0


ONE_AND_TWO = pytest.mark.parametrize("ranks", [1, 2])


@ONE_AND_TWO
def test_recipes_in_a_loop(ranks):
    def run(folder, trained_on):
        rank, done = rank_of(ranks), folder / "step"
        loader = by_recipes(ranks, rank)
        step = int(done.read_text()) if done.exists() else 0
        first, batches = divmod(step, len(loader))
        resume_by_recipes(loader, first, batches)
        if ranks > 1:
            torch.distributed.barrier()  # else a slow rank reads the next step
        for epoch in range(first, 3):
            loader.sampler.set_epoch(epoch)
            loader.dataset.set_epoch(epoch)
            for batch in loader:
                step += 1
                if rank == 0:
                    done.write_text(str(step))
                trained_on(batch)

    assert_run_resumable(run, key=identity, world_size=ranks)


@ONE_AND_TWO
def test_recipes_in_accelerate(ranks):
    importlib.import_module("accelerate")

    def run(folder, trained_on):
        from accelerate import Accelerator

        accelerator = Accelerator(cpu=True)
        assert accelerator.num_processes == ranks
        loader, done = by_recipes(), folder / "step"
        step = int(done.read_text()) if done.exists() else 0
        first, batches = divmod(step, len(loader) // ranks)
        resume_by_recipes(loader, first, batches * accelerator.num_processes)
        prepared = accelerator.prepare(loader)
        accelerator.wait_for_everyone()
        for epoch in range(first, 3):
            prepared.set_epoch(epoch)
            prepared.dataset.set_epoch(epoch)
            for batch in prepared:
                step += 1
                if accelerator.is_main_process:
                    done.write_text(str(step))
                trained_on(batch)

    assert_run_resumable(run, key=identity, world_size=ranks)


def with_recipes_in_lightning(ranks, **options):
    train = on_the_page("lightning_program")["train"]

    def run(folder, trained_on):
        def make():
            loader, last = by_recipes(ranks, rank_of(ranks)), folder / "last.ckpt"
            if last.exists():
                step = torch.load(last, weights_only=False)["global_step"]
                resume_by_recipes(loader, *divmod(step, len(loader)))
            return loader

        settings = {"devices": ranks, "strategy": "ddp" if ranks > 1 else "auto"}
        module = functools.partial(make_module, set_epoch=True)
        train(module, make, folder, trained_on, **QUIET, **settings, **options)

    assert_run_resumable(run, key=identity, world_size=ranks)


@ONE_AND_TWO
def test_recipes_in_lightning(ranks):
    with_recipes_in_lightning(ranks, use_distributed_sampler=False)


def test_recipes_in_lightning_that_splits_once_more():
    with pytest.raises((AssertionError, RuntimeError)):
        with_recipes_in_lightning(2)


@ONE_AND_TWO
def test_augmentation_by_recipe_in_hugging_face_trainer(ranks):
    on_the_page("trainer_program")

    def run(folder, trained_on):
        from transformers import TrainerCallback

        dataset = RecipePerSample(Quiet(), add_noise, seed=0)

        class SetEpoch(TrainerCallback):
            def on_epoch_begin(self, arguments, state, *_, **keywords):
                dataset.set_epoch(int(state.epoch))

        options = {"callbacks": [SetEpoch()]}
        if ranks > 1:
            options["ddp_backend"] = "gloo"
        train_with_trainer(dataset, folder, trained_on, **options)

    assert_run_resumable(run, key=identity, world_size=ranks)
