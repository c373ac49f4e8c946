# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "h5py",
#   "matplotlib",
#   "numpy",
#   "opencv-python-headless",
#   "torch",
#   "torchdata",
#   "torchvision",
# ]
# ///
"""
PyTorch DataLoader myths, tested
================================

Nineteen claims about repeated samples, from issues, articles and linters, each one tested.

Each heading in quotes is one claim, in our words. A claim may be wrong, or true only for
old versions: read the verdict in the output below the heading. *Not run* means that this
build could not test a condition. The last section lists all verdicts.

Run this page as a script: a spawned worker cannot import classes from a notebook.

* Workers: `“NumPy draws the same numbers in all workers”`_,
  `“Python's random and torchvision repeat in all workers, too”`_,
  `“PyTorch 1.9 fixed duplicate random numbers in workers”`_,
  `“default_rng() instead of np.random makes workers differ”`_,
  `“With spawn, each worker has a different generator”`_,
  `“Fork is the default on Linux”`_
* Seeds: `“A new torch.Generator() is random”`_,
  `“Without shuffle and workers, a loader draws no random numbers”`_,
  `“base_seed + worker gives neighbouring ranks equal seeds”`_,
  `“The seed_worker of PyTorch's docs is enough for several GPUs”`_,
  `“seed_everything(workers=True) is safe”`_,
  `“Seeding in __getitem__ keeps image and mask together”`_
* Persistent workers: `“Persistent workers replay the same random numbers”`_,
  `“get_worker_info().seed repeats in every epoch”`_
* Data: `“val_subset.transform = ... changes the transform”`_,
  `“DistributedSampler never adds samples”`_,
  `“torch warns if workers read an IterableDataset twice”`_,
  `“A file opened before the workers start gives wrong data”`_,
  `“StatefulDataLoader resumes exactly”`_
* `All verdicts`_
"""

# %%
# How is a claim judged?
# ----------------------
# Each section measures a claim under one or more conditions. ``None`` stands for a condition
# that was not run. ``judge`` turns the measurements into a verdict. An ``assert`` compares
# the measurements with the expected ones, so this page fails when a library changes.

# sphinx_gallery_tags = ["worker_init_fn", "NumPy"]
# sphinx_gallery_parallel = False

import multiprocessing
import random
import sys
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import dejabatch
import matplotlib.pyplot as plt
import numpy as np
import torch
from dejabatch.fixes.known_schemes import SCHEMES
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    get_worker_info,
    random_split,
)
from torchvision.transforms import v2

VERDICTS = {}


WORDS = {True: "true", False: "false", None: "not run"}


def verdict_of(holds):
    """Return the verdict; `holds` has True, False or None by condition."""
    conditions = {
        word: ", ".join(c for c, result in holds.items() if result == value)
        for value, word in WORDS.items()
    }
    if conditions["true"] and conditions["false"]:
        return f"true only {conditions['true']}"
    words = [word for word, names in conditions.items() if names]
    if len(words) == 1:
        return words[0]
    return "; ".join(f"{word} {conditions[word]}" for word in words)


def judge(claim, holds):
    for condition, result in holds.items():
        print(f"{WORDS[result]:8} {condition}")
    VERDICTS[claim] = verdict_of(holds)
    print("Verdict:", VERDICTS[claim])


assert verdict_of({"here": True, "there": True}) == "true"
assert verdict_of({"here": True, "there": False}) == "true only here"
assert verdict_of({"here": False, "there": False}) == "false"
assert verdict_of({"here": False, "there": None}) == (
    "false here; not run there"
)

# %%
# The dataset of the next sections draws from every generator that it can reach. Two workers
# read two epochs.

OWN = "for a generator of the dataset"
OF_MODULE = np.random.default_rng()
FLIP_A_COIN = v2.RandomHorizontalFlip()
LEFT_RIGHT = torch.arange(2).reshape(1, 1, 2)


