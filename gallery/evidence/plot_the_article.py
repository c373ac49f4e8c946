# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "numpy",
#   "torch",
#   "torchvision",
# ]
# ///
"""
Why does PyTorch DataLoader output the same features? A fact check
==================================================================

Thirteen statements from one article on repeated features, each one tested.

The article *Why does PyTorch DataLoader output the same features?* (2025-01-30) has three
examples and a list of advice. The article's address is not known, so there is no link. Each
heading in quotes is one statement of the article, in our words. A statement may be wrong:
read the verdict in the output below the heading. The last section lists all verdicts.

* First example: `“A dataset that returns one stored tensor repeats it, even with shuffle”`_
* Second example: `“Every worker starts Python's random with the same seed”`_,
  `“Workers are reseeded for each batch”`_,
  `“Workers with equal random numbers return equal features”`_
* Third example: `“get_state()[1][0] + worker_id seeds workers independently”`_,
  `“The get_state() recipe seeds the example's transform”`_,
  `“transforms.Lambda changes the random numbers of a transform”`_,
  `“The corrected example runs on every platform”`_
* The article's advice: `“The dataset or its transforms are always the cause”`_,
  `“Each worker needs a seed from worker_init_fn”`_,
  `“Global random state makes a transform repeat itself”`_,
  `“Random operations belong in __getitem__, not in __init__”`_,
  `“One seed before the loop makes a run reproducible”`_
* `All verdicts`_
"""

# %%
# How is a statement judged?
# --------------------------
# Each section measures a statement under one or more conditions. ``judge`` turns the
# measurements into a verdict. An ``assert`` compares the measurements with the expected
# ones, so this page fails when a library changes.

# sphinx_gallery_tags = ["worker_init_fn", "NumPy"]
# sphinx_gallery_parallel = False

import multiprocessing
import pickle
import random
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info
from torchvision.transforms import Lambda

VERDICTS = {}


def verdict_of(holds):
    """Return the verdict; `holds` has a truth value for each condition."""
    true = [condition for condition, is_true in holds.items() if is_true]
    if len(true) == len(holds):
        return "true"
    return f"true only {', '.join(true)}" if true else "false"


def judge(claim, holds):
    for condition, is_true in holds.items():
        print(f"{'yes' if is_true else 'no':4} {condition}")
    VERDICTS[claim] = verdict_of(holds)
    print("Verdict:", VERDICTS[claim])


assert verdict_of({"here": True, "there": True}) == "true"
assert verdict_of({"here": True, "there": False}) == "true only here"
assert verdict_of({"here": False, "there": False}) == "false"

# %%
# The dataset of the next sections draws from each of the three global generators and from
# a generator on the dataset.

GLOBAL = ("random", "np.random", "torch")


class Draws(Dataset):
    def __init__(self):
        self.rng = random.Random(0)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        info = get_worker_info()
        return {
            "worker": None if info is None else info.id,
            "seed": None if info is None else info.seed,
            "random": random.random(),
            "np.random": np.random.random(),
            "torch": torch.rand(()).item(),
            "a generator of the dataset": self.rng.random(),
        }


def draw(num_workers=2, seed=None, worker_init_fn=None, dataset=None):
    """Return the samples of one epoch."""
    if seed is not None:
        torch.manual_seed(seed)
    loader = DataLoader(
        Draws() if dataset is None else dataset,
        batch_size=None,
        collate_fn=dict,
        num_workers=num_workers,
        worker_init_fn=worker_init_fn,
    )
    return list(loader)


def of_worker(samples, worker, name):
    return [sample[name] for sample in samples if sample["worker"] == worker]


# %%
# “The dataset or its transforms are always the cause”
# ----------------------------------------------------
# A correct dataset can still give repeated samples. Here, three other causes are tried: a
# ``collate_fn``, a loop and a new loader for each epoch. See
# :doc:`/gallery/1_sample/plot_collate_repeats_one_sample`,
# :doc:`/gallery/3_order/plot_next_iter_in_the_loop` and
# :doc:`/gallery/2_randomness/plot_reseed_every_epoch`.


