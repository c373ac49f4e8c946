# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "lightning",
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Resuming from a checkpoint repeats the first epoch's data
=========================================================

A program that seeds at its start seeds for the first epoch, whichever comes next.

* **You see:** A resumed run shuffles and augments as the first epoch did.
* **Because:** The program sets the same seed at every start, whichever epoch it resumes.
* **Do:** Derive order and augmentation from seed and epoch, or save the generators' states
  in the checkpoint and restore them.
"""

# %%
# See it happen
# -------------
# A program seeds torch and trains three epochs. Each sample is its number plus noise. The
# checkpoint has the epoch, as of a model that is saved after each epoch. The program is
# killed in the second epoch, and started again.

# sphinx_gallery_tags = ["resume", "seed", "same order", "same augmentation"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["seed_at_start", "seed_by_epoch"]

import functools
import logging
import multiprocessing
import os
import signal
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, Dataset

STEPS, EPOCHS = 5, 3


class Noisy(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, index):
        return index + torch.rand(())


def seed_at_start(epoch, first_epoch):
    if epoch == first_epoch:
        torch.manual_seed(0)


def train(seed, folder, trained_on):
    checkpoint = Path(folder, "epoch")
    first = int(checkpoint.read_text()) if checkpoint.exists() else 0
    loader = DataLoader(Noisy(), batch_size=4, shuffle=True)
    for epoch in range(first, EPOCHS):
        seed(epoch, first)
        for batch in loader:
            trained_on(batch)
        checkpoint.write_text(str(epoch + 1))


broken = functools.partial(train, seed_at_start)


def write_or_die(folder, stop, batch):
    log = Path(folder, "trained.txt")
    with log.open("a") as file:
        print(*batch.tolist(), file=file)
    if len(log.read_text().splitlines()) == stop:
        os.kill(os.getpid(), signal.SIGKILL)


def run(program, folder, stop=None):
    """Run the program in a new process, and return its exit code."""
    trained_on = functools.partial(write_or_die, folder, stop)
    process = multiprocessing.Process(
        target=program, args=(folder, trained_on)
    )
    process.start()
    process.join()
    return process.exitcode


def kill_and_resume(program, stop):
    """Return the samples of each step, and how many came before the kill."""
    with tempfile.TemporaryDirectory() as folder:
        assert run(program, folder, stop) == -signal.SIGKILL
        assert run(program, folder) == 0
        lines = Path(folder, "trained.txt").read_text().splitlines()
    return [[float(word) for word in line.split()] for line in lines]


def not_interrupted(program):
    with tempfile.TemporaryDirectory() as folder:
        assert run(program, folder) == 0
        lines = Path(folder, "trained.txt").read_text().splitlines()
    return [[float(word) for word in line.split()] for line in lines]


def flat(steps):
    return [sample for step in steps for sample in step]


def repeated(batches):
    """Return how many samples of the first epoch come again, noise and all."""
    first_epoch = flat(batches[:STEPS])
    later = set(flat(batches[STEPS + 2 :]))
    return sum(sample in later for sample in first_epoch)


if __name__ == "__main__":
    stop = STEPS + 2
    replayed = kill_and_resume(broken, stop)
    print("broken:", repeated(replayed), "of 20 samples again, noise and all")
    assert replayed[stop : stop + STEPS] == replayed[:STEPS]
    assert repeated(replayed) == 20
    assert repeated(not_interrupted(broken)) == 0

# %%
# Why
# ---
# A seed fixes everything that is drawn after it. Without a restart the second epoch
# continues where the first one ended. After a restart the second epoch comes first after
# the seed, and draws what the first epoch drew. A checkpoint of model and optimizer does
# not have the random states. ``seed_everything`` of Lightning, ``set_seed`` of Accelerate
# and a ``DataLoader(generator=torch.Generator().manual_seed(0))`` act in the same way.
#
# Ten restarts repeat the first epoch ten times, and the model never trains on another
# order.

if __name__ == "__main__":
    torch.manual_seed(0)
    loader = DataLoader(Noisy(), batch_size=4, shuffle=True)
    first, second = (torch.cat(list(loader)) for _ in range(2))
    torch.manual_seed(0)
    after_restart = torch.cat(list(loader))
    assert torch.equal(after_restart, first)
    assert not torch.equal(after_restart, second)

# %%
# The fix
# -------
# Seed before each epoch, with the epoch in the seed. Every epoch then has its own order and
# noise, and a restart draws those of its epoch.


def seed_by_epoch(epoch, first_epoch):
    torch.manual_seed(1000 + epoch)  # 1000: the seed of the run


fixed = functools.partial(train, seed_by_epoch)

if __name__ == "__main__":
    continued = kill_and_resume(fixed, stop)
    print("fixed:", repeated(continued), "of 20 samples again, noise and all")
    assert repeated(continued) == 0
    whole = not_interrupted(fixed)
    assert continued[stop:] == whole[STEPS:]

# %%
# Seed Python's ``random`` and NumPy as well if your transforms use them. Workers need no
# seed: torch derives their seeds from the main process at the start of each epoch. To stop
# in the middle of an epoch, see :doc:`/gallery/7_resume/plot_mid_epoch_resume`.
#
# Or save the states, which also continue a run that was never seeded:

if __name__ == "__main__":
    state = torch.get_rng_state()  # into the checkpoint, after an epoch
    expected = torch.cat(list(loader))
    torch.manual_seed(0)  # the program starts again
    torch.set_rng_state(state)  # from the checkpoint
    assert torch.equal(torch.cat(list(loader)), expected)

# %%
# In Lightning, add the checkpoint's epoch to the seed before ``fit``. A seed in
# ``on_train_epoch_start`` comes too late for workers: Lightning has started them before.
# The resumed epochs are new, but not those of a run without a restart.


def in_lightning(seed, folder, trained_on):
    import lightning.pytorch as pl

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def on_train_epoch_start(self):
            seed("hook", self.current_epoch)

        def training_step(self, batch, number):
            trained_on(batch)
            return self.layer(batch[:, None]).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    last = Path(folder, "last.ckpt")
    saved = torch.load(last, weights_only=False) if last.exists() else None
    seed("before fit", saved["epoch"] + 1 if saved else 0)
    loader = DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=1)
    pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        callbacks=[pl.callbacks.ModelCheckpoint(folder, save_last=True)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(
        Module(),
        loader,
        ckpt_path=last if saved else None,
        weights_only=False,
    )


def seed_lightning(number):
    from lightning.pytorch import seed_everything

    seed_everything(number, workers=True, verbose=False)


def one_seed(place, epoch):
    if place == "before fit":
        seed_lightning(1000)


def seed_in_the_hook(place, epoch):
    seed_lightning(1000 + epoch if place == "hook" else 1000)


def seed_before_fit(place, epoch):
    if place == "before fit":
        seed_lightning(1000 + epoch)


if __name__ == "__main__":
    import lightning.pytorch

    print("lightning", lightning.pytorch.__version__)
    for seed in (one_seed, seed_in_the_hook, seed_before_fit):
        program = functools.partial(in_lightning, seed)
        steps = kill_and_resume(program, stop)
        again = repeated(steps)
        print(f"{seed.__name__}: {again} of 20 samples again")
        assert len(steps) == stop + 2 * STEPS  # continues at the second epoch
        assert again == (0 if seed is seed_before_fit else 20)
    assert steps[stop:] != not_interrupted(program)[STEPS:]

# %%
# Proof
# -----
# Each dot is a sample at the step that trained on it. The dashed line is the kill, in the
# second epoch, which begins again. Crosses are samples of the first epoch, noise and all.


def plot(replayed, continued, stop):
    _, axes = plt.subplots(
        1, 2, figsize=(7, 3), sharey=True, layout="constrained"
    )
    for ax, name, batches in (
        (axes[0], "broken", replayed),
        (axes[1], "fixed", continued),
    ):
        first_epoch = set(flat(batches[:STEPS]))
        for step, samples in enumerate(batches, 1):
            again = [s for s in samples if step > STEPS and s in first_epoch]
            new = [s for s in samples if s not in again]
            ax.plot([step] * len(new), new, "o", color="C0", markersize=4)
            ax.plot([step] * len(again), again, "x", color="C3", markersize=6)
        ax.axvline(stop + 0.5, linestyle="--", color="gray")
        ax.set(title=name, xlabel="step")
    axes[0].set(ylabel="sample and noise")
    plt.show()


if __name__ == "__main__":
    plot(replayed, continued, stop)

# %%
# Find it in your code
# --------------------
# ``dejabatch.testing.assert_run_resumable`` stops and resumes your training program at
# several steps. The program takes a folder for its checkpoints, and a function to call
# after each step. ``key`` tells the samples of a batch apart from their augmentation.

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.testing import assert_run_resumable


def numbers(batch):
    return batch.int().tolist()


if __name__ == "__main__":
    message = ""
    try:
        assert_run_resumable(broken, epochs=EPOCHS, key=numbers)
    except AssertionError as error:
        message = str(error)
    print(message)
    assert FAILURE_MODES["resume-replays-the-epoch"].title in message
    assert_run_resumable(fixed, epochs=EPOCHS, key=numbers)

# %%
# See also
# --------
# * The same order in every epoch, without a restart:
#   :doc:`/gallery/2_randomness/plot_reseed_every_epoch`.
# * A restart in the middle of an epoch:
#   :doc:`/gallery/7_resume/plot_mid_epoch_resume`.
# * :ref:`Augmentation from seed, epoch and index
#   <augmentation-from-seed-epoch-and-index>`.