class Draws(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 40

    def __getitem__(self, index):
        info = get_worker_info()
        return {
            "worker": info.id,
            "seed": info.seed,
            "for np.random": np.random.random(),
            "for random": random.random(),
            "for torch": torch.rand(()).item(),
            "for torchvision": FLIP_A_COIN(LEFT_RIGHT)[0, 0, 0].item(),
            "for a new default_rng()": np.random.default_rng().random(),
            OWN: self.rng.random(),
            "for a generator of the module": OF_MODULE.random(),
        }


def load(dataset, **options):
    options = {"num_workers": 2, "batch_size": None, **options}
    return DataLoader(dataset, collate_fn=dict, **options)


def of_worker(samples, worker, name):
    return [sample[name] for sample in samples if sample["worker"] == worker]


def equal_in_workers(samples, *names):
    """Return for each name whether both workers draw the same numbers."""
    return {
        name: of_worker(samples, 0, name) == of_worker(samples, 1, name)
        for name in names
    }


if __name__ == "__main__":
    loader = load(Draws())
    epochs = [list(loader) for _ in range(2)]
    assert len(epochs[0]) == 40

# %%
# “NumPy draws the same numbers in all workers”
# ---------------------------------------------
# An `article of 2021
# <https://tanelp.github.io/posts/a-bug-that-plagues-thousands-of-open-source-ml-projects/>`__
# made this claim known. The Semgrep rule ``numpy-in-pytorch-datasets`` still warns about the
# failure. torch 1.9 fixed the failure in the same year. This page does not run torch 1.8,
# which :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9` emulates.

if __name__ == "__main__":
    release = ".".join(torch.__version__.split(".")[:2])
    equal = equal_in_workers(epochs[0], "for np.random")["for np.random"]
    judge(
        "NumPy draws the same numbers in all workers",
        {f"with torch {release}": equal, "with torch 1.8": None},
    )
    assert not equal

# %%
# “Python's random and torchvision repeat in all workers, too”
# ------------------------------------------------------------
# `This article <https://duoke360.com/post/34698>`__ is one of many that say so. Workers have
# seeded ``random`` since `pytorch#5415 <https://github.com/pytorch/pytorch/pull/5415>`__
# (2018). torchvision draws from torch.

if __name__ == "__main__":
    holds = equal_in_workers(epochs[0], "for random", "for torchvision")
    judge("Python's random and torchvision repeat in all workers, too", holds)
    assert not any(holds.values())
    flips = []
    for _ in range(2):
        torch.manual_seed(0)
        flips.append([FLIP_A_COIN(LEFT_RIGHT).tolist() for _ in range(20)])
    assert flips[0] == flips[1]  # torchvision draws from torch

# %%
# “PyTorch 1.9 fixed duplicate random numbers in workers”
# -------------------------------------------------------
# The claim is true for the three global generators. PyTorch does not seed a generator on the
# dataset, or the generator of a library such as OpenCV:
# :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`,
# :doc:`/gallery/2_randomness/plot_opencv_rng`,
# :doc:`/gallery/2_randomness/plot_library_holds_its_own_rng`.


class OpenCVDraws(Draws):
    def __getitem__(self, index):
        import cv2

        number = cv2.randu(np.zeros((1, 1)), 0, 1).item()
        return {"worker": get_worker_info().id, "for OpenCV": number}


if __name__ == "__main__":
    globals_ = ("for np.random", "for random", "for torch")
    equal = equal_in_workers(epochs[0], *globals_, OWN)
    equal |= {"for OpenCV": None}
    if find_spec("cv2"):
        equal |= equal_in_workers(list(load(OpenCVDraws())), "for OpenCV")
    holds = {
        name: None if same is None else not same
        for name, same in equal.items()
    }
    judge("PyTorch 1.9 fixed duplicate random numbers in workers", holds)
    assert all(holds[name] for name in globals_)
    assert holds[OWN] is False
    assert not holds["for OpenCV"]

# %%
# “default_rng() instead of np.random makes workers differ”
# ---------------------------------------------------------
# Ruff's `NPY002 <https://docs.astral.sh/ruff/rules/numpy-legacy-random/>`__ and Sonar's S6711
# recommend ``default_rng()`` instead of ``np.random``. The rules do not mention workers. If
# you follow them in a dataset's ``__init__``, both workers draw the same numbers. A new
# generator for each sample differs between workers, and ``np.random`` differs as well. To
# also repeat in the next run, use ``default_rng([seed, epoch, index])``, as in
# :func:`dejabatch.stream`.

if __name__ == "__main__":
    names = {
        "np.random": "for np.random",
        "if made in __init__": OWN,
        "if made for each sample": "for a new default_rng()",
    }
    equal = equal_in_workers(epochs[0], *names.values())
    holds = {where: not equal[name] for where, name in names.items()}
    np_random_differs = holds.pop("np.random")
    judge("default_rng() instead of np.random makes workers differ", holds)
    assert np_random_differs
    assert list(holds.values()) == [False, True]
    draws = {np.random.default_rng([0, 0, 3]).random() for _ in range(2)}
    assert len(draws) == 1

# %%
# “With spawn, each worker has a different generator”
# ---------------------------------------------------
# `This article <https://www.codestudy.net/blog/seeding-random-number-generators-in-parallel-programs/>`__
# recommends spawn. Each spawned worker imports a module again, so an unseeded generator of
# the module differs. A generator on the dataset is pickled with its state, so both workers
# draw the same numbers.

if __name__ == "__main__":
    spawned = list(load(Draws(), multiprocessing_context="spawn"))
    equal = equal_in_workers(spawned, OWN, "for a generator of the module")
    holds = {name: not same for name, same in equal.items()}
    judge("With spawn, each worker has a different generator", holds)
    assert list(holds.values()) == [False, True]

# %%
# “Fork is the default on Linux”
# ------------------------------
# The claim is true until Python 3.13. `Python 3.14
# <https://github.com/pytorch/pytorch/issues/169252>`__ starts workers with forkserver:
# :doc:`/gallery/5_workers/plot_globals_reset_by_spawn`.

if __name__ == "__main__":
    default = multiprocessing.get_all_start_methods()[0]
    before = sys.version_info < (3, 14)
    holds = {"until Python 3.13": None, "since Python 3.14": None}
    if sys.platform == "linux":
        python = "until Python 3.13" if before else "since Python 3.14"
        holds[python] = default == "fork"
        assert holds[python] == before
    print("Python", sys.version.split()[0], "on", sys.platform, default)
    judge("Fork is the default on Linux", holds)

# %%
# “A new torch.Generator() is random”
# -----------------------------------
# Every new ``torch.Generator()`` has the same seed, a constant (`pytorch#25071
# <https://github.com/pytorch/pytorch/issues/25071>`__):
# :doc:`/gallery/2_randomness/plot_default_torch_generator`.

if __name__ == "__main__":
    seeds = {torch.Generator().initial_seed() for _ in range(2)}
    holds = {"in one process": len(seeds) == 2}
    judge("A new torch.Generator() is random", holds)
    assert seeds == {67280421310721}

# %%
# “Without shuffle and workers, a loader draws no random numbers”
# ---------------------------------------------------------------
# ``iter(loader)`` draws a base seed, even without shuffling and workers (`pytorch#11062
# <https://github.com/pytorch/pytorch/issues/11062>`__):
# :doc:`/gallery/2_randomness/plot_one_generator_for_two_loaders`.

if __name__ == "__main__":
    before = torch.get_rng_state()
    iter(DataLoader(range(8), shuffle=False, num_workers=0))
    untouched = torch.equal(before, torch.get_rng_state())
    judge(
        "Without shuffle and workers, a loader draws no random numbers",
        {"from torch's global generator": untouched},
    )
    assert not untouched

# %%
# “base_seed + worker gives neighbouring ranks equal seeds”
# ---------------------------------------------------------
# Here, each of 64 ranks seeds torch with another number and starts 16 workers. PyTorch draws
# a random base seed on each rank, so no two workers get the same seed. With ``seed + rank +
# worker``, most seeds come several times:
# :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`. The comparison uses 32 bits of
# each seed: :doc:`/gallery/2_randomness/plot_seeds_equal_in_32_bits`.


def base_seed(seed):
    generator = torch.Generator().manual_seed(seed)
    number = torch.empty((), dtype=torch.int64)
    return number.random_(generator=generator).item()


if __name__ == "__main__":
    ranks_and_workers = [(r, w) for r in range(64) for w in range(16)]
    by_torch = {(base_seed(42 + r) + w) % 2**32 for r, w in ranks_and_workers}
    by_hand = {42 + r + w for r, w in ranks_and_workers}
    holds = {
        "with torch's base seeds": len(by_torch) < 64 * 16,
        "with seed + rank + worker": len(by_hand) < 64 * 16,
    }
    judge("base_seed + worker gives neighbouring ranks equal seeds", holds)
    assert list(holds.values()) == [False, True]
    print("distinct seeds of 1024 workers:", len(by_torch), len(by_hand))
    assert (len(by_torch), len(by_hand)) == (1024, 79)

# %%
# “The seed_worker of PyTorch's docs is enough for several GPUs”
# --------------------------------------------------------------
# PyTorch's `notes on reproducibility
# <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__ do not make this claim. The
# recipe in the notes is for one process. If all ranks have the same seed, all ranks draw the
# same numbers.

if __name__ == "__main__":
    notes = SCHEMES["PyTorch's docs: initial_seed() % 2**32"]
    small = {"ranks": 2, "workers": 2, "epochs": 2, "seeds": (0, 1)}
    report = dejabatch.check_seeding(notes, **small)
    shared = report.shared["torch"]["rank or worker"]
    holds = {"if all ranks have the same seed": not shared}
    judge(
        "The seed_worker of PyTorch's docs is enough for several GPUs", holds
    )
    print(report)
    assert shared == 1
    assert list(holds.values()) == [False]

# %%
# “seed_everything(workers=True) is safe”
# ---------------------------------------
# Lightning 2.4 to 2.6.0 gave torch the same seed in every epoch and every run
# (`lightning#20412
# <https://github.com/Lightning-AI/pytorch-lightning/issues/20412>`__). Upgrade to Lightning
# 2.6.1. This page rebuilds the seeds of both releases:
# :doc:`/gallery/2_randomness/plot_seeds_equal_in_32_bits`.

if __name__ == "__main__":
    holds = {
        f"with {name}": dejabatch.check_seeding(SCHEMES[name], **small).ok
        for name in ("Lightning 2.4 to 2.6.0", "Lightning 2.6.1")
    }
    judge("seed_everything(workers=True) is safe", holds)
    assert list(holds.values()) == [False, True]

# %%
# “Seeding in __getitem__ keeps image and mask together”
# ------------------------------------------------------
# ``random.seed`` `worked <https://github.com/pytorch/vision/issues/9>`__ while torchvision
# drew from ``random``. ``torch.manual_seed`` works today, but the same seed also freezes
# the numbers that are drawn later:
# :doc:`/gallery/2_randomness/plot_reseed_in_getitem`.

if __name__ == "__main__":
    image, crop = torch.arange(64 * 64).reshape(1, 64, 64), v2.RandomCrop(8)
    holds = {}
    for name, seed in {
        "with random.seed": random.seed,
        "with torch.manual_seed": torch.manual_seed,
    }.items():
        pairs = []
        for number in range(20):
            seed(number)
            cropped_image = crop(image)
            seed(number)
            pairs.append(torch.equal(cropped_image, crop(image)))
        holds[name] = all(pairs)
    judge("Seeding in __getitem__ keeps image and mask together", holds)
    assert list(holds.values()) == [False, True]
    later_draws = set()
    for _ in range(2):
        torch.manual_seed(0)
        crop(image)
        later_draws.add(torch.rand(()).item())
    assert len(later_draws) == 1

# %%
# “Persistent workers replay the same random numbers”
# ---------------------------------------------------
# The global generators of persistent workers continue in the second epoch. See
# :doc:`/gallery/explanations/plot_persistent_workers`.

if __name__ == "__main__":
    persistent = load(Draws(), persistent_workers=True)
    of_persistent = [list(persistent) for _ in range(2)]
    del persistent  # ends the workers
    first, second = of_persistent
    holds = {
        name: of_worker(first, 0, name) == of_worker(second, 0, name)
        for name in globals_
    }
    judge("Persistent workers replay the same random numbers", holds)
    assert list(holds.values()) == [False, False, False]

# %%
# “get_worker_info().seed repeats in every epoch”
# -----------------------------------------------
# `Open3D-ML#254 <https://github.com/isl-org/Open3D-ML/issues/254>`__ makes this claim about
# all workers. The claim is true only for persistent workers:
# :doc:`/gallery/5_workers/plot_worker_init_runs_once`.

if __name__ == "__main__":
    holds = {
        name: of_worker(first, 0, "seed") == of_worker(second, 0, "seed")
        for name, (first, second) in {
            "with new workers": epochs,
            "with persistent workers": of_persistent,
        }.items()
    }
    judge("get_worker_info().seed repeats in every epoch", holds)
    assert list(holds.values()) == [False, True]

# %%
# “val_subset.transform = ... changes the transform”
# --------------------------------------------------
# `This issue <https://github.com/victoresque/pytorch-template/issues/62>`__ is one of many. A
# ``Subset`` gets its samples from the dataset and ignores ``val_subset.transform``. A new
# ``val_subset.dataset.transform`` changes both halves:
# :doc:`/gallery/1_sample/plot_split_shares_transform`.


class Transformed(Dataset):
    transform = None

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return "raw" if self.transform is None else self.transform("raw")


if __name__ == "__main__":
    train, val = random_split(Transformed(), [4, 4])
    val.transform = str.upper
    set_on_subset = (train[0], val[0])
    val.dataset.transform = str.upper
    set_on_dataset = (train[0], val[0])
    print(set_on_subset, set_on_dataset)
    holds = {
        "as val_subset.transform": set_on_subset == ("raw", "RAW"),
        "as val_subset.dataset.transform": set_on_dataset == ("raw", "RAW"),
    }
    judge("val_subset.transform = ... changes the transform", holds)
    assert set_on_subset == ("raw", "raw")
    assert set_on_dataset == ("RAW", "RAW")

# %%
# “DistributedSampler never adds samples”
# ---------------------------------------
# The claim comes from a `discussion of metrics
# <https://github.com/Lightning-AI/pytorch-lightning/issues/2398>`__. All ranks get the same
# number of samples. If the number of ranks does not divide the dataset,
# ``DistributedSampler`` repeats some indices.

if __name__ == "__main__":
    holds = {}
    for condition, length in {
        "for 8 samples on 4 ranks": 8,
        "for 10 samples on 4 ranks": 10,
    }.items():
        samplers = [
            DistributedSampler(range(length), num_replicas=4, rank=rank)
            for rank in range(4)
        ]
        lengths = [len(list(sampler)) for sampler in samplers]
        print(f"{length} samples, 4 ranks: {sum(lengths)} indices")
        assert len(set(lengths)) == 1
        holds[condition] = sum(lengths) == length
    judge("DistributedSampler never adds samples", holds)
    assert sum(lengths) == 12
    assert list(holds.values()) == [True, False]

# %%
# “torch warns if workers read an IterableDataset twice”
# ------------------------------------------------------
# The warning (`pytorch#40344 <https://github.com/pytorch/pytorch/issues/40344>`__) appears for
# single samples. torch does not warn when two workers read all samples twice in batches:
# :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.


class Stream(IterableDataset):
    def __len__(self):
        return 8

    def __iter__(self):
        return iter(range(8))


def warns(batch_size):
    loader = DataLoader(Stream(), batch_size, num_workers=2)
    len(loader)  # torch warns only after a call of len, as by a progress bar
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        numbers = [n for batch in loader for n in np.atleast_1d(batch)]
    assert len(numbers) == 16
    return any("IterableDataset" in str(w.message) for w in caught)


if __name__ == "__main__":
    holds = {
        "without batches": warns(None),
        "with batches of 4": warns(4),
    }
    judge("torch warns if workers read an IterableDataset twice", holds)
    assert list(holds.values()) == [True, False]

# %%
# “A file opened before the workers start gives wrong data”
# ---------------------------------------------------------
# Forked workers share the position of an open file. A worker moves the position while the
# other worker reads, so some numbers are wrong. h5py was known for wrong data (`pytorch#11887
# <https://github.com/pytorch/pytorch/issues/11887>`__), but this h5py reads correctly. Open
# each file in the worker: :doc:`/gallery/5_workers/plot_file_opened_before_fork`.


class WrongReads(Dataset):
    """Read 10,000 numbers for each sample, and count the wrong ones."""

    def __init__(self, file):
        self.file = file

    def __len__(self):
        return 2

    def __getitem__(self, index):
        indices = range(index, 20_000, 2)
        return {"wrong": sum(self.read(i) != i for i in indices)}

    def read(self, i):
        self.file.seek(8 * i)
        return int.from_bytes(self.file.read(8), sys.byteorder)


class WrongReadsOfHDF5(WrongReads):
    def read(self, i):
        return self.file[i]


def count_wrong(dataset, tries=5):
    """Read in two forked workers until a number is wrong."""
    for _ in range(tries):
        loader = load(dataset, multiprocessing_context="fork")
        wrong = sum(sample["wrong"] for sample in loader)
        if wrong:
            break
    print(f"{wrong} of 20000 numbers are wrong")
    return wrong


if __name__ == "__main__":
    holds = {"for a plain file": None, "for h5py": None}
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    with tempfile.TemporaryDirectory() as folder:
        if can_fork:
            path = Path(folder, "numbers")
            np.arange(20_000).tofile(path)
            with path.open("rb", buffering=0) as file:
                holds["for a plain file"] = count_wrong(WrongReads(file)) > 0
            assert holds["for a plain file"]
        if can_fork and find_spec("h5py"):
            import h5py

            path = Path(folder, "numbers.h5")
            with h5py.File(path, "w") as file:
                file["numbers"] = np.arange(20_000)
            with h5py.File(path) as file:
                dataset = WrongReadsOfHDF5(file["numbers"])
                holds["for h5py"] = count_wrong(dataset, tries=1) > 0
            print("h5py", h5py.__version__, "HDF5", h5py.version.hdf5_version)
            assert not holds["for h5py"]
    judge("A file opened before the workers start gives wrong data", holds)

# %%
# “StatefulDataLoader resumes exactly”
# ------------------------------------
# torchdata's ``StatefulDataLoader`` reads half an epoch. Then two loaders read the other half:
# the same loader, and a new loader with the saved state. The order is restored. The random
# numbers of the workers are not restored. :class:`dejabatch.PerSample` makes random numbers
# from seed, epoch and index, which are the same in a resumed run.


class NumberedDraws(Draws):
    def __getitem__(self, index):
        return {**super().__getitem__(index), "index": index}


def second_halves():
    from torchdata.stateful_dataloader import StatefulDataLoader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about torchdata
        first, resumed = (
            StatefulDataLoader(
                NumberedDraws(),
                batch_size=None,
                collate_fn=dict,
                num_workers=2,
                shuffle=True,
            )
            for _ in range(2)
        )
        iterator = iter(first)
        for _ in range(20):
            next(iterator)
        resumed.load_state_dict(first.state_dict())
        return list(iterator), list(resumed)


if __name__ == "__main__":
    holds = {"for the order": None, "for the workers' random numbers": None}
    if find_spec("torchdata"):
        continued, resumed = second_halves()
        assert len(continued) == len(resumed) == 20
        holds = {
            condition: [s[name] for s in continued]
            == [s[name] for s in resumed]
            for condition, name in zip(
                holds, ("index", "for torch"), strict=True
            )
        }
        assert list(holds.values()) == [True, False]
    judge("StatefulDataLoader resumes exactly", holds)

# %%
# All verdicts
# ------------

COLOURS = ("#2f8f4e", "#c98a00", "#d1495b", "#7b7f86")

if __name__ == "__main__":
    words = ("true", "true only", "false", "not run")
    figure, ax = plt.subplots(figsize=(8, 6), layout="constrained")
    labels = []
    for y, (claim, verdict) in enumerate(VERDICTS.items()):
        x = max(i for i, w in enumerate(words) if verdict.startswith(w))
        partly = " (partly not run)" if "; not run" in verdict else ""
        ax.scatter(x, -y, s=90, color=COLOURS[x])
        labels.append(claim + partly)
        print(f"{words[x]:10} {labels[-1]}")
    ax.set(title="Verdicts on 19 claims", xlim=(-0.5, 3.5))
    ax.set(xticks=range(4), xticklabels=words)
    ax.set(yticks=range(0, -len(labels), -1), yticklabels=labels)
    ax.grid(axis="y", alpha=0.3)
    plt.show()
    assert len(VERDICTS) == 19
    assert list(VERDICTS.values()).count("false") == 6

# %%
# See also
# --------
# * The statements of one article: :doc:`/gallery/evidence/plot_the_article`.
# * Seeding schemes that give several workers the same numbers:
#   :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * The seeds and the order, step by step:
#   :doc:`/gallery/explanations/plot_where_randomness_comes_from`.