def first_for_all(samples):
    return torch.tensor([samples[0]] * len(samples))


def new_loader():
    generator = torch.Generator().manual_seed(0)
    return DataLoader(range(64), None, shuffle=True, generator=generator)


if __name__ == "__main__":
    batch = next(iter(DataLoader(range(8), 8, collate_fn=first_for_all)))
    steps = [next(iter(DataLoader(range(64), 8))).tolist() for _ in range(4)]
    holds = {
        "with a collate_fn that repeats one sample": len(set(batch.tolist()))
        > 1,
        "with next(iter(loader)) at each step": steps != [steps[0]] * 4,
        "with a new seeded loader for each epoch": list(new_loader())
        != list(new_loader()),
    }
    judge("The dataset or its transforms are always the cause", holds)
    assert list(holds.values()) == [False, False, False]

# %%
# “A dataset that returns one stored tensor repeats it, even with shuffle”
# ------------------------------------------------------------------------
# This statement is the article's first example. See
# :doc:`/gallery/1_sample/plot_getitem_ignores_index`.


class OneTensor(Dataset):
    def __init__(self):
        self.features = torch.rand(10)

    def __len__(self):
        return 100

    def __getitem__(self, index):
        return self.features


if __name__ == "__main__":
    holds = {}
    for shuffle in (False, True):
        loader = DataLoader(OneTensor(), batch_size=10, shuffle=shuffle)
        rows = torch.cat(list(loader))
        holds[f"with shuffle={shuffle}"] = len(rows.unique(dim=0)) == 1
    judge(
        "A dataset that returns one stored tensor repeats it, "
        "even with shuffle",
        holds,
    )
    assert list(holds.values()) == [True, True]

# %%
# “Every worker starts Python's random with the same seed”
# --------------------------------------------------------
# The article's second example depends on this statement. PyTorch has seeded ``random`` in
# each worker since 2018, and ``np.random`` since torch 1.9:
# :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9`.

if __name__ == "__main__":
    epoch = draw()
    holds = {
        f"for {name}": of_worker(epoch, 0, name) == of_worker(epoch, 1, name)
        for name in GLOBAL
    }
    print("worker 0:", of_worker(epoch, 0, "random"))
    print("worker 1:", of_worker(epoch, 1, "random"))
    judge("Every worker starts Python's random with the same seed", holds)
    assert not any(holds.values())

# %%
# “Workers are reseeded for each batch”
# -------------------------------------
# A worker is seeded when the worker starts. Its generators then continue from batch to
# batch. In this loader, each sample is a batch.

if __name__ == "__main__":
    seeds = [set(of_worker(epoch, worker, "seed")) for worker in range(2)]
    draws = [set(of_worker(epoch, worker, "random")) for worker in range(2)]
    holds = {"within an epoch": len(seeds[0]) > 1 or len(draws[0]) == 1}
    judge("Workers are reseeded for each batch", holds)
    assert [len(of_one) for of_one in (*seeds, *draws)] == [1, 1, 4, 4]

# %%
# “Workers with equal random numbers return equal features”
# ---------------------------------------------------------
# Here, both workers get the same seed on purpose. As in the second example, the dataset
# doubles a tensor at random. Both workers double at the same positions. The features still
# differ, because the tensors differ. Comparing the samples of two workers therefore does not
# reveal equal random numbers.


class SometimesDoubled(Dataset):
    def __init__(self):
        self.tensors = torch.rand(16, 10)

    def __len__(self):
        return 16

    def __getitem__(self, index):
        doubled = random.random() < 0.5
        factor = 2 if doubled else 1
        worker = get_worker_info().id
        tensor = self.tensors[index] * factor
        return {"worker": worker, "doubled": doubled, "tensor": tensor}


def seed_all_with_0(worker_id):
    random.seed(0)


