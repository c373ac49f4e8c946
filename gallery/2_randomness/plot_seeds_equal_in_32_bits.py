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
Different torch seeds draw the same random numbers
==================================================

torch's CPU generator accepts a seed of 64 bits and uses only 32 bits.

* **You see:** Your workers have different seeds in every epoch, but torch draws the
  same numbers, as with Lightning 2.4 to 2.6.0 and ``seed_everything(workers=True)``.
* **Because:** The seeds differ only in their high 32 bits, and torch's CPU generator
  uses only the low 32 bits.
* **Do:** Mix all bits of the seed into 32 bits with ``numpy.random.SeedSequence``. With
  Lightning 2.4 to 2.6.0, upgrade to Lightning 2.6.1.
"""

# %%
# See it happen
# -------------
# This ``worker_init_fn`` packs two numbers into one seed of 64 bits. The high half
# changes with the epoch, and the low half is the worker's number. All seeds differ, but
# the epochs repeat.

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
    epoch_seed = get_worker_info().seed % 2**31
    torch.manual_seed((epoch_seed << 32) | worker_id)


broken = DataLoader(
    Draws(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_by_packing
)


def read_epoch(loader):
    batches = list(loader)
    draws = [round(draw.item(), 4) for draw, _ in batches]
    seeds = [seed for _, (seed,) in batches]
    return draws, seeds[:WORKERS]


if __name__ == "__main__":
    broken_epochs = [read_epoch(broken) for _ in range(2)]
    drawn = {draw for draws, _ in broken_epochs for draw in draws}
    print("broken:", len(drawn), "distinct of 16 draws in two epochs")
    for epoch, (draws, seeds) in enumerate(broken_epochs):
        print(f"epoch {epoch}: the workers' seeds are", *seeds)
        print(f"epoch {epoch}: workers draw", *draws[:4])
    (first, first_seeds), (second, second_seeds) = broken_epochs
    assert not set(first_seeds) & set(second_seeds)
    assert first == second

# %%
# Why
# ---
# torch's CPU generator is a Mersenne Twister with a 32-bit seed. The generator accepts
# 64 bits and returns them from ``initial_seed()``, but ignores the high half.

if __name__ == "__main__":
    for high in (0, 1, 2):
        seed = 7 + (high << 32)
        generator = torch.Generator().manual_seed(seed)
        low_half = torch.Generator().manual_seed(7)
        draw = torch.rand((), generator=generator).item()
        print(f"{seed:#018x}: {draw}")
        assert generator.initial_seed() == seed
        assert draw == torch.rand((), generator=low_half).item()

    # NumPy uses every bit of the seed.
    draws = {
        np.random.default_rng(7 + (high << 32)).random() for high in range(3)
    }
    assert len(draws) == 3

# %%
# Lightning 2.4 to 2.6.0
# ----------------------
# Lightning 2.4 to 2.6.0 packed the base seed, the worker and the rank into 64 bits. A
# linear congruential generator then mixed these bits. The low half of its result
# depends only on the low half of its input. torch's draws therefore did not change with
# the epoch, but NumPy's draws did. Upgrade to Lightning 2.6.1 or newer. The cell installs
# one of these releases and a later release into temporary folders and runs both. (If pip
# cannot install a release, the output says so.)

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
    """Return the draws of two workers in two epochs, or None if pip fails."""
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
        print(f"{requirement}: equal draws in both epochs:")
        print(f"    torch {torch_0 == torch_1}, NumPy {numpy_0 == numpy_1}")
        assert (torch_0 == torch_1) == (
            requirement == "lightning-fabric==2.5.5"
        )
        assert numpy_0 != numpy_1

# %%
# The fix
# -------
# Pass all numbers to a :class:`numpy.random.SeedSequence`, which mixes every input bit
# into every output bit.


def seed_by_mixing(worker_id):
    epoch_seed = get_worker_info().seed
    mixed = np.random.SeedSequence([epoch_seed, worker_id])
    torch.manual_seed(int(mixed.generate_state(1)[0]))


fixed = DataLoader(
    Draws(), batch_size=1, num_workers=WORKERS, worker_init_fn=seed_by_mixing
)

if __name__ == "__main__":
    fixed_epochs = [read_epoch(fixed) for _ in range(2)]
    drawn = {draw for draws, _ in fixed_epochs for draw in draws}
    print("fixed:", len(drawn), "distinct of 16 draws in two epochs")
    assert len(drawn) >= 13

# %%
# Seeds of 32 bits also collide by chance. Among 77 000 seeds, two are equal with a
# probability of one half. If you use so many seeds, draw from a NumPy generator, which
# takes a whole ``SeedSequence``.

if __name__ == "__main__":
    count = 77_000
    probability = 1 - np.exp(-count * (count - 1) / 2 / 2**32)
    print(f"{count} seeds of 32 bits: {probability:.0%}")
    assert 0.49 < probability < 0.51

# %%
# Proof
# -----
# Compare the two epochs of a picture. Equal colours are equal draws of two workers.


def plot(broken_epochs, fixed_epochs):
    _, axes = plt.subplots(2, 1, figsize=(8, 3), layout="constrained")
    for ax, name, epochs in (
        (axes[0], "broken", broken_epochs),
        (axes[1], "fixed", fixed_epochs),
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


if __name__ == "__main__":
    plot(broken_epochs, fixed_epochs)

# %%
# Find it in your code
# --------------------
# Return ``torch.initial_seed()`` with each sample, and compare the low halves of the
# seeds by worker and epoch.


def low_halves(epochs):
    return [[int(seed, 16) % 2**32 for seed in seeds] for _, seeds in epochs]


if __name__ == "__main__":
    print("broken:", low_halves(broken_epochs))
    print("fixed: ", low_halves(fixed_epochs))
    assert low_halves(broken_epochs) == [[0, 1], [0, 1]]
    assert low_halves(fixed_epochs)[0] != low_halves(fixed_epochs)[1]

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

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
# * The seeds themselves repeat in every epoch:
#   :doc:`/gallery/2_randomness/plot_worker_seed_without_epoch`.
# * How many random streams known trainers repeat:
#   :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * Lightning's report and fix: `Lightning-AI/pytorch-lightning#20412
#   <https://github.com/Lightning-AI/pytorch-lightning/issues/20412>`__ and `#21399
#   <https://github.com/Lightning-AI/pytorch-lightning/pull/21399>`__.
