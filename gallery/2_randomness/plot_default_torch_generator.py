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
Every run of the program shuffles in the same way
=================================================

torch.Generator() starts from the same number in every program.

* **You see:** You seed nothing, and still the first batch has the same samples whenever
  the program starts.
* **Because:** ``torch.Generator()`` begins with one fixed seed, where torch's global
  generator begins with another one in each run.
* **Do:** Leave ``generator=`` out, or call the generator's ``seed()``.
"""

# %%
# See it happen
# -------------
# The loader gets a generator, and nobody seeds it. To show that this is no coincidence,
# the program runs twice here.

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
    """Return the global generator's seed and the order of two runs."""
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
    same = [order for _, order in runs]
    print(*same, sep="\n")
    assert same[0] == same[1] == torch.cat(list(broken)).tolist()

# %%
# Why
# ---
# A new :class:`torch.Generator` has a fixed seed. torch's global generator, which is used
# where you pass none, takes another one from the operating system in each run.

if __name__ == "__main__":
    seeds = {torch.Generator().initial_seed() for _ in range(3)}
    print("torch.Generator():               ", *seeds)
    global_seeds = [seed for seed, _ in runs]
    print("global generator in the two runs:", *global_seeds)
    assert seeds == {67280421310721}
    assert len({*global_seeds, *seeds}) == 3

# %%
# The workers' seeds come from the loader's generator, too: random augmentations are then
# the same in every run.


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
# Leave ``generator=`` out. If something else needs one, let it seed itself: ``seed()``
# takes a number from the operating system, and returns it, for your log.

fixed = DataLoader(range(12), batch_size=4, shuffle=True)

if __name__ == "__main__":
    different = [order for _, order in run_twice("None")]
    print(*different, sep="\n")
    assert different[0] != different[1]

    generator = torch.Generator()
    seed = generator.seed()
    print("seeded with", seed)
    assert generator.initial_seed() == seed != 67280421310721

# %%
# If runs are to repeat, say so, and seed it with a number that you choose:
# ``torch.Generator().manual_seed(0)``.

# %%
# Proof
# -----
# The order of two runs of each program. A colour is a sample.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 1, figsize=(8, 2.6), layout="constrained")
    for ax, name, runs in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
    ):
        orders = np.array(runs)
        ax.imshow(orders, cmap="cividis", aspect="auto")
        for (row, column), index in np.ndenumerate(orders):
            colour = "white" if index < 6 else "black"
            ax.text(column, row, index, ha="center", va="center", color=colour)
        ax.set(title=name, ylabel="run", xticks=[], yticks=[0, 1])
    plt.show()

# %%
# Find it in your code
# --------------------
# Ask each generator for its seed.


def is_unseeded(generator):
    return generator.initial_seed() == torch.Generator().initial_seed()


if __name__ == "__main__":
    print("broken:", is_unseeded(broken.generator))
    assert is_unseeded(broken.generator)
    assert fixed.generator is None

# %%
# Or let ``dejabatch.audit`` look. It reads a loader in a process of its own, without
# changing it, and names what it finds.

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
# * The generator is on the dataset, and workers get copies of it:
#   :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.
# * Epochs are the same, not only runs:
#   :doc:`/gallery/2_randomness/plot_reseed_every_epoch`.
# * What such a generator drives, and what not:
#   :doc:`/gallery/explanations/plot_what_generator_drives`.
# * :class:`torch.Generator` and :func:`torch.initial_seed`.
