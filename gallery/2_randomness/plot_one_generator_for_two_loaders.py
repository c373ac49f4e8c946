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
Two DataLoaders shuffle in the same order
=========================================

Loaders with one generator or one seed repeat or change each other's order.

* **You see:** Two loaders pair the same samples in every epoch, or reading the
  validation set changes the order of training.
* **Because:** Both loaders draw from one generator, or from two generators with the
  same seed.
* **Do:** Give each loader its own generator with a different seed.
"""

# %%
# See it happen
# -------------
# Semi-supervised training reads a labelled and an unlabelled batch in each step. Both
# loaders shuffle with the seed 0, so that runs repeat.

# sphinx_gallery_tags = ["same in every epoch", "shuffle", "seed", "validation"]
# sphinx_gallery_parallel = False

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader

LABELLED = [f"L{i}" for i in range(12)]
UNLABELLED = [f"u{i}" for i in range(12)]


def make_loaders(seed, other_seed):
    return tuple(
        DataLoader(
            samples,
            batch_size=4,
            shuffle=True,
            generator=torch.Generator().manual_seed(number),
        )
        for samples, number in ((LABELLED, seed), (UNLABELLED, other_seed))
    )


broken = make_loaders(0, 0)


def pairs(loaders):
    for labelled, unlabelled in zip(*loaders, strict=True):
        yield from zip(labelled, unlabelled, strict=True)


def position_pairs(loaders, epochs=3):
    """Return the numbers of each labelled sample and its unlabelled partner."""
    return [
        (int(labelled[1:]), int(unlabelled[1:]))
        for _ in range(epochs)
        for labelled, unlabelled in pairs(loaders)
    ]


if __name__ == "__main__":
    for epoch in range(2):
        print(f"epoch {epoch}:", *(f"{a}+{b}" for a, b in pairs(broken)))
    broken_pairs = position_pairs(broken)
    met = len(set(broken_pairs))
    print("broken:", met, "distinct of", len(broken_pairs), "pairs of samples")
    assert all(labelled == unlabelled for labelled, unlabelled in broken_pairs)

# %%
# Why
# ---
# Both generators start in the same state, so both samplers draw the same order in every
# epoch. Each labelled sample always meets the same unlabelled sample.
#
# One generator for both loaders does not help. A pass over a loader draws from its
# generator: a seed for workers and, with ``shuffle=True``, the order. Reading the
# validation set therefore changes the next training order. Without ``generator=``, both
# loaders share torch's global generator, with the same effect.

EVALUATE_AFTER = {"every epoch": (0, 1, 2), "the last epoch": (2,)}


def training_orders(make_generator, evaluate_after):
    torch.manual_seed(0)
    generator = make_generator()
    train = DataLoader(
        range(12), batch_size=4, shuffle=True, generator=generator
    )
    validation = DataLoader(range(12, 18), batch_size=4, generator=generator)
    orders = []
    for epoch in range(3):
        orders.append(torch.cat(list(train)).tolist())
        if epoch in evaluate_after:
            list(validation)
    return orders


if __name__ == "__main__":
    for name, make_generator in (
        ("shared generator", torch.Generator),
        ("global generator", lambda: None),
    ):
        every_epoch, last_epoch_only = (
            training_orders(make_generator, epochs)
            for epochs in EVALUATE_AFTER.values()
        )
        print(f"{name}, epoch 1 after evaluation:   {every_epoch[1]}")
        print(f"{name}, epoch 1 without evaluation: {last_epoch_only[1]}")
        assert every_epoch[0] == last_epoch_only[0]
        assert every_epoch[1] != last_epoch_only[1]

# %%
# The fix
# -------
# Give each loader its own generator and its own seed.
# :class:`numpy.random.SeedSequence` makes independent seeds from one run seed.


def seeds_for(run_seed, count):
    children = np.random.SeedSequence(run_seed).spawn(count)
    return [int(child.generate_state(1)[0]) for child in children]


fixed = make_loaders(*seeds_for(0, 2))

if __name__ == "__main__":
    for epoch in range(2):
        print(f"epoch {epoch}:", *(f"{a}+{b}" for a, b in pairs(fixed)))
    fixed_pairs = position_pairs(fixed)
    met = len(set(fixed_pairs))
    print("fixed:", met, "distinct of", len(fixed_pairs), "pairs of samples")
    equal = sum(a == b for a, b in fixed_pairs)
    assert equal < len(fixed_pairs) / 2

    again = make_loaders(*seeds_for(0, 2))
    for _ in range(2):
        list(pairs(again))
    assert position_pairs(again) == fixed_pairs  # runs still repeat

# %%
# A validation loader with its own generator does not change the order of training.


def orders_with_own_generators(evaluate_after):
    train_seed, validation_seed = seeds_for(0, 2)
    train = DataLoader(
        range(12),
        batch_size=4,
        shuffle=True,
        generator=torch.Generator().manual_seed(train_seed),
    )
    validation = DataLoader(
        range(12, 18),
        batch_size=4,
        generator=torch.Generator().manual_seed(validation_seed),
    )
    orders = []
    for epoch in range(3):
        orders.append(torch.cat(list(train)).tolist())
        if epoch in evaluate_after:
            list(validation)
    return orders


if __name__ == "__main__":
    every_epoch, last_epoch_only = map(
        orders_with_own_generators, EVALUATE_AFTER.values()
    )
    equal = every_epoch == last_epoch_only
    print("same training order with and without evaluation:", equal)
    assert equal

# %%
# Proof
# -----
# Each square is a pair of samples that met within three epochs. Look for the diagonal.


def plot(broken_pairs, fixed_pairs):
    _, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for ax, name, met in (
        (axes[0], "broken", broken_pairs),
        (axes[1], "fixed", fixed_pairs),
    ):
        ax.plot(
            *zip(*met, strict=True),
            "s",
            color="#3b6fb6",
            markersize=9,
            alpha=0.6,
        )
        ax.set(
            title=f"{name}: {len(set(met))} different pairs", aspect="equal"
        )
        ax.set(xlabel="labelled sample", ylabel="unlabelled sample")
        ax.set(xticks=range(0, 12, 2), yticks=range(0, 12, 2))
    plt.show()


if __name__ == "__main__":
    plot(broken_pairs, fixed_pairs)

# %%
# Find it in your code
# --------------------
# Before the first epoch, compare the generators of your loaders. The generators must be
# two objects in two different states.


def share_generator_state(loader, other_loader):
    a, b = (
        one.generator or torch.default_generator
        for one in (loader, other_loader)
    )
    return a is b or torch.equal(a.get_state(), b.get_state())


if __name__ == "__main__":
    print(
        "broken loaders share a state:",
        share_generator_state(*make_loaders(0, 0)),
    )
    print(
        "fixed loaders share a state: ",
        share_generator_state(*make_loaders(*seeds_for(0, 2))),
    )
    assert share_generator_state(*make_loaders(0, 0))
    assert not share_generator_state(*make_loaders(*seeds_for(0, 2)))

# %%
# Or run ``dejabatch.compare`` on both loaders. The report names what the loaders share
# but should not share.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.compare(*broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("one-generator-for-two-loaders", "sampler.generator")
    ]
    assert dejabatch.compare(*fixed).ok

# %%
# See also
# --------
# * Both loaders share a transform:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
# * Every run shuffles in the same order, and you set no seed:
#   :doc:`/gallery/2_randomness/plot_default_torch_generator`.
# * Draws from a loader's generator:
#   :doc:`/gallery/explanations/plot_what_generator_drives`.
# * PyTorch's reference for ``generator``: :class:`torch.utils.data.DataLoader`.
