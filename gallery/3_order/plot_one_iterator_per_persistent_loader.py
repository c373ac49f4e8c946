# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Two loops over one loader take each other's batches
===================================================

A loader with persistent workers has one iterator, which all of its loops share.

* **You see:** ``zip(loader, loader)`` gives each batch once, to one side or the other,
  or a look at the first batch begins the epoch again.
* **Because:** With ``persistent_workers=True`` a loader has one iterator, and asking
  for another one begins its pass anew.
* **Do:** Make two loaders for two loops.
"""

# %%
# See it happen
# -------------
# Two loops go over one loader side by side: each sample is to meet another one.

# sphinx_gallery_tags = ["missing samples", "training loop", "persistent workers"]
# sphinx_gallery_parallel = False

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from torch.utils.data import DataLoader

loader = DataLoader(
    range(8), batch_size=None, num_workers=1, persistent_workers=True
)


def pairs(one, other):
    return [(int(a), int(b)) for a, b in zip(one, other, strict=False)]


if __name__ == "__main__":
    broken_pairs = [
        (int(a), int(b)) for a, b in zip(loader, loader, strict=False)
    ]
    print(broken_pairs)
    assert broken_pairs == [(0, 1), (2, 3), (4, 5), (6, 7)]

# %%
# Why
# ---
# ``iter(loader)`` makes a new iterator for each loop, except with
# ``persistent_workers=True``: the workers belong to the iterator, so there is one, and a
# second loop gets the same, begun anew. Both loops take from it in turn.

if __name__ == "__main__":
    assert iter(loader) is iter(loader)

    fresh = DataLoader(range(8), batch_size=None, num_workers=1)
    iterators = iter(fresh), iter(fresh)
    assert iterators[0] is not iterators[1]
    fresh_pairs = pairs(*iterators)
    print("without persistent_workers:", fresh_pairs)
    assert fresh_pairs == [(i, i) for i in range(8)]
    del iterators

# %%
# A look at the first batch in the middle of an epoch begins the epoch again.

if __name__ == "__main__":
    epoch = []
    for sample in loader:
        epoch.append(int(sample))
        if len(epoch) == 4:
            next(iter(loader))  # dejabatch: ignore
        if len(epoch) == 12:
            break
    print(epoch)
    assert epoch == [0, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7]

# %%
# The fix
# -------
# Make a loader for each loop. They may have one dataset.


def make_loader():
    return DataLoader(
        range(8), batch_size=None, num_workers=1, persistent_workers=True
    )


if __name__ == "__main__":
    left, right = make_loader(), make_loader()
    fixed_pairs = pairs(left, right)
    print(fixed_pairs)
    assert fixed_pairs == [(i, i) for i in range(8)]
    del left, right

# %%
# To look at one batch, take it from a loader of its own, without workers:
# ``next(iter(DataLoader(loader.dataset, batch_size=4)))``.

# %%
# Proof
# -----
# Which sample met which.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for ax, name, met in (
        (axes[0], "broken: one loader", broken_pairs),
        (axes[1], "fixed: two loaders", fixed_pairs),
    ):
        ax.plot(*zip(*met, strict=True), "s", color="#3b6fb6", markersize=10)
        ax.set(title=f"{name}, {len(met)} pairs", aspect="equal")
        ax.set(xlabel="first loop", ylabel="second loop")
        ax.set(xticks=range(8), yticks=range(8), xlim=(-1, 8), ylim=(-1, 8))
    plt.show()

# %%
# Find it in your code
# --------------------
# Search for a loader that is named twice in one ``zip``. ``python -m dejabatch lint`` does
# that for the loaders that a file makes; here it reads this page.

from dejabatch.lint import lint_paths

if __name__ == "__main__":
    script = Path(sys.argv[0])
    if script.stem.startswith("plot_"):  # a notebook has no file to read
        places = lint_paths([script])
        for place in places:
            print(f"line {place.line}: {place.slug}")
        assert [place.slug for place in places] == [
            "one-iterator-per-persistent-loader"
        ]
    del loader  # ends its workers

# %%
# See also
# --------
# * Each step begins a new pass, with any loader:
#   :doc:`/gallery/3_order/plot_next_iter_in_the_loop`.
# * The first pass is played back: :doc:`/gallery/3_order/plot_itertools_cycle`.
# * What else such workers keep:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * ``persistent_workers`` of :class:`torch.utils.data.DataLoader`.
