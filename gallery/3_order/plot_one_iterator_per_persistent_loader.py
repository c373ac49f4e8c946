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
Two loops over one persistent loader take each other's batches
==============================================================

A loader with persistent workers has one iterator, which all of its loops share.

* **You see:** ``zip(loader, loader)`` gives each batch to one side only, and looking at
  the first batch restarts the epoch.
* **Because:** With ``persistent_workers=True``, a loader has a single iterator, which
  every ``iter(loader)`` restarts.
* **Do:** Create one loader for each loop.
"""

# %%
# See it happen
# -------------
# ``zip`` runs two loops over one loader, and should pair each sample with itself.

# sphinx_gallery_tags = ["missing samples", "training loop", "persistent workers"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["read_pairs", "read_pairs_of_two"]

import logging
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from torch.utils.data import DataLoader

loader = DataLoader(
    range(8), batch_size=None, num_workers=1, persistent_workers=True
)


def read_pairs():
    return [(int(a), int(b)) for a, b in zip(loader, loader, strict=False)]


def pairs(one, other):
    return [(int(a), int(b)) for a, b in zip(one, other, strict=False)]


if __name__ == "__main__":
    broken_pairs = read_pairs()
    right = sum(a == b for a, b in broken_pairs)
    print("broken:", right, "of 8 samples are paired with themselves")
    assert broken_pairs == [(0, 1), (2, 3), (4, 5), (6, 7)]

# %%
# Why
# ---
# Usually ``iter(loader)`` returns a new iterator for each loop. Persistent workers belong
# to an iterator, so a loader with ``persistent_workers=True`` keeps a single iterator. A
# second ``iter(loader)`` restarts that iterator, and both loops read from it in turn.

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
# Looking at the first batch in the middle of an epoch restarts the epoch.

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
# Create one loader for each loop. Both loaders may use the same dataset.


def make_loader():
    return DataLoader(
        range(8), batch_size=None, num_workers=1, persistent_workers=True
    )


def read_pairs_of_two():
    left, right = make_loader(), make_loader()
    return [(int(a), int(b)) for a, b in zip(left, right, strict=False)]


if __name__ == "__main__":
    fixed_pairs = read_pairs_of_two()
    right = sum(a == b for a, b in fixed_pairs)
    print("fixed:", right, "of 8 samples are paired with themselves")
    assert fixed_pairs == [(i, i) for i in range(8)]

# %%
# To look at one batch, create another loader without workers:
# ``next(iter(DataLoader(loader.dataset, batch_size=4)))``.

# %%
# In Lightning, pass ``fit`` two loaders, even to validate on the training samples. With
# one persistent loader, validation in the middle of an epoch ends the training epoch.


def samples_trained_in_lightning(train_loader, val_loader):
    import lightning.pytorch as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    seen = []

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, sample, number):
            seen.append(int(sample))

        def validation_step(self, sample, number):
            pass

        def configure_optimizers(self):
            return None

    pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        val_check_interval=0.5,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(Module(), train_loader, val_loader)
    return seen


if __name__ == "__main__":
    one = make_loader()
    of_one = samples_trained_in_lightning(one, one)
    of_two = samples_trained_in_lightning(make_loader(), make_loader())
    print("Lightning, one loader: ", of_one)
    print("Lightning, two loaders:", of_two)
    assert of_one == [0, 1, 2, 3]
    assert of_two == list(range(8))
    del one

# %%
# Proof
# -----
# Each square is a pair of samples. Pairs on the diagonal are right.


def plot(broken_pairs, fixed_pairs):
    _, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for ax, name, pairs_read in (
        (axes[0], "broken: one loader", broken_pairs),
        (axes[1], "fixed: two loaders", fixed_pairs),
    ):
        ax.plot(
            *zip(*pairs_read, strict=True), "s", color="#3b6fb6", markersize=10
        )
        ax.set(title=f"{name}, {len(pairs_read)} pairs", aspect="equal")
        ax.set(xlabel="first loop", ylabel="second loop")
        ax.set(xticks=range(8), yticks=range(8), xlim=(-1, 8), ylim=(-1, 8))
    plt.show()


if __name__ == "__main__":
    plot(broken_pairs, fixed_pairs)

# %%
# Find it in your code
# --------------------
# Search your code for a ``zip`` that has one loader twice, or run
# ``python -m dejabatch lint`` on it. Here the lint reads this page.

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
    del loader  # stops the persistent workers

# %%
# See also
# --------
# * Each step starts a new pass, with any loader:
#   :doc:`/gallery/3_order/plot_next_iter_in_the_loop`.
# * ``itertools.cycle`` repeats the first epoch: :doc:`/gallery/3_order/plot_itertools_cycle`.
# * Persistent workers keep other things, too:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * The argument ``persistent_workers`` of :class:`torch.utils.data.DataLoader`.
