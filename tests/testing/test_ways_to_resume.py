"""Which ways to resume restore the order and the augmentation, as this build measures it.

A test fails when a library changes what it restores.
"""

import itertools
import random
import re
import runpy

import numpy as np
import pytest
import torch
from conftest import ROOT
from green_runs import slow_resume
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from dejabatch import EpochSampler, PerSample
from dejabatch.testing import assert_resumable, assert_run_resumable

pytestmark = [
    slow_resume,
    # Libraries call what torch and their own dependencies deprecate.
    pytest.mark.filterwarnings("ignore"),
]

EPOCH_END = "batch 10 of 10 of epoch 0"
LENGTH, BATCH = 40, 4
RECIPES = ROOT / "docs" / "recipes"
ResumableSampler = runpy.run_path(str(RECIPES / "resume.py"))["ResumableSampler"]
RecipePerSample = runpy.run_path(str(RECIPES / "per_sample.py"))["PerSample"]


class Noisy(Dataset):
    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return {"id": int(index), "x": torch.rand(())}


def identity(batch):
    return batch["id"].tolist()


def verdict(assertion, make, **options):
    """Return the stops after which order or augmentation differ, each once."""
    try:
        assertion(make, **options)
    except AssertionError as error:
        stops = re.findall(r"stopped after (.+?): (.+)", str(error))
        return {
            name: "augmentation" if "order is the same" in text else text
            for name, text in stops
            if ", then" not in name
        }
    return {}


def order(assertion, make, **options):
    return verdict(assertion, make, augmentation=False, **options)


def all_states():
    return torch.get_rng_state(), random.getstate(), np.random.get_state()


def restore_states(states):
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(states[2])


