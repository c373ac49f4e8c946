# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
#   "torchdata",
# ]
# ///
"""
The first epoch after a restart has no batches
==============================================

A checkpoint after the last batch of an epoch says that nothing is left to read.

* **You see:** A run that was saved after the last batch of an epoch resumes with an epoch
  of no batches.
* **Because:** The state says that all batches of the epoch were read.
  ``StatefulDataLoader`` applies this state to the next epoch.
* **Do:** Save the state of the loader when the loop over the epoch has ended, or finish the
  old epoch after a restart: ``list(loader)`` is empty.
"""

# %%
# See it happen
# -------------
# A program trains three epochs of ten batches with torchdata's ``StatefulDataLoader``, and
# writes a checkpoint after each step. It is killed after step 10, the last of the first
# epoch, and started again.

# sphinx_gallery_tags = ["resume", "StatefulDataLoader", "empty epoch"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["load_and_start", "load_and_finish"]

import functools
import multiprocessing
import os
import signal
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torchdata
from torchdata.stateful_dataloader import StatefulDataLoader

STEPS, EPOCHS = 10, 3
# torchdata 0.11 calls what torch has deprecated.
warnings.filterwarnings("ignore", "'set_vital' is deprecated")


def make_loader():
    return StatefulDataLoader(range(40), batch_size=4, shuffle=True)


def load_and_start(loader, saved):
    loader.load_state_dict(saved["loader"])


def train(load, folder, trained_on):
    torch.manual_seed(0)
    loader, step = make_loader(), 0
    checkpoint = Path(folder, "checkpoint.pt")
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        step = saved["step"]
        load(loader, saved)
    for _ in range(step // STEPS, EPOCHS):
        for batch in loader:
            step += 1
            saved = {"step": step, "loader": loader.state_dict()}
            torch.save(saved, checkpoint)
            trained_on(batch)


losing = functools.partial(train, load_and_start)


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
    """Return the samples of each step."""
    with tempfile.TemporaryDirectory() as folder:
        assert run(program, folder, stop) == -signal.SIGKILL
        assert run(program, folder) == 0
        lines = Path(folder, "trained.txt").read_text().splitlines()
    return [[int(word) for word in line.split()] for line in lines]


if __name__ == "__main__":
    lost = kill_and_resume(losing, stop=STEPS)
    print("broken:", len(lost), "of 30 batches")
    assert len(lost) == 20
    assert len(kill_and_resume(losing, stop=5)) == 30

# %%
# Why
# ---
# Inside the loop, after the last batch, the loader's epoch has not ended: the loop has not
# asked for another batch. The state keeps this epoch, of which nothing is left. After the
# restart the loader yields that rest, no batch. But the program counts ten steps and calls
# the rest epoch 1. Lightning counts in the same way.
#
# The thread `meta-pytorch/data#1437 <https://github.com/meta-pytorch/data/issues/1437>`_
# reported the lost epoch. A state that was saved *after* the loop now starts the next
# epoch.

if __name__ == "__main__":
    loader = make_loader()
    for _batch in loader:
        inside = loader.state_dict()
    after = loader.state_dict()
    lengths = []
    for state in (inside, after):
        resumed = make_loader()
        resumed.load_state_dict(state)
        lengths.append([len(list(resumed)) for _epoch in range(2)])
    print("torchdata", torchdata.__version__)
    print("saved inside the loop:", lengths[0], "batches")
    print("saved after the loop: ", lengths[1], "batches")
    assert lengths == [[0, 10], [10, 10]]

# %%
# The fix
# -------
# Finish the old epoch after loading, if the checkpoint was written after its last batch.
# The resumed run then has the batches of the uninterrupted run.


def load_and_finish(loader, saved):
    loader.load_state_dict(saved["loader"])
    if saved["step"] % len(loader) == 0:
        assert list(loader) == []  # the rest of the old epoch


finishing = functools.partial(train, load_and_finish)

if __name__ == "__main__":
    complete = kill_and_resume(finishing, stop=STEPS)
    print("fixed:", len(complete), "of 30 batches")
    assert len(complete) == 30
    for epoch in range(EPOCHS):
        of_epoch = complete[STEPS * epoch : STEPS * (epoch + 1)]
        assert sorted(
            sample for batch in of_epoch for sample in batch
        ) == list(range(40))

# %%
# Proof
# -----
# Each dot is a sample at the step that trained on it. The dashed line is the kill. The
# broken run ends ten steps early: one epoch never took place.


def plot(lost, complete):
    _, axes = plt.subplots(
        1, 2, figsize=(7, 3), sharex=True, sharey=True, layout="constrained"
    )
    for ax, name, batches in (
        (axes[0], "broken", lost),
        (axes[1], "fixed", complete),
    ):
        for step, samples in enumerate(batches, 1):
            ax.plot([step] * 4, samples, "o", color="C0", markersize=2.5)
        ax.axvline(STEPS + 0.5, linestyle="--", color="gray")
        ax.set(title=name, xlabel="step", xlim=(0, 31))
    axes[0].set(ylabel="sample")
    axes[0].text(26, 20, "never\ntrained", ha="center", va="center")
    plt.show()


if __name__ == "__main__":
    plot(lost, complete)

# %%
# Find it in your code
# --------------------
# ``dejabatch.testing.assert_run_resumable`` stops and resumes your program at several
# steps. The program takes a folder for its checkpoints, and a function to call after each
# step.

import dejabatch
from dejabatch.testing import assert_run_resumable

if __name__ == "__main__":
    message = ""
    try:
        assert_run_resumable(losing, epochs=EPOCHS, key=torch.Tensor.tolist)
    except AssertionError as error:
        message = str(error)
    print(message)
    assert "batch 10 of 10 of epoch 0: epoch 2 has 0 of 10 batches" in message
    assert_run_resumable(finishing, epochs=EPOCHS, key=torch.Tensor.tolist)

# %%
# ``dejabatch.audit`` finds a loader that was resumed in this state. The function makes the
# loader and loads the checkpoint.


def resumed(load):
    for _batch in (loader := make_loader()):
        saved = {"step": STEPS, "loader": loader.state_dict()}
    loader = make_loader()
    load(loader, saved)
    return loader


def broken():
    return resumed(load_and_start)


def fixed():
    return resumed(load_and_finish)


if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [f.slug for f in report.findings] == ["resume-loses-an-epoch"]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The resumed epoch has other samples than are left:
#   :doc:`/gallery/7_resume/plot_mid_epoch_resume`.
# * The order is right and the augmentations differ:
#   :doc:`/gallery/7_resume/plot_augmentation_not_restored`.
# * Every later epoch is empty, without a restart:
#   :doc:`/gallery/4_streaming/plot_exhausted_stream`.
# * :ref:`A sampler that resumes in any framework <resume>`.
