# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "accelerate",
#   "datasets",
#   "lightning",
#   "matplotlib",
#   "numpy",
#   "torch",
#   "torchdata",
#   "transformers",
# ]
# ///
"""
Resuming in the middle of an epoch repeats and skips samples
============================================================

A resumed run skips as many batches as it has read, but in another order.

* **You see:** After a restart in the middle of an epoch, some samples come again and as
  many never come.
* **Because:** A DataLoader does not store its position: a new iterator draws a new order,
  whose first batches are not those that were read.
* **Do:** Derive the order from seed and epoch, and start it at the number of samples that
  were read; or use torchdata's ``StatefulDataLoader``.
"""

# %%
# See it happen
# -------------
# A program trains on 40 samples in batches of four. Each checkpoint has the epoch, the
# number of batches and torch's random state. The program is killed after step 5, and
# started again.

# sphinx_gallery_tags = ["resume", "repeated samples", "missing samples"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["skip", "start_there"]

import functools
import gc
import importlib
import importlib.metadata
import itertools
import logging
import multiprocessing
import os
import signal
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

STEPS = 10  # of an epoch


def skip(epoch, done):
    loader = DataLoader(range(40), batch_size=4, shuffle=True)
    return itertools.islice(loader, done, None)


def train(rest_of_epoch, folder, trained_on):
    torch.manual_seed(0)
    epoch, done = 0, 0
    checkpoint = Path(folder, "checkpoint.pt")
    if checkpoint.exists():
        epoch, done, random_state = torch.load(checkpoint)
        torch.set_rng_state(random_state)
    while epoch < 2:
        for batch in rest_of_epoch(epoch, done):
            done += 1
            torch.save((epoch, done, torch.get_rng_state()), checkpoint)
            trained_on(batch)
        epoch, done = epoch + 1, 0


broken = functools.partial(train, skip)


def steps(folder):
    log = Path(folder, "trained.txt")
    return log.read_text().splitlines() if log.exists() else []


def write_or_die(folder, stop, samples):
    with Path(folder, "trained.txt").open("a") as log:
        print(*(int(sample) for sample in samples), file=log)
    if len(steps(folder)) == stop:
        os.kill(os.getpid(), signal.SIGKILL)


def run(program, folder, stop, context):
    """Run the program in a new process, and return its exit code."""
    trained_on = functools.partial(write_or_die, folder, stop)
    process = context.Process(target=program, args=(folder, trained_on))
    process.start()
    process.join()
    return process.exitcode


def kill_and_resume(program, stop, context=multiprocessing):
    """Return the samples of each step."""
    with tempfile.TemporaryDirectory() as folder:
        assert run(program, folder, stop, context) == -signal.SIGKILL
        assert run(program, folder, None, context) == 0
        return [[int(word) for word in step.split()] for step in steps(folder)]


def again_and_never(batches):
    """Return how many samples of the first epoch come again, and never."""
    first_epoch = [sample for batch in batches[:STEPS] for sample in batch]
    different = len(set(first_epoch))
    return len(first_epoch) - different, 40 - different


if __name__ == "__main__":
    mixed = kill_and_resume(broken, stop=5)
    again, never = again_and_never(mixed)
    print(f"broken: {again} of 40 samples again, {never} never")
    assert again == never > 0

# %%
# Why
# ---
# ``shuffle=True`` draws a new order at every ``iter(loader)``. The random state of the
# checkpoint was saved *after* the order of this epoch had been drawn. So the resumed run
# draws the next order, and skips five batches of that one.

if __name__ == "__main__":
    torch.manual_seed(0)
    iterator = skip(0, 0)
    read = [next(iterator).tolist() for _ in range(5)]
    state = torch.get_rng_state()
    left = [batch.tolist() for batch in iterator]
    torch.set_rng_state(state)
    assert [batch.tolist() for batch in skip(0, 5)] != left
    torch.manual_seed(0)  # the state before the order was drawn
    assert [batch.tolist() for batch in skip(0, 5)] == left

# %%
# The fix
# -------
# Let seed and epoch decide on the order. A restart computes the same order, and starts at
# the first sample that was not trained on. No sample is loaded to be skipped. For one
# loader that lives through all epochs, use the :ref:`recipe's sampler <resume>`.


def start_there(epoch, done):
    order = np.random.default_rng([0, epoch]).permutation(40)
    left = order[4 * done :].tolist()
    return DataLoader(range(40), batch_size=4, sampler=left)


fixed = functools.partial(train, start_there)

if __name__ == "__main__":
    exact = kill_and_resume(fixed, stop=5)
    print(
        "fixed: {} of 40 samples again, {} never".format(
            *again_and_never(exact)
        )
    )
    assert again_and_never(exact) == (0, 0)

# %%
# How frameworks resume
# ---------------------
# These programs resume as each framework's manual says. Each is killed after step 5,
# and in another run after step 10, the last of the first epoch.


class Rows(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return {"x": torch.tensor([float(index)]), "labels": torch.zeros(1)}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, labels):
        output = self.layer(x)
        return {"loss": (output - labels).square().mean(), "logits": output}


