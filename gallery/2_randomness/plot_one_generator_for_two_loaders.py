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
Two loaders draw the same order
===============================

Two generators with one seed, or one generator for two loaders: both tie loaders together.

* **You see:** In every epoch the same samples of two loaders meet, or looking at the
  validation set changes the order of training.
* **Because:** The loaders have one generator, or two that were seeded alike, and every
  pass over a loader draws from it.
* **Do:** Give each loader a generator of its own, seeded differently.
"""

# %%
# See it happen
# -------------
# Semi-supervised training takes a labelled and an unlabelled batch in each step. Both
# loaders shuffle, and both are seeded, for runs that repeat.

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
    """Return which labelled sample met which unlabelled one, as numbers."""
    return [
        (int(one[1:]), int(other[1:]))
        for _ in range(epochs)
        for one, other in pairs(loaders)
    ]


if __name__ == "__main__":
    for epoch in range(2):
        print(f"epoch {epoch}:", *(f"{a}+{b}" for a, b in pairs(broken)))
    same = position_pairs(broken)
    assert all(one == other for one, other in same)

# %%
# Why
# ---
# Both generators start in one state, and both samplers draw from them in one way. Each
# labelled sample meets the same unlabelled one in every epoch, for ever.
#
# One generator for two loaders is no way out. A pass over a loader draws from the loader's
# generator: the order, if it shuffles, and a seed for workers, even if there are none.
# (Persistent workers get theirs in the first pass only.) So what one loader does changes
# what the other will do. Without ``generator=`` it is torch's
# global generator, and the same: looking at the validation set changes the training.

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
        ("one generator", torch.Generator),
        ("the global one", lambda: None),
    ):
        often, once = (
            training_orders(make_generator, epochs)
            for epochs in EVALUATE_AFTER.values()
        )
        print(f"{name}, epoch 1, evaluated before: {often[1]}")
        print(f"{name}, epoch 1, not evaluated:    {once[1]}")
        assert often[0] == once[0]
        assert often[1] != once[1]

# %%
# The fix
# -------
# Give each loader a generator of its own, with a seed of its own. Seeds that
# :class:`numpy.random.SeedSequence` makes have nothing to do with each other.


def seeds_for(run_seed, count):
    children = np.random.SeedSequence(run_seed).spawn(count)
    return [int(child.generate_state(1)[0]) for child in children]


fixed = make_loaders(*seeds_for(0, 2))

if __name__ == "__main__":
    for epoch in range(2):
        print(f"epoch {epoch}:", *(f"{a}+{b}" for a, b in pairs(fixed)))
    different = position_pairs(fixed)
    assert sum(one == other for one, other in different) < len(different) / 2

    again = make_loaders(*seeds_for(0, 2))
    for _ in range(2):
        list(pairs(again))
    assert position_pairs(again) == different  # runs still repeat

# %%
# And a validation loader that has its own generator leaves the training alone.


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
    often, once = map(orders_with_own_generators, EVALUATE_AFTER.values())
    print("the same training, however often it is evaluated:", often == once)
    assert often == once

# %%
# Proof
# -----
# Which labelled sample met which unlabelled one in three epochs.

if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    for ax, name, met in (
        (axes[0], "broken", same),
        (axes[1], "fixed", different),
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
        ax.set(xticks=range(12), yticks=range(12))
    plt.show()

# %%
# Find it in your code
# --------------------
# Compare the generators of your loaders before the first epoch: are they one object, or
# two in one state?


def tied_together(one, other):
    a, b = (
        loader.generator or torch.default_generator for loader in (one, other)
    )
    return a is b or torch.equal(a.get_state(), b.get_state())


if __name__ == "__main__":
    print("broken:", tied_together(*make_loaders(0, 0)))
    print("fixed: ", tied_together(*make_loaders(*seeds_for(0, 2))))
    assert tied_together(*make_loaders(0, 0))
    assert not tied_together(*make_loaders(*seeds_for(0, 2)))

# %%
# Or let ``dejabatch.compare`` look. It reads both loaders in processes of their own,
# without changing them, and names what they share and should not.

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
# * The loaders share a transform, not a generator:
#   :doc:`/gallery/1_sample/plot_split_shares_transform`.
# * Every run is the same, and you seeded nothing:
#   :doc:`/gallery/2_randomness/plot_default_torch_generator`.
# * What such a generator drives, and what not:
#   :doc:`/gallery/explanations/plot_what_generator_drives`.
# * The ``generator`` of :class:`torch.utils.data.DataLoader`.
