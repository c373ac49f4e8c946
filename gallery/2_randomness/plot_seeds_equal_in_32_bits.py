# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
Different seeds draw the same numbers
=====================================

torch's CPU generator takes 64 bits of a seed and uses 32 of them.

* **You see:** Your workers have different seeds in every epoch, and still draw the same
  numbers from torch.
* **Because:** The seeds differ in their high bits, and torch's CPU generator uses the
  low 32 bits only.
* **Do:** Mix all bits of the seed into those 32, as ``numpy.random.SeedSequence`` does.
"""

# %%
# See it happen
# -------------
# This ``worker_init_fn`` packs two numbers into one seed, so that no two can be the same:
# what changes with the epoch into the high half, the worker's number into the low half.

# sphinx_gallery_tags = ["same in every epoch", "seed", "worker_init_fn", "library"]
# sphinx_gallery_parallel = False

import json
import os
import shutil
import subprocess
import sys
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

WORKERS = 2


class Draws(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.rand(()), f"{torch.initial_seed():#018x}"


def seed_by_packing(worker_id):
    of_epoch = get_worker_info().seed % 2**31
    torch.manual_seed((of_epoch << 32) | worker_id)


broken = DataLoader(
    Draws(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_by_packing
)


def epoch_of(loader):
    batches = list(loader)
    draws = [round(draw.item(), 4) for draw, _ in batches]
    seeds = [seed for _, (seed,) in batches]
    return draws, seeds[:WORKERS]


if __name__ == "__main__":
    same = [epoch_of(broken) for _ in range(2)]
    for epoch, (draws, seeds) in enumerate(same):
        print(f"epoch {epoch}: the workers' seeds are", *seeds)
        print(f"epoch {epoch}: they draw", *draws[:4])
    (first, first_seeds), (second, second_seeds) = same
    assert not set(first_seeds) & set(second_seeds)
    assert first == second

# %%
# Why
# ---
# torch's CPU generator is a Mersenne Twister, whose seed has 32 bits. It accepts 64, keeps
# them for ``initial_seed()``, and leaves out the high half.

if __name__ == "__main__":
    for high in (0, 1, 2):
        seed = 7 + (high << 32)
        draw = torch.rand(
            (), generator=torch.Generator().manual_seed(seed)
        ).item()
        print(f"{seed:#018x}: {draw}")
        assert (
            draw
            == torch.rand(
                (), generator=torch.Generator().manual_seed(7)
            ).item()
        )

    # NumPy's seed sequences use every bit.
    draws = {
        np.random.default_rng(7 + (high << 32)).random() for high in range(3)
    }
    assert len(draws) == 3

# %%
# In a released library
# ---------------------
# Lightning 2.4 to 2.6.0 packed the base seed, the worker and the rank into 64 bits, and
# put them through a linear congruential generator. The low half of what comes out depends
# on the low half of what goes in alone. So torch's draws did not change with the epoch,
# nor with the run's seed, where NumPy's did. Here are one of these releases and a later one
# at work, each in a folder of its own. (If they cannot be installed where this runs, it says so.)

PROGRAM = """
import json
import numpy as np
import torch
from lightning_fabric.utilities.seed import pl_worker_init_function
from torch.utils.data import DataLoader

class Draws(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return float(torch.rand(())), float(np.random.random())

if __name__ == "__main__":
    loader = DataLoader(Draws(), batch_size=None, num_workers=2,
                        multiprocessing_context="fork",
                        worker_init_fn=pl_worker_init_function)
    print(json.dumps([list(zip(*loader)) for _ in range(2)]))
"""


def run_with_lightning(requirement):
    """Return what two workers draw in two epochs; None if pip cannot install it."""
    folder = tempfile.mkdtemp()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    packages = [requirement, "lightning-utilities", "packaging", "fsspec"]
    try:
        install = [*pip, "--retries", "1", "--target", folder, *packages]
        if subprocess.run(
            install, capture_output=True, check=False
        ).returncode:
            return None
        environment = {**os.environ, "PYTHONPATH": folder}
        output = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        return json.loads(output)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    for requirement in ("lightning-fabric==2.5.5", "lightning-fabric>=2.6.1"):
        epochs = run_with_lightning(requirement)
        if epochs is None:
            print(f"{requirement}: not run, pip could not install it")
            continue
        (torch_0, numpy_0), (torch_1, numpy_1) = epochs
        print(f"{requirement}: same in both epochs:")
        print(f"    torch {torch_0 == torch_1}, NumPy {numpy_0 == numpy_1}")
        assert (torch_0 == torch_1) == (
            requirement == "lightning-fabric==2.5.5"
        )
        assert numpy_0 != numpy_1

# %%
# The fix
# -------
# Put all numbers into a :class:`numpy.random.SeedSequence`, which mixes every bit of them
# into every bit of what comes out.


def seed_by_mixing(worker_id):
    of_epoch = get_worker_info().seed
    mixed = np.random.SeedSequence([of_epoch, worker_id])
    torch.manual_seed(int(mixed.generate_state(1)[0]))


fixed = DataLoader(
    Draws(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_by_mixing
)

if __name__ == "__main__":
    different = [epoch_of(fixed) for _ in range(2)]
    for epoch, (draws, _) in enumerate(different):
        print(f"epoch {epoch}: they draw", *draws[:4])
    assert len({draw for draws, _ in different for draw in draws}) >= 13

# %%
# Two seeds of 32 bits are the same by chance, too, and more often than one thinks: of
# 77 000 workers and epochs two share a seed with a probability of one half. Where that is
# too often, draw from NumPy's generators, whose state takes 128 bits and more.

if __name__ == "__main__":
    count = 77_000
    probability = 1 - np.exp(-count * (count - 1) / 2 / 2**32)
    print(f"{count} seeds of 32 bits: {probability:.0%}")
    assert 0.49 < probability < 0.51

# %%
# Proof
# -----
# What the two workers draw in two epochs.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 1, figsize=(8, 3), layout="constrained")
    for ax, name, epochs in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
    ):
        table = np.array([draws for draws, _ in epochs])
        ax.imshow(table, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for (row, column), draw in np.ndenumerate(table):
            colour = "white" if draw < 0.5 else "black"
            ax.text(
                column,
                row,
                f"{draw:.2f}",
                ha="center",
                va="center",
                color=colour,
            )
        ax.set(title=name, ylabel="epoch", yticks=[0, 1], xticks=range(8))
    axes[1].set(xlabel="sample; workers 0 and 1 take turns")
    plt.show()

# %%
# Find it in your code
# --------------------
# Look at the low half of the seeds, by worker and epoch. Returning
# ``torch.initial_seed()`` with the sample is enough to collect them.


def low_halves(epochs):
    return [[int(seed, 16) % 2**32 for seed in seeds] for _, seeds in epochs]


if __name__ == "__main__":
    print("broken:", low_halves(same))
    print("fixed: ", low_halves(different))
    assert low_halves(same) == [[0, 1], [0, 1]]
    assert low_halves(different)[0] != low_halves(different)[1]

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("seeds-equal-in-32-bits", "worker_init_fn")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * The seeds themselves are the same in every epoch:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * Which trainer's seeds repeat, and where:
#   :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * `Lightning-AI/pytorch-lightning#20412
#   <https://github.com/Lightning-AI/pytorch-lightning/issues/20412>`__: how it was met, and
#   `#21399 <https://github.com/Lightning-AI/pytorch-lightning/pull/21399>`__: how it was
#   mended.