def rows(kind=DataLoader):
    return kind(Rows(), batch_size=4, shuffle=True)


def stateful_dataloader(folder, trained_on):
    from torchdata.stateful_dataloader import StatefulDataLoader

    loader, done = rows(StatefulDataLoader), len(steps(folder))
    if done:
        state = torch.load(Path(folder, "loader.pt"), weights_only=False)
        loader.load_state_dict(state)
    for _ in range(done // STEPS, 2):
        for batch in loader:
            torch.save(loader.state_dict(), Path(folder, "loader.pt"))
            trained_on(batch["x"])


def hugging_face_stream(folder, trained_on, buffer_size):
    import datasets

    numbers = datasets.Dataset.from_dict({"x": list(range(40))})
    stream = numbers.to_iterable_dataset(num_shards=4)
    if buffer_size:
        stream = stream.shuffle(seed=0, buffer_size=buffer_size)
    done = len(steps(folder))
    if done:
        state = torch.load(Path(folder, "stream.pt"), weights_only=False)
        stream.load_state_dict(state)
    for epoch in range(done // STEPS, 2):
        stream.set_epoch(epoch)  # else each epoch starts at the loaded state
        for batch in DataLoader(stream, batch_size=4):
            torch.save(stream.state_dict(), Path(folder, "stream.pt"))
            trained_on(batch["x"])


def accelerate(folder, trained_on, **options):
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration, set_seed

    set_seed(0)
    configuration = DataLoaderConfiguration(**options)
    accelerator = Accelerator(cpu=True, dataloader_config=configuration)
    loader = accelerator.prepare(rows())
    first, done = divmod(len(steps(folder)), STEPS)
    if first or done:
        accelerator.load_state(folder)
    for epoch in range(first, 2):
        loader.set_epoch(epoch)
        active = loader
        if epoch == first and done:
            active = accelerator.skip_first_batches(loader, done)
        for batch in active:
            accelerator.save_state(folder)
            trained_on(batch["x"])


def lightning(folder, trained_on, stateful=False):
    import lightning.pytorch as pl
    from torchdata.stateful_dataloader import StatefulDataLoader

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    last = Path(folder, "last.ckpt")

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = Model()

        def training_step(self, batch):
            return self.model(**batch)["loss"]

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 1e-3)

    class Save(pl.Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, number):
            trainer.save_checkpoint(last)
            trained_on(batch["x"])

    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[Save()],
    )
    loader = rows(StatefulDataLoader if stateful else DataLoader)
    path = last if last.exists() else None
    trainer.fit(Module(), loader, ckpt_path=path, weights_only=False)


def hugging_face_trainer(folder, trained_on, **options):
    import transformers
    from transformers.trainer_utils import get_last_checkpoint

    transformers.logging.set_verbosity_error()
    batches = []

    class Told(Model):
        def forward(self, x, labels):
            batches.append(x)
            return super().forward(x, labels)

    class AfterSaving(transformers.TrainerCallback):
        def on_save(self, arguments, state, control, **_):
            trained_on(batches[-1])

    arguments = transformers.TrainingArguments(
        folder,
        num_train_epochs=2,
        per_device_train_batch_size=4,
        save_steps=1,
        save_total_limit=1,
        logging_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        **options,
    )
    transformers.Trainer(
        Told(), arguments, train_dataset=Rows(), callbacks=[AfterSaving()]
    ).train(resume_from_checkpoint=get_last_checkpoint(folder))


SEEDABLE = {"use_seedable_sampler": True}
WAYS = {
    "plain loop": broken,
    "seed and epoch": fixed,
    "StatefulDataLoader": stateful_dataloader,
    "datasets stream": functools.partial(hugging_face_stream, buffer_size=0),
    "datasets stream, buffer": functools.partial(
        hugging_face_stream, buffer_size=10
    ),
    "Accelerate": accelerate,
    "Accelerate, seedable": functools.partial(accelerate, **SEEDABLE),
    "Lightning": lightning,
    "Lightning, Stateful": functools.partial(lightning, stateful=True),
    "HF Trainer": hugging_face_trainer,
    "HF Trainer, no skip": functools.partial(
        hugging_face_trainer, ignore_data_skip=True
    ),
}


def quietly(program, folder, trained_on):
    """Run a program of a framework, without its messages."""
    gc.freeze()  # else collecting copies the memory of the parent
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.seed()
    with Path(os.devnull).open("w") as nowhere:
        for descriptor in (1, 2):
            os.dup2(nowhere.fileno(), descriptor)
    program(folder, trained_on)


def measure():
    """Return for each way what is wrong after a stop in and after an epoch."""
    # A fork has the imports of this process.
    for module in (
        "accelerate",
        "datasets",
        "lightning.pytorch",
        "torchdata.stateful_dataloader",
        "transformers.trainer",
    ):
        importlib.import_module(module)
    fork, found = multiprocessing.get_context("fork"), {}
    for way, program in WAYS.items():
        found[way] = []
        for stop in (5, STEPS):
            batches = kill_and_resume(
                functools.partial(quietly, program), stop, fork
            )
            found[way].append((*again_and_never(batches), len(batches)))
    return found


