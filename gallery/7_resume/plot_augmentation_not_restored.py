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
A resumed run has the right order and other augmentations
=========================================================

The random numbers of workers are in no checkpoint.

* **You see:** After a restart the samples come in the right order, with other random crops
  and flips than without the restart.
* **Because:** A checkpoint has the generators of the main process. The workers draw the
  augmentations, and their generators are seeded anew.
* **Do:** Derive the random numbers of a sample from seed, epoch and index, with
  ``dejabatch.PerSample``.
"""

# %%
# See it happen
# -------------
# A program trains with torchdata's ``StatefulDataLoader`` and two workers. Each sample is
# its number plus noise. The checkpoint has the loader's state and torch's random state. One
# run is not interrupted. Another is killed after step 5 of 10, and started again.

# sphinx_gallery_tags = ["resume", "StatefulDataLoader", "augmentation"]
# sphinx_gallery_parallel = False

import functools
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.utils.data import Dataset, DistributedSampler
from torchdata.stateful_dataloader import StatefulDataLoader

STEPS = 10


class Noisy(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return index + torch.rand(())


def load(dataset, sampler):
    return StatefulDataLoader(
        dataset,
        batch_size=4,
        sampler=sampler,
        num_workers=2,
        multiprocessing_context="fork",  # these end soon after a kill
    )


def by_seed_and_epoch():
    return DistributedSampler(range(40), num_replicas=1, rank=0, seed=0)


def random_in_workers():
    return load(Noisy(), by_seed_and_epoch())


def train(make_loader, folder, trained_on):
    torch.manual_seed(0)
    loader, step = make_loader(), 0
    checkpoint = Path(folder, "checkpoint.pt")
    if checkpoint.exists():
        step, state, random_state = torch.load(checkpoint, weights_only=False)
        loader.load_state_dict(state)
        torch.set_rng_state(random_state)
    for epoch in range(step // STEPS, 2):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            step += 1
            saved = step, loader.state_dict(), torch.get_rng_state()
            torch.save(saved, checkpoint)
            trained_on(batch)


broken = functools.partial(train, random_in_workers)


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


def samples(program, stop):
    """Return the first epoch's samples; `stop` is the step of the kill, or None."""
    with tempfile.TemporaryDirectory() as folder:
        if stop:
            assert run(program, folder, stop) == -signal.SIGKILL
        assert run(program, folder) == 0
        lines = Path(folder, "trained.txt").read_text().splitlines()
    return [float(word) for line in lines[:STEPS] for word in line.split()]


def noise_differs(whole, resumed):
    """Return how many of the samples after the kill have other noise."""
    assert [*map(int, whole)] == [*map(int, resumed)]  # the order is right
    return sum(a != b for a, b in zip(whole, resumed, strict=True))


if __name__ == "__main__":
    broken_runs = [samples(broken, stop) for stop in (None, 5)]
    print("broken:", noise_differs(*broken_runs), "of 20 have other noise")
    assert noise_differs(*broken_runs) == 20

# %%
# Why
# ---
# Each worker has generators of its own. They are seeded when the worker starts, and
# advance with each sample. ``state_dict()`` of the loader has positions, and the checkpoint
# has the main process's state. The restart starts new workers with new seeds.
#
# The states of workers would not help either: workers are batches ahead of the loop. A
# state that is saved at step 5 belongs to a later step.

# %%
# The fix
# -------
# ``dejabatch.PerSample`` seeds the generators before each sample, from seed, epoch and
# index. A worker then needs no state. ``EpochSampler`` brings the epoch to the workers.

from dejabatch import EpochSampler, PerSample


def random_by_index():
    sampler = EpochSampler(by_seed_and_epoch())
    return load(PerSample(Noisy(), seed=0), sampler)


fixed = functools.partial(train, random_by_index)

if __name__ == "__main__":
    fixed_runs = [samples(fixed, stop) for stop in (None, 5)]
    print("fixed:", noise_differs(*fixed_runs), "of 20 have other noise")
    assert noise_differs(*fixed_runs) == 0

# %%
# PyTorch alone does the same with the recipe :ref:`Same augmentation for any number of
# workers <augmentation-from-seed-epoch-and-index>`.

# %%
# Proof
# -----
# Each dot is a sample of the first epoch: across, its noise in the run without a restart;
# up, its noise in the resumed run. Equal noise lies on the diagonal.


def plot(broken_runs, fixed_runs):
    _, axes = plt.subplots(
        1, 2, figsize=(7, 3.4), sharey=True, layout="constrained"
    )
    for ax, name, (whole, resumed) in (
        (axes[0], "broken", broken_runs),
        (axes[1], "fixed", fixed_runs),
    ):
        pairs = [(a % 1, b % 1) for a, b in zip(whole, resumed, strict=True)]
        ax.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
        ax.plot(*zip(*pairs[:20], strict=True), "o", label="before the kill")
        ax.plot(*zip(*pairs[20:], strict=True), "x", label="after the kill")
        ax.set(title=name, xlabel="noise without a restart")
    axes[0].set(ylabel="noise of the resumed run")
    axes[1].legend(loc="upper left", fontsize="small")
    plt.show()


if __name__ == "__main__":
    plot(broken_runs, fixed_runs)

# %%
# Find it in your code
# --------------------
# ``dejabatch.testing.assert_resumable`` reads your loader in processes with other random
# states, stops, and resumes. It says whether the order or the augmentation differs. For a
# whole program, use ``assert_run_resumable``.

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.testing import assert_resumable

if __name__ == "__main__":
    message = ""
    try:
        assert_resumable(random_in_workers, at=[5], epochs=2)
    except AssertionError as error:
        message = str(error)
    print(message)
    assert FAILURE_MODES["augmentation-not-restored"].title in message
    assert_resumable(random_by_index, at=[5], epochs=2)

# %%
# See also
# --------
# * The order is wrong, too: :doc:`/gallery/7_resume/plot_mid_epoch_resume`.
# * Another number of workers changes the augmentation:
#   :doc:`/gallery/2_randomness/plot_workers_change_the_augmentation`.
# * torchdata's manual lets a dataset store its own state: `stateful_dataloader
#   <https://github.com/meta-pytorch/data/tree/main/torchdata/stateful_dataloader>`_.