if __name__ == "__main__":
    samples = draw(worker_init_fn=seed_all_with_0, dataset=SometimesDoubled())
    tensors = torch.stack([sample["tensor"] for sample in samples])
    holds = {"from different tensors": len(tensors.unique(dim=0)) < 16}
    judge("Workers with equal random numbers return equal features", holds)
    assert of_worker(samples, 0, "doubled") == of_worker(samples, 1, "doubled")
    assert len(tensors.unique(dim=0)) == 16

# %%
# “Each worker needs a seed from worker_init_fn”
# ----------------------------------------------
# Without a ``worker_init_fn``, the three global generators differ between workers. Only a
# generator on the dataset draws the same numbers in both workers:
# :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.

if __name__ == "__main__":
    holds = {
        f"for {name}": of_worker(epoch, 0, name) == of_worker(epoch, 1, name)
        for name in (*GLOBAL, "a generator of the dataset")
    }
    judge("Each worker needs a seed from worker_init_fn", holds)
    assert list(holds.values()) == [False, False, False, True]

# %%
# “get_state()[1][0] + worker_id seeds workers independently”
# -----------------------------------------------------------
# The third example uses this recipe. The workers differ from each other.
# Each epoch and each run repeats the same numbers. For the reason, see
# :doc:`/gallery/2_randomness/plot_get_state_recipe`. This page does not run torch 1.8.


def recipe(worker_id):
    np.random.seed(np.random.get_state()[1][0] + worker_id)


if __name__ == "__main__":
    first_epoch = draw(seed=0, worker_init_fn=recipe)
    second_epoch = draw(worker_init_fn=recipe)
    other_run = draw(seed=1, worker_init_fn=recipe)
    first, second, other = (
        of_worker(samples, 0, "np.random")
        for samples in (first_epoch, second_epoch, other_run)
    )
    holds = {
        "between workers": first != of_worker(first_epoch, 1, "np.random"),
        "between epochs": first != second,
        "between runs": first != other,
    }
    judge("get_state()[1][0] + worker_id seeds workers independently", holds)
    assert list(holds.values()) == [True, False, False]

# %%
# “The get_state() recipe seeds the example's transform”
# ------------------------------------------------------
# The transform of the third example draws from ``random``, but the recipe seeds NumPy.
# ``random`` draws the same numbers with and without the recipe.

if __name__ == "__main__":
    with_recipe = draw(seed=0, worker_init_fn=recipe)
    without = draw(seed=0)
    holds = {
        f"for {name}": of_worker(with_recipe, 0, name)
        != of_worker(without, 0, name)
        for name in GLOBAL
    }
    judge(
        "The get_state() recipe seeds the example's transform",
        {"for random": holds["for random"]},
    )
    assert list(holds.values()) == [False, True, False]

# %%
# “transforms.Lambda changes the random numbers of a transform”
# -------------------------------------------------------------
# ``Lambda`` only calls the function. With the same seed, the random numbers are the same
# with and without ``Lambda``.


def doubled_or_not(sample):
    return {**sample, "tensor": sample["tensor"] * random.choice([1, 2])}


class Transformed(SometimesDoubled):
    def __init__(self, transform):
        self.tensors = torch.ones(16, 1)
        self.transform = transform

    def __getitem__(self, index):
        return self.transform(super().__getitem__(index))


if __name__ == "__main__":
    drawn = []
    for transform in (doubled_or_not, Lambda(doubled_or_not)):
        samples = draw(seed=0, dataset=Transformed(transform))
        drawn.append([sample["tensor"].item() for sample in samples])
    holds = {"with the same seed": drawn[0] != drawn[1]}
    judge("transforms.Lambda changes the random numbers of a transform", holds)
    assert drawn[0] == drawn[1]

# %%
# “The corrected example runs on every platform”
# ----------------------------------------------
# The article's corrected example stores a ``lambda`` on the dataset. Spawn and forkserver
# pickle the dataset, and a ``lambda`` cannot be pickled. Windows and macOS use spawn, and
# Linux uses forkserver since Python 3.14.