def verdict(again, never, batches):
    if again or never:
        return f"{again} again, {never} never"
    return "all once" if batches == 2 * STEPS else "epoch 1 lost"


if __name__ == "__main__":
    found = measure()
    table = {
        way: [verdict(*one) for one in both] for way, both in found.items()
    }
    print(f"{'':24}{'killed in epoch 0':22}after epoch 0")
    for way, (middle, end) in table.items():
        print(f"{way:24}{middle:22}{end}")
    libraries = (
        "torchdata",
        "accelerate",
        "datasets",
        "lightning",
        "transformers",
    )
    print(*(f"{one} {importlib.metadata.version(one)}" for one in libraries))
    wrong = {
        way: [one != "all once" for one in both] for way, both in table.items()
    }
    assert wrong == {
        "plain loop": [True, False],
        "seed and epoch": [False, False],
        "StatefulDataLoader": [False, True],
        "datasets stream": [False, False],
        "datasets stream, buffer": [True, False],
        "Accelerate": [True, False],
        "Accelerate, seedable": [False, False],
        "Lightning": [True, False],
        "Lightning, Stateful": [False, True],
        "HF Trainer": [False, False],
        "HF Trainer, no skip": [True, False],
    }

# %%
# * **StatefulDataLoader**, alone and in Lightning, resumes exactly in an epoch, and loses
#   the epoch after its last batch: :doc:`/gallery/7_resume/plot_resume_loses_an_epoch`.
# * **Accelerate** needs ``DataLoaderConfiguration(use_seedable_sampler=True)`` and
#   ``set_seed``: `accelerate#2823 <https://github.com/huggingface/accelerate/issues/2823>`_.
# * **Lightning** skips no batch of a DataLoader: `pytorch-lightning#19764
#   <https://github.com/Lightning-AI/pytorch-lightning/issues/19764>`_.
# * **HF Trainer** skips batches of the right order, unless ``ignore_data_skip=True``.
# * **datasets** streams lose what waits in a shuffle buffer:
#   :doc:`/gallery/7_resume/plot_shuffle_buffer_not_restored`.

# %%
# Proof
# -----
# Each dot is a sample at the step that trained on it, in the first epoch. Crosses came
# before the kill already, at the dashed line. Rings never come. Below, each framework's
# count of samples that come again, and as many never.


def plot(mixed, exact, found):
    figure = plt.figure(figsize=(7, 7), layout="constrained")
    places = [["broken", "fixed"], ["ways", "ways"]]
    axes = figure.subplot_mosaic(places, height_ratios=[2, 3])
    for name, batches in (("broken", mixed), ("fixed", exact)):
        ax, seen = axes[name], set()
        for step, samples in enumerate(batches[:STEPS], 1):
            for sample in samples:
                mark = ("x", "C3") if sample in seen else ("o", "C0")
                ax.plot(step, sample, mark[0], color=mark[1], markersize=5)
            seen |= set(samples)
        never = sorted(set(range(40)) - seen)
        ax.plot([13] * len(never), never, "o", color="C1", fillstyle="none")
        ax.axvline(5.5, linestyle="--", color="gray")
        ax.set(title=name, xlabel="step", xticks=[1, 5, 9, 13])
        ax.set_xticklabels(["1", "5", "9", "never"])
    axes["broken"].set(ylabel="sample")
    bars = axes["ways"].barh(
        list(found), [middle[0] for middle, _ in found.values()], color="C3"
    )
    axes["ways"].bar_label(bars, padding=2)
    axes["ways"].invert_yaxis()
    axes["ways"].set(
        title="killed in the middle of an epoch",
        xlabel="samples again (of 40)",
        xlim=(0, 23),
    )
    plt.show()


if __name__ == "__main__":
    plot(mixed, exact, found)

# %%
# Find it in your code
# --------------------
# ``dejabatch.testing.assert_run_resumable`` stops and resumes your training program at
# several steps. The program takes a folder for its checkpoints, and a function to call
# after each step, as the programs above.

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.testing import assert_run_resumable

if __name__ == "__main__":
    message = ""
    try:
        assert_run_resumable(broken, epochs=2, key=torch.Tensor.tolist)
    except AssertionError as error:
        message = str(error)
    print(message)
    assert FAILURE_MODES["mid-epoch-resume"].title in message
    assert_run_resumable(fixed, epochs=2, key=torch.Tensor.tolist)

# %%
# See also
# --------
# * A restart begins with the order of the first epoch:
#   :doc:`/gallery/7_resume/plot_resume_replays_the_epoch`.
# * The order is right and the augmentations differ:
#   :doc:`/gallery/7_resume/plot_augmentation_not_restored`.
# * :ref:`A sampler for a loop of your own or Accelerate <resume>`.
# * :func:`dejabatch.testing.assert_resumable`, for a loader without a program.