def following(position):
    epochs, batches = divmod(position.batches, LENGTH // BATCH)
    return position.epoch + epochs, batches


# Plain loops -------------------------------------------------------------------------


def plain():
    return DataLoader(Noisy(), batch_size=BATCH, shuffle=True, num_workers=2)


def test_states_restored_and_batches_skipped():
    def load(loader, saved):
        (_, batches), states = saved
        restore_states(states)
        return itertools.islice(iter(loader), batches, None)

    options = {"save": lambda loader, at: (following(at), all_states()), "load": load}
    found = order(assert_resumable, plain, **options)
    assert EPOCH_END not in found
    assert len(found) == 3
    assert EPOCH_END not in verdict(assert_resumable, plain, **options)


def test_reseeded_and_skipped():
    def make():
        torch.manual_seed(0)
        return plain()

    def load(loader, saved):
        return itertools.islice(iter(loader), saved[1], None)

    save = lambda loader, at: following(at)
    found = order(assert_resumable, make, save=save, load=load)
    assert found.keys() == {EPOCH_END, "batch 5 of 10 of epoch 1"}


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


def stateful():
    from torchdata.stateful_dataloader import StatefulDataLoader

    return StatefulDataLoader(Noisy(), batch_size=BATCH, shuffle=True, num_workers=2)


def test_stateful_dataloader():
    lost = {EPOCH_END: "epoch 1 has 0 of 10 batches"}
    assert order(assert_resumable, stateful) == lost
    found = verdict(assert_resumable, stateful)
    assert list(found.values()).count("augmentation") >= 2


# accelerate --------------------------------------------------------------------------


def accelerated(seedable=False):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DataLoaderConfiguration, set_seed

    if seedable:  # the sampler's seed is torch's
        set_seed(0)
    AcceleratorState._reset_state(reset_partial_state=True)
    options = DataLoaderConfiguration(use_seedable_sampler=seedable)
    accelerator = Accelerator(cpu=True, dataloader_config=options)
    return accelerator, accelerator.prepare(plain())


def train_with_accelerate(folder, trained_on, **options):
    """Train as accelerate's guide on checkpoints does."""
    accelerator, loader = accelerated(**options)
    first, skipped = 0, 0
    if (folder / "random_states_0.pkl").exists():
        accelerator.load_state(str(folder))
        first, skipped = divmod(int((folder / "step").read_text()), LENGTH // BATCH)
    step = first * (LENGTH // BATCH) + skipped
    for epoch in range(first, 3):
        loader.set_epoch(epoch)
        active = loader
        if epoch == first and skipped:
            active = accelerator.skip_first_batches(loader, skipped)
        for batch in active:
            step += 1
            accelerator.save_state(str(folder))
            (folder / "step").write_text(str(step))
            trained_on(batch)


@pytest.mark.parametrize("options", [{}, {"seedable": True}], ids=str)
def test_accelerate(options):
    found = order(
        assert_run_resumable,
        lambda *arguments: train_with_accelerate(*arguments, **options),
        key=identity,
    )
    assert EPOCH_END not in found
    assert bool(found) == (not options)


def train_recipe_with_accelerate(folder, trained_on):
    """Train with the recipe's sampler, which skips what was read."""
    from accelerate import Accelerator

    plain_loader = by_recipe()
    done = folder / "step"
    step = int(done.read_text()) if done.exists() else 0
    first, skipped = divmod(step, LENGTH // BATCH)
    plain_loader.sampler.sampler.resume(first, BATCH * skipped)
    loader = Accelerator(cpu=True).prepare(plain_loader)
    for epoch in range(first, 3):
        loader.set_epoch(epoch)
        for batch in loader:
            step += 1
            done.write_text(str(step))
            trained_on(batch)


def test_recipe_with_accelerate():
    assert_run_resumable(train_recipe_with_accelerate, key=identity)


# Lightning ---------------------------------------------------------------------------


def train_with_lightning(folder, trained_on, make, resume=None):
    import lightning.pytorch as pl
    from lightning.pytorch.callbacks import Callback, ModelCheckpoint

    class Model(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def on_train_epoch_start(self):
            if resume:
                self.trainer.train_dataloader.dataset.set_epoch(self.current_epoch)

        def training_step(self, batch, _):
            return self.layer(batch["x"].reshape(-1, 1)).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    class Tell(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, number):
            trained_on(batch)

    last = folder / "last.ckpt"
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            ModelCheckpoint(folder, save_last=True, every_n_train_steps=1),
            Tell(),
        ],
    )
    path, loader = str(last) if last.exists() else None, make()
    if path and resume:
        saved = torch.load(last, weights_only=False)
        resume(loader, *divmod(saved["global_step"], LENGTH // BATCH))
    trainer.fit(Model(), loader, ckpt_path=path)


def test_lightning():
    found = order(
        assert_run_resumable,
        lambda *arguments: train_with_lightning(*arguments, plain),
        key=identity,
    )
    assert len(found) >= 3


# HF Trainer --------------------------------------------------------------------------


class Features(Noisy):
    def __getitem__(self, index):
        return {"x": torch.tensor([float(index)]), "labels": torch.tensor([0.0])}


def train_with_trainer(folder, trained_on, dataset=None, **options):
    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_utils import get_last_checkpoint

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.batch = None

        def forward(self, x, labels, **_):
            self.batch = x
            out = self.layer(x)
            return {"loss": ((out - labels) ** 2).mean(), "logits": out}

    model = Model()

    class Tell(TrainerCallback):
        def on_epoch_begin(self, arguments, state, *_, **keywords):
            if dataset is not None:
                dataset.set_epoch(int(state.epoch))

        def on_step_end(self, *arguments, **keywords):
            trained_on(model.batch)

    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=3,
        per_device_train_batch_size=BATCH,
        save_strategy="steps",
        save_steps=1,
        save_total_limit=2,
        logging_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        **options,
    )
    features = Features() if dataset is None else dataset
    trainer = Trainer(model, arguments, train_dataset=features, callbacks=[Tell()])
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)))


@pytest.mark.parametrize("ignore_data_skip", [False, True])
def test_hugging_face_trainer(ignore_data_skip):
    found = order(
        assert_run_resumable,
        lambda *arguments: train_with_trainer(
            *arguments, ignore_data_skip=ignore_data_skip
        ),
        key=lambda batch: batch[:, 0].tolist(),
    )
    assert bool(found) == ignore_data_skip
    if found:
        assert any("again" in text for text in found.values())


# Hugging Face datasets ---------------------------------------------------------------


def test_shuffle_buffer_of_hugging_face_datasets():
    import datasets

    def make():
        rows = datasets.Dataset.from_dict({"id": list(range(LENGTH))})
        stream = rows.to_iterable_dataset(num_shards=4)
        return DataLoader(stream.shuffle(seed=0, buffer_size=10), batch_size=BATCH)

    lines = order(
        assert_resumable,
        make,
        save=lambda loader, at: loader.dataset.state_dict(),
        load=lambda loader, state: loader.dataset.load_state_dict(state),
        key=identity,
        at=[5],
    )
    assert "again" in lines["batch 5 of 10 of epoch 0"]


# Both recipes together ---------------------------------------------------------------


def add_noise(sample, rng):
    return sample | {"x": torch.tensor([sample["id"] + 0.9 * rng.random()]).float()}


class Plain(Noisy):
    def __getitem__(self, index):
        return {"id": index, "labels": torch.zeros(1)}


def by_recipes(num_replicas=1, rank=0):
    dataset = RecipePerSample(Plain(), add_noise, seed=0)
    order = DistributedSampler(dataset, num_replicas, rank)
    sampler = ResumableSampler(order)
    return DataLoader(dataset, batch_size=BATCH, sampler=sampler, num_workers=2)


def resume_by_recipes(loader, epoch, batches):
    loader.sampler.resume(epoch, BATCH * batches)
    loader.dataset.set_epoch(epoch)


def train_by_recipes(folder, trained_on, prepare=lambda loader: loader, ranks=1):
    rank = torch.distributed.get_rank() if ranks > 1 else 0
    loader, done = by_recipes(ranks, rank), folder / "step"
    step = int(done.read_text()) if done.exists() else 0
    first, batches = divmod(step, LENGTH // BATCH // ranks)
    resume_by_recipes(loader, first, batches)
    prepared = prepare(loader)
    for epoch in range(first, 3):
        loader.sampler.set_epoch(epoch)
        loader.dataset.set_epoch(epoch)
        if prepared is not loader:
            prepared.set_epoch(epoch)
        for batch in prepared:
            step += 1
            if rank == 0:
                done.write_text(str(step))
            trained_on(batch)


def test_recipes_in_a_loop():
    assert_run_resumable(train_by_recipes, key=identity)


def test_recipes_on_two_ranks():
    def run(folder, trained_on):
        train_by_recipes(folder, trained_on, ranks=2)

    assert_run_resumable(run, key=identity, world_size=2)


def test_recipes_in_accelerate():
    def run(folder, trained_on):
        from accelerate import Accelerator

        train_by_recipes(folder, trained_on, Accelerator(cpu=True).prepare)

    assert_run_resumable(run, key=identity)


def test_recipes_in_lightning():
    import lightning.pytorch  # noqa: F401 - once, and not in each process

    def run(folder, trained_on):
        train_with_lightning(folder, trained_on, by_recipes, resume_by_recipes)

    assert_run_resumable(run, key=identity)


def test_augmentation_by_recipe_in_hugging_face_trainer():
    import transformers.trainer  # noqa: F401 - once, and not in each process

    def run(folder, trained_on):
        dataset = RecipePerSample(Plain(), add_noise, seed=0)
        options = {"dataloader_num_workers": 2}
        train_with_trainer(folder, trained_on, dataset, **options)

    assert_run_resumable(run, key=lambda batch: batch[:, 0].int().tolist())