class WithLambda(Transformed):
    def __init__(self):
        super().__init__(Lambda(lambda sample: sample))


def runs(method):
    loader = DataLoader(
        WithLambda(),
        batch_size=None,
        num_workers=2,
        multiprocessing_context=method,
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch recommends fork
            return len(list(loader)) == 16
    except (AttributeError, pickle.PicklingError):
        return False


if __name__ == "__main__":
    holds = {
        f"with {method}": runs(method)
        for method in multiprocessing.get_all_start_methods()
    }
    judge("The corrected example runs on every platform", holds)
    assert holds == {
        condition: condition == "with fork" for condition in holds
    }

# %%
# “Global random state makes a transform repeat itself”
# -----------------------------------------------------
# Two reads of one sample draw different numbers from each global generator.

if __name__ == "__main__":
    first, second = Draws()[0], Draws()[0]
    holds = {f"for {name}": first[name] == second[name] for name in GLOBAL}
    judge("Global random state makes a transform repeat itself", holds)
    assert not any(holds.values())

# %%
# “Random operations belong in __getitem__, not in __init__”
# ----------------------------------------------------------
# Numbers that are drawn in ``__init__`` are the same in every epoch. Numbers that are drawn
# in ``__getitem__`` differ: :doc:`/gallery/1_sample/plot_augmented_once`.


class DrawnOnce(Dataset):
    def __init__(self):
        self.draws = torch.rand(8)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {"torch": self.draws[index].item()}


if __name__ == "__main__":
    stored = DrawnOnce()
    init_repeats = draw(dataset=stored) == draw(dataset=stored)
    first, second = ([s["torch"] for s in draw()] for _ in range(2))
    getitem_differs = first != second
    judge(
        "Random operations belong in __getitem__, not in __init__",
        {"to differ between epochs": init_repeats and getitem_differs},
    )
    assert init_repeats
    assert getitem_differs

# %%
# “One seed before the loop makes a run reproducible”
# ---------------------------------------------------
# With workers, ``torch.manual_seed`` determines the draws of ``random``, ``np.random`` and
# ``torch``. Without workers, ``torch.manual_seed`` determines only the draws of ``torch``:
# :doc:`/gallery/explanations/plot_where_randomness_comes_from`.


def same_in_two_runs(num_workers):
    runs = [draw(num_workers, seed=0) for _ in range(2)]
    return [
        [s[name] for s in runs[0]] == [s[name] for s in runs[1]]
        for name in GLOBAL
    ]


if __name__ == "__main__":
    holds = {
        "with workers": all(same_in_two_runs(2)),
        "without workers": all(same_in_two_runs(0)),
    }
    judge("One seed before the loop makes a run reproducible", holds)
    assert same_in_two_runs(0) == [False, False, True]
    assert list(holds.values()) == [True, False]

# %%
# All verdicts
# ------------

COLOURS = ("#2f8f4e", "#c98a00", "#d1495b")

if __name__ == "__main__":
    words = ("true", "true only", "false")
    figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
    for y, (claim, verdict) in enumerate(VERDICTS.items()):
        x = max(i for i, w in enumerate(words) if verdict.startswith(w))
        ax.scatter(x, -y, s=90, color=COLOURS[x])
        print(f"{words[x]:10} {claim}")
    ax.set(title="Verdicts on the article's statements", xlim=(-0.5, 2.5))
    ax.set(xticks=range(3), xticklabels=words)
    ax.set(yticks=range(0, -len(VERDICTS), -1), yticklabels=VERDICTS)
    ax.grid(axis="y", alpha=0.3)
    plt.show()
    verdicts = list(VERDICTS.values())
    assert len(verdicts) == 13
    assert verdicts.count("true") == 2
    assert verdicts.count("false") == 7

# %%
# See also
# --------
# * Claims from other articles, issues and linters:
#   :doc:`/gallery/evidence/plot_what_people_say`.
# * The seeds and the order, step by step:
#   :doc:`/gallery/explanations/plot_where_randomness_comes_from`.
