# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Validation samples are in the training set, too
===============================================

A random split without a seed is another split after each restart.

* **You see:** The validation score is too good, and falls on data from elsewhere.
* **Because:** The two loaders were split from the data in different ways, for example
  with two random splits, so that some samples are in both.
* **Do:** Split once, with a seeded generator, and keep the indices.
"""

# %%
# See it happen
# -------------
# The program splits its data at random, trains and is stopped. It starts again and loads
# the model. Here are both starts.

# sphinx_gallery_tags = ["validation", "split", "seed"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, TensorDataset, random_split

dataset = TensorDataset(torch.arange(40))


def start(generator=None):
    """Return the loaders that a start of the program makes."""
    train, validation = random_split(dataset, [30, 10], generator=generator)
    return (
        DataLoader(train, batch_size=5, shuffle=True),
        DataLoader(validation, batch_size=5),
    )


first_train, _ = start()
_, second_validation = start()
broken = (first_train, second_validation)


def samples(loader):
    return {sample.item() for (batch,) in loader for sample in batch}


if __name__ == "__main__":
    seen = samples(second_validation) & samples(first_train)
    print(
        f"{len(seen)} of 10 validation samples were trained on:", sorted(seen)
    )
    assert seen

# %%
# Why
# ---
# :func:`~torch.utils.data.random_split` draws from torch's global generator, which has
# another seed in each start. Both splits are right in themselves: no sample is in both
# halves of one. But the model has seen the training half of the first split. Three of
# four
# validation samples are no longer new to it, and its score says nothing.

if __name__ == "__main__":
    for train, validation in (start(), start()):
        assert not samples(train) & samples(validation)

    shares = []
    for _ in range(50):
        (train, _), (_, validation) = start(), start()
        shares.append(len(samples(train) & samples(validation)) / 10)
    print(f"on average {sum(shares) / 50:.0%} of them")
    assert 0.65 < sum(shares) / 50 < 0.85

# %%
# The fix
# -------
# Seed the split with a generator of its own, so that nothing else can change it.


def start_seeded():
    return start(generator=torch.Generator().manual_seed(0))


fixed_train, _ = start_seeded()
_, fixed_validation = start_seeded()
fixed = (fixed_train, fixed_validation)

if __name__ == "__main__":
    seen = samples(fixed_validation) & samples(fixed_train)
    print(f"{len(seen)} of 10 validation samples were trained on")
    assert not seen

# %%
# The split is the same only while the data is. If samples are added, all of them are
# dealt anew. Write the indices down, or decide by something that belongs to the sample,
# such as a hash of its name.

if __name__ == "__main__":
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    old_train, _ = random_split(range(40), [30, 10], generators[0])
    _, new_validation = random_split(range(41), [31, 10], generators[1])
    moved = set(old_train.indices) & set(new_validation.indices)
    print(len(moved), "samples have moved because of one that was added")
    assert moved

# %%
# Proof
# -----
# Which samples the model has been trained on, and which of them it is judged by.

if __name__ == "__main__":
    figure, axes = plt.subplots(2, 1, figsize=(8, 2.4), layout="constrained")
    for ax, name, (train, validation) in (
        (axes[0], "broken", broken),
        (axes[1], "fixed", fixed),
    ):
        trained, judged = samples(train), samples(validation)
        ax.plot(sorted(trained), [1] * 30, "s", color="#3b6fb6", markersize=6)
        for sample in judged:
            both = sample in trained
            ax.plot(
                sample,
                0,
                "X" if both else "o",
                color="#b63b3b" if both else "#3b8a4a",
                markersize=8,
            )
        ax.set(title=f"{name}: {len(trained & judged)} in both (crosses)")
        ax.set(
            yticks=[0, 1], yticklabels=["validation", "training"], ylim=(-1, 2)
        )
    axes[1].set(xlabel="sample")
    plt.show()

# %%
# Find it in your code
# --------------------
# Start twice, and compare the indices.


def splits_alike(make_loaders):
    (_, one), (_, other) = make_loaders(), make_loaders()
    return one.dataset.indices == other.dataset.indices


if __name__ == "__main__":
    print("broken:", splits_alike(start))
    print("fixed: ", splits_alike(start_seeded))
    assert not splits_alike(start)
    assert splits_alike(start_seeded)

# %%
# Or let ``dejabatch.compare`` look at two loaders. It reads both in processes of their
# own, without changing them, and names what they share and should not.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.compare(*broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("samples-in-both-loaders", "dataset")
    ]
    assert dejabatch.compare(*fixed).ok

# %%
# See also
# --------
# * The halves share a transform: :doc:`/gallery/1_sample/plot_split_shares_transform`.
# * The loaders draw from one generator:
#   :doc:`/gallery/2_randomness/plot_one_generator_for_two_loaders`.
# * :func:`torch.utils.data.random_split`.
