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
Every run shuffles in the same order without a seed
===================================================

``torch.Generator()`` starts from the same seed in every run.

* **You see:** You set no seed, but the first batch has the same samples in every run of
  your program.
* **Because:** ``torch.Generator()`` always starts from one fixed seed, while torch's
  global generator starts from a new seed in each run.
* **Do:** Remove ``generator=``, or call the generator's ``seed()``.
"""

# %%
# See it happen
# -------------
# This loader gets a ``torch.Generator()`` without a seed. The cell runs the same
# program twice and compares the orders.

# sphinx_gallery_tags = ["same in every run", "shuffle", "seed"]
# sphinx_gallery_parallel = False

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader

broken = DataLoader(
    range(12), batch_size=4, shuffle=True, generator=torch.Generator()
)

PROGRAM = """
import torch
from torch.utils.data import DataLoader
loader = DataLoader(range(12), batch_size=4, shuffle=True, generator={generator})
print(torch.initial_seed(), *torch.cat(list(loader)).tolist())
"""


def run_twice(generator):
    """Return the global seed and the order of each of two runs."""
    program = PROGRAM.format(generator=generator)
    runs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    return [(int(seed), [int(i) for i in order]) for seed, *order in runs]


if __name__ == "__main__":
    runs = run_twice("torch.Generator()")
    broken_orders = [order for _, order in runs]
    equal = broken_orders[0] == broken_orders[1]
    print("broken: two runs shuffle in the same order:", equal)
    assert (
        broken_orders[0]
        == broken_orders[1]
        == torch.cat(list(broken)).tolist()
    )

# %%
# Why
# ---
# A new :class:`torch.Generator` has a fixed seed. Without ``generator=``, the
# DataLoader uses torch's global generator. The global generator gets a new seed in each
# run.

if __name__ == "__main__":
    seeds = {torch.Generator().initial_seed() for _ in range(3)}
    print("torch.Generator():               ", *seeds)
    global_seeds = [seed for seed, _ in runs]
    print("global generator in the two runs:", *global_seeds)
    assert seeds == {67280421310721}
    assert len({*global_seeds, *seeds}) == 3

# %%
# The loader's generator also seeds the workers. Random augmentations then repeat in
# every run, too.


class Draws(torch.utils.data.Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return torch.rand(())


def first_draws():
    loader = DataLoader(
        Draws(), batch_size=3, num_workers=1, generator=torch.Generator()
    )
    return next(iter(loader))


if __name__ == "__main__":
    print(first_draws(), first_draws())
    assert torch.equal(first_draws(), first_draws())

# %%
# The fix
# -------
# Remove ``generator=``. If you need a generator, call its ``seed()``. The method picks
# a random seed and returns that seed for your log.

fixed = DataLoader(range(12), batch_size=4, shuffle=True)

if __name__ == "__main__":
    fixed_orders = [order for _, order in run_twice("None")]
    equal = fixed_orders[0] == fixed_orders[1]
    print("fixed: two runs shuffle in the same order:", equal)
    assert fixed_orders[0] != fixed_orders[1]

    generator = torch.Generator()
    seed = generator.seed()
    print("seeded with", seed)
    assert generator.initial_seed() == seed != 67280421310721

# %%
# Your script sets a seed: the repeat is meant. ``torch.manual_seed`` gives every run the
# same order. To keep the weights of the model and get a new order in each run, give the
# loader a generator with a seed of its own.


def seeded_run(own_seed):
    torch.manual_seed(0)  # as a script does at its start
    generator = torch.Generator() if own_seed else None
    if own_seed:
        generator.seed()
    loader = DataLoader(
        range(12), batch_size=None, shuffle=True, generator=generator
    )
    return list(loader), torch.initial_seed()


if __name__ == "__main__":
    for own_seed in (False, True):
        (first, first_seed), (second, second_seed) = (
            seeded_run(own_seed) for _ in range(2)
        )
        print(f"own seed: {own_seed}, the same order: {first == second}")
        assert (first == second) == (not own_seed)
        assert first_seed == second_seed == 0

# %%
# Proof
# -----
# Compare the two rows of a picture. A row is the order of one run.


def plot(broken_orders, fixed_orders):
    _, axes = plt.subplots(2, 1, figsize=(8, 2.6), layout="constrained")
    for ax, name, runs in (
        (axes[0], "broken", broken_orders),
        (axes[1], "fixed", fixed_orders),
    ):
        orders = np.array(runs)
        ax.imshow(orders, cmap="cividis", aspect="auto")
        for (row, column), index in np.ndenumerate(orders):
            colour = "white" if index < 6 else "black"
            ax.text(column, row, index, ha="center", va="center", color=colour)
        ax.set(title=name, ylabel="run", xticks=[], yticks=[0, 1])
    plt.show()


if __name__ == "__main__":
    plot(broken_orders, fixed_orders)

# %%
# Find it in your code
# --------------------
# Compare your generator's seed with the default seed.


def is_unseeded(generator):
    return generator.initial_seed() == torch.Generator().initial_seed()


if __name__ == "__main__":
    print("broken has the default seed:", is_unseeded(broken.generator))
    assert is_unseeded(broken.generator)
    assert fixed.generator is None

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("default-torch-generator", "generator")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * A generator on the dataset repeats in every worker:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * Every epoch has the same order:
#   :doc:`/gallery/2_randomness/plot_reseed_every_epoch`.
# * Draws from a loader's generator:
#   :doc:`/gallery/explanations/plot_what_generator_drives`.
# * PyTorch's reference: :class:`torch.Generator` and :func:`torch.initial_seed`.
