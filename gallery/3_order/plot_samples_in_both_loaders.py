# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Validation samples are in the training set
==========================================

A random split without a seed differs after each restart of the program.

* **You see:** The validation score is much better than the score on new data.
* **Because:** Two different splits of the data, such as two unseeded random splits, put
  some samples in both loaders.
* **Do:** Split once, with a seeded generator, and store the indices.
"""

# %%
# See it happen
# -------------
# A program splits its data at random, trains and stops. A second start splits the data
# again and loads the trained model. The cell below imitates both starts.

# sphinx_gallery_tags = ["validation", "split", "seed"]
# sphinx_gallery_parallel = False
# sphinx_gallery_repair = ["start", "start_seeded"]

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, TensorDataset, random_split

dataset = TensorDataset(torch.arange(40))


def start():
    """Return the loaders that one start of the program creates."""
    train, validation = random_split(dataset, [30, 10])
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
    print(f"broken: {len(seen)} of 10 validation samples are in training")
    assert seen

# %%
# Why
# ---
# :func:`~torch.utils.data.random_split` draws from torch's global generator. An unseeded
# generator differs in each start. Each split alone is right: its two parts share no
# sample. But the first training set holds about three of four validation samples of the
# second split.

if __name__ == "__main__":
    for train, validation in (start(), start()):
        assert not samples(train) & samples(validation)

    shares = []
    for _ in range(50):
        (train, _), (_, validation) = start(), start()
        shares.append(len(samples(train) & samples(validation)) / 10)
    print(f"on average {sum(shares) / 50:.0%} of validation samples")
    assert 0.65 < sum(shares) / 50 < 0.85

# %%
# The fix
# -------
# Pass a seeded generator to ``random_split``. No other random draw then affects the split.


def start_seeded():
    """Return the loaders that one start of the program creates."""
    generator = torch.Generator().manual_seed(0)
    train, validation = random_split(dataset, [30, 10], generator=generator)
    return (
        DataLoader(train, batch_size=5, shuffle=True),
        DataLoader(validation, batch_size=5),
    )


fixed_train, _ = start_seeded()
_, fixed_validation = start_seeded()
fixed = (fixed_train, fixed_validation)

if __name__ == "__main__":
    seen = samples(fixed_validation) & samples(fixed_train)
    print(f"fixed: {len(seen)} of 10 validation samples are in training")
    assert not seen

# %%
# The split stays the same only while the dataset has the same length. One added sample
# reshuffles the split. To avoid that, store the indices, or assign each sample by a hash
# of its name.

if __name__ == "__main__":
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    old_train, _ = random_split(range(40), [30, 10], generators[0])
    _, new_validation = random_split(range(41), [31, 10], generators[1])
    moved = set(old_train.indices) & set(new_validation.indices)
    print(len(moved), "samples moved from training to validation")
    assert moved

# %%
# Proof
# -----
# Red crosses mark validation samples that training has used.


def plot():
    _, axes = plt.subplots(2, 1, figsize=(8, 2.4), layout="constrained")
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


if __name__ == "__main__":
    plot()

# %%
# Find it in your code
# --------------------
# Create the loaders twice and compare the validation indices.


def splits_are_equal(make_loaders):
    (_, first), (_, second) = make_loaders(), make_loaders()
    return first.dataset.indices == second.dataset.indices


if __name__ == "__main__":
    print("broken:", splits_are_equal(start))
    print("fixed: ", splits_are_equal(start_seeded))
    assert not splits_are_equal(start)
    assert splits_are_equal(start_seeded)

# %%
# Or run ``dejabatch.compare``, which reads both loaders in separate processes and leaves
# yours unchanged.

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
# * Both parts of the split share a transform:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
# * Both loaders draw from one generator:
#   :doc:`/gallery/2_randomness/plot_one_generator_for_two_loaders`.
# * :func:`torch.utils.data.random_split`.
