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
What people say, measured
=========================

Claims from issues, articles and linters about repeated samples, each tried out here.

A heading in quotes is such a claim in our words. It may be wrong, or true of old versions
only: the verdict stands in the output below it, and all verdicts at the end. What could
not be run here says so.

Run it as a script: a spawned worker cannot import the classes of a notebook.

* Workers: `“NumPy draws the same numbers in all workers”`_,
  `“Python's random and torchvision draw the same, too”`_,
  `“PyTorch 1.9 has ended equal draws in workers”`_,
  `“default_rng() in place of np.random keeps workers apart”`_,
  `“With spawn, each worker has another generator”`_,
  `“Fork is the default on Linux”`_
* Seeds: `“A new torch.Generator() is random”`_,
  `“Without shuffle and workers, a loader draws nothing”`_,
  `“With base_seed + worker, neighbouring ranks collide”`_,
  `“The recipe of PyTorch's notes is enough for several ranks”`_,
  `“seed_everything(workers=True) is safe”`_,
  `“Seeding in __getitem__ keeps image and mask together”`_
* Persistent workers: `“Persistent workers replay the same random numbers”`_,
  `“get_worker_info().seed repeats in every epoch”`_
* Data: `“val_subset.transform = ... changes the transform”`_,
  `“DistributedSampler adds no samples”`_,
  `“torch warns if workers read an IterableDataset twice”`_,
  `“A file opened before the workers start is read wrongly”`_,
  `“StatefulDataLoader resumes exactly”`_
* `All verdicts`_
"""

# %%
# How each is judged
# ------------------
# ``judge`` gets what was measured under each condition, ``None`` where it was not run, and
# makes the verdict from it. The ``assert`` below says what came out when this page was
# written. If that changes one day, the page fails.

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
    """Return a verdict; `holds` tells for each condition whether it is so."""
    under = {
        word: ", ".join(c for c, it_is in holds.items() if it_is == value)
        for value, word in WORDS.items()
    }
    if under["true"] and under["false"]:
        return f"true only {under['true']}"
    words = [word for word, conditions in under.items() if conditions]
    if len(words) == 1:
        return words[0]
    return "; ".join(f"{word} {under[word]}" for word in words)


def judge(claim, holds):
    for condition, it_is in holds.items():
        print(f"{WORDS[it_is]:8} {condition}")
    VERDICTS[claim] = verdict_of(holds)
    print("Verdict:", VERDICTS[claim])


assert verdict_of({"here": True, "there": True}) == "true"
assert verdict_of({"here": True, "there": False}) == "true only here"
assert verdict_of({"here": False, "there": False}) == "false"
assert verdict_of({"here": False, "there": None}) == (
    "false here; not run there"
)

# %%
# A dataset that returns what it draws from everything. Each is read in two epochs by two
# workers.

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


def workers_alike(samples, *names):
    """Tell for each name whether both workers draw the same."""
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
# From the `article of 2021
# <https://tanelp.github.io/posts/a-bug-that-plagues-thousands-of-open-source-ml-projects/>`__
# that made it known; the Semgrep rule ``numpy-in-pytorch-datasets`` still warns of it.
# torch 1.9 ended it in the same year. What torch 1.8 does is emulated, not run, in
# :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9`.

if __name__ == "__main__":
    release = ".".join(torch.__version__.split(".")[:2])
    alike = workers_alike(epochs[0], "for np.random")["for np.random"]
    judge(
        "NumPy draws the same numbers in all workers",
        {f"with torch {release}": alike, "with torch 1.8": None},
    )
    assert not alike

# %%
# “Python's random and torchvision draw the same, too”
# ----------------------------------------------------
# `An example <https://duoke360.com/post/34698>`__ of many. ``random`` has been seeded in
# workers since `pytorch#5415 <https://github.com/pytorch/pytorch/pull/5415>`__ (2018), and
# torchvision draws from torch.

if __name__ == "__main__":
    holds = workers_alike(epochs[0], "for random", "for torchvision")
    judge("Python's random and torchvision draw the same, too", holds)
    assert not any(holds.values())

# %%
# “PyTorch 1.9 has ended equal draws in workers”
# ----------------------------------------------
# For the three global generators. No generator object is seeded, nor one that a library
# keeps for itself: :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`,
# :doc:`/gallery/2_randomness/plot_opencv_rng`,
# :doc:`/gallery/2_randomness/plot_library_holds_its_own_rng`.


class OpenCVDraws(Draws):
    def __getitem__(self, index):
        import cv2

        number = cv2.randu(np.zeros((1, 1)), 0, 1).item()
        return {"worker": get_worker_info().id, "for OpenCV": number}


if __name__ == "__main__":
    globals_ = ("for np.random", "for random", "for torch")
    alike = workers_alike(epochs[0], *globals_, OWN)
    alike |= {"for OpenCV": None}
    if find_spec("cv2"):
        alike |= workers_alike(list(load(OpenCVDraws())), "for OpenCV")
    holds = {
        name: None if same is None else not same
        for name, same in alike.items()
    }
    judge("PyTorch 1.9 has ended equal draws in workers", holds)
    assert all(holds[name] for name in globals_)
    assert holds[OWN] is False
    assert not holds["for OpenCV"]

# %%
# “default_rng() in place of np.random keeps workers apart”
# ---------------------------------------------------------
# Ruff's `NPY002 <https://docs.astral.sh/ruff/rules/numpy-legacy-random/>`__ asks for it in
# place of ``np.random.rand()`` since it is faster and has better statistics, and Sonar's
# S6711 since a global state can be changed from elsewhere. Neither speaks of a loader's
# workers, but who follows them in a dataset may expect it. There, ``np.random`` is seeded
# in every worker, and a generator made in ``__init__`` in none. One made for each sample
# differs, and cannot be seeded. ``default_rng([seed, epoch, index])`` can, as in
# :func:`dejabatch.stream`.

if __name__ == "__main__":
    names = {
        "where np.random was": "for np.random",
        "if made in __init__": OWN,
        "if made for each sample": "for a new default_rng()",
    }
    alike = workers_alike(epochs[0], *names.values())
    holds = {where: not alike[name] for where, name in names.items()}
    np_random = holds.pop("where np.random was")
    judge("default_rng() in place of np.random keeps workers apart", holds)
    assert np_random
    assert list(holds.values()) == [False, True]

# %%
# “With spawn, each worker has another generator”
# -----------------------------------------------
# `Advice <https://www.codestudy.net/blog/seeding-random-number-generators-in-parallel-programs/>`__
# that is true of a module's unseeded generator, since each spawned worker imports the
# module again. A generator on the dataset is pickled with its state.

if __name__ == "__main__":
    spawned = list(load(Draws(), multiprocessing_context="spawn"))
    alike = workers_alike(spawned, OWN, "for a generator of the module")
    holds = {name: not same for name, same in alike.items()}
    judge("With spawn, each worker has another generator", holds)
    assert list(holds.values()) == [False, True]

# %%
# “Fork is the default on Linux”
# ------------------------------
# `Until Python 3.14 <https://github.com/pytorch/pytorch/issues/169252>`__, which starts
# workers by forkserver: :doc:`/gallery/5_workers/plot_globals_reset_by_spawn`.

if __name__ == "__main__":
    default = multiprocessing.get_all_start_methods()[0]
    before = sys.version_info < (3, 14)
    holds = {"until Python 3.13": None, "since Python 3.14": None}
    if sys.platform == "linux":
        this = "until Python 3.13" if before else "since Python 3.14"
        holds[this] = default == "fork"
        assert holds[this] == before
    print("Python", sys.version.split()[0], "on", sys.platform, default)
    judge("Fork is the default on Linux", holds)

# %%
# “A new torch.Generator() is random”
# -----------------------------------
# It begins with a constant (`pytorch#25071
# <https://github.com/pytorch/pytorch/issues/25071>`__):
# :doc:`/gallery/2_randomness/plot_default_torch_generator`.

if __name__ == "__main__":
    one, other = torch.Generator(), torch.Generator()
    seeds = {one.initial_seed(), other.initial_seed()}
    holds = {"in one process": len(seeds) == 2}
    judge("A new torch.Generator() is random", holds)
    assert seeds == {67280421310721}

# %%
# “Without shuffle and workers, a loader draws nothing”
# -----------------------------------------------------
# Every ``iter(loader)`` draws a base seed, needed or not (`pytorch#11062
# <https://github.com/pytorch/pytorch/issues/11062>`__):
# :doc:`/gallery/2_randomness/plot_one_generator_for_two_loaders`.

if __name__ == "__main__":
    before = torch.get_rng_state()
    iter(DataLoader(range(8), shuffle=False, num_workers=0))
    untouched = torch.equal(before, torch.get_rng_state())
    judge(
        "Without shuffle and workers, a loader draws nothing",
        {"from torch's global generator": untouched},
    )
    assert not untouched

# %%
# “With base_seed + worker, neighbouring ranks collide”
# -----------------------------------------------------
# PyTorch's base seeds are drawn from ``2**63`` numbers, of which its generators use 32
# bits (:doc:`/gallery/2_randomness/plot_seeds_equal_in_32_bits`). So ranks that have seeds
# of their own rarely meet. Seeds that are added up by hand do:
# :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.


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
    judge("With base_seed + worker, neighbouring ranks collide", holds)
    assert list(holds.values()) == [False, True]
    print(len(by_torch), "and", len(by_hand), "seeds of 1024")
    assert (len(by_torch), len(by_hand)) == (1024, 79)

# %%
# “The recipe of PyTorch's notes is enough for several ranks”
# -----------------------------------------------------------
# Nobody says so in these words: the `notes on reproducibility
# <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__ promise that a run can be
# repeated, and it can. They do not speak of ranks: where each has the same seed, each draws
# the same numbers.

if __name__ == "__main__":
    notes = dejabatch.SCHEMES["PyTorch's docs: initial_seed() % 2**32"]
    small = {"ranks": 2, "workers": 2, "epochs": 2, "seeds": (0, 1)}
    report = dejabatch.check_seeding(notes, **small)
    shared = report.shared["torch"]["rank or worker"]
    holds = {"where every rank has the same seed": not shared}
    judge("The recipe of PyTorch's notes is enough for several ranks", holds)
    print(report)
    assert shared == 1
    assert list(holds.values()) == [False]

# %%
# “seed_everything(workers=True) is safe”
# ---------------------------------------
# Lightning 2.4 to 2.6.0 seeded torch alike in every epoch and every run (`lightning#20412
# <https://github.com/Lightning-AI/pytorch-lightning/issues/20412>`__). Its two schemes are
# rebuilt here; the releases themselves run in
# :doc:`/gallery/2_randomness/plot_seeds_equal_in_32_bits`.

if __name__ == "__main__":
    holds = {
        f"with {name}": dejabatch.check_seeding(
            dejabatch.SCHEMES[name], **small
        ).ok
        for name in ("Lightning 2.4 to 2.6.0", "Lightning 2.6.1")
    }
    judge("seed_everything(workers=True) is safe", holds)
    assert list(holds.values()) == [False, True]

# %%
# “Seeding in __getitem__ keeps image and mask together”
# ------------------------------------------------------
# ``random.seed`` did (`vision#9 <https://github.com/pytorch/vision/issues/9>`__) as long as
# torchvision drew from ``random``. ``torch.manual_seed`` does, and freezes what is drawn
# after it, the augmentation of the next samples included:
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

# %%
# “Persistent workers replay the same random numbers”
# ---------------------------------------------------
# Their streams go on. What they keep is what was made when they started:
# ``get_worker_info().seed``, which is the next claim, and whatever ``worker_init_fn`` did.

if __name__ == "__main__":
    persistent = load(Draws(), persistent_workers=True)
    lasting = [list(persistent) for _ in range(2)]
    del persistent  # ends its workers
    holds = {
        name: of_worker(lasting[0], 0, name) == of_worker(lasting[1], 0, name)
        for name in globals_
    }
    judge("Persistent workers replay the same random numbers", holds)
    assert list(holds.values()) == [False, False, False]

# %%
# “get_worker_info().seed repeats in every epoch”
# -----------------------------------------------
# Said of all workers (`Open3D-ML#254
# <https://github.com/isl-org/Open3D-ML/issues/254>`__); it is so for persistent ones:
# :doc:`/gallery/5_workers/plot_worker_init_runs_once`.

if __name__ == "__main__":
    holds = {
        name: of_worker(first, 0, "seed") == of_worker(second, 0, "seed")
        for name, (first, second) in {
            "with new workers": epochs,
            "with persistent workers": lasting,
        }.items()
    }
    judge("get_worker_info().seed repeats in every epoch", holds)
    assert list(holds.values()) == [False, True]

# %%
# “val_subset.transform = ... changes the transform”
# --------------------------------------------------
# `One place of many <https://github.com/victoresque/pytorch-template/issues/62>`__. A
# ``Subset`` asks its dataset and has no transform of its own, and changing that of the
# dataset changes both halves: :doc:`/gallery/1_sample/plot_split_shares_transform`.


class Transformed(Dataset):
    transform = None

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return "raw" if self.transform is None else self.transform("raw")


if __name__ == "__main__":
    train, val = random_split(Transformed(), [4, 4])
    val.transform = str.upper
    of_subset = (train[0], val[0])
    val.dataset.transform = str.upper
    of_dataset = (train[0], val[0])
    print(of_subset, of_dataset)
    holds = {
        "as val_subset.transform": of_subset == ("raw", "RAW"),
        "as val_subset.dataset.transform": of_dataset == ("raw", "RAW"),
    }
    judge("val_subset.transform = ... changes the transform", holds)
    assert of_subset == ("raw", "raw")
    assert of_dataset == ("RAW", "RAW")

# %%
# “DistributedSampler adds no samples”
# ------------------------------------
# `In a discussion <https://github.com/Lightning-AI/pytorch-lightning/issues/2398>`__ of
# metrics, where it was corrected at once. It repeats the first indices of its order until
# the ranks have equally many.

if __name__ == "__main__":
    holds = {}
    for condition, length in {
        "if the ranks divide the samples (8 on 4)": 8,
        "if they do not (10 on 4)": 10,
    }.items():
        samplers = [
            DistributedSampler(range(length), num_replicas=4, rank=rank)
            for rank in range(4)
        ]
        drawn = sum(len(list(sampler)) for sampler in samplers)
        print(f"{length} samples, 4 ranks: {drawn} drawn")
        holds[condition] = drawn == length
    judge("DistributedSampler adds no samples", holds)
    assert drawn == 12
    assert list(holds.values()) == [True, False]

# %%
# “torch warns if workers read an IterableDataset twice”
# ------------------------------------------------------
# The warning (`pytorch#40344 <https://github.com/pytorch/pytorch/issues/40344>`__) compares
# the number of *batches* with the number of samples, so that it is silent where two workers
# read everything in batches: :doc:`/gallery/4_streaming/plot_stream_not_split_by_worker`.


class Stream(IterableDataset):
    def __len__(self):
        return 8

    def __iter__(self):
        return iter(range(8))


def warns(batch_size):
    loader = DataLoader(Stream(), batch_size, num_workers=2)
    len(loader)  # as a progress bar does; without it there is no warning
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        numbers = [n for batch in loader for n in np.atleast_1d(batch)]
    assert len(numbers) == 16
    return any("IterableDataset" in str(one.message) for one in caught)


if __name__ == "__main__":
    holds = {
        "without batches": warns(None),
        "with batches of 4": warns(4),
    }
    judge("torch warns if workers read an IterableDataset twice", holds)
    assert list(holds.values()) == [True, False]

# %%
# “A file opened before the workers start is read wrongly”
# --------------------------------------------------------
# Forked workers share the offset of a file that was open, so that each moves it under the
# others. What comes back is then a matter of luck. h5py was known for it (`pytorch#11887
# <https://github.com/pytorch/pytorch/issues/11887>`__); the HDF5 in h5py's wheels now reads
# without an offset. Opening in the worker is right for both:
# :doc:`/gallery/5_workers/plot_file_opened_before_fork`.


class WrongReads(Dataset):
    """Each sample reads 10000 numbers, and counts those that are wrong."""

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
    """Read in two forked workers, until something is wrong."""
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
    judge("A file opened before the workers start is read wrongly", holds)

# %%
# “StatefulDataLoader resumes exactly”
# ------------------------------------
# Half an epoch with torchdata's loader, then the other half twice: by the same loader, and
# by a new one that is given the first one's state. The order goes on where it was. The
# workers' random numbers do not. :class:`dejabatch.PerSample` draws from the index instead,
# which a resumed loader has.


class NumberedDraws(Draws):
    def __getitem__(self, index):
        return {**super().__getitem__(index), "index": index}


def second_halves():
    from torchdata.stateful_dataloader import StatefulDataLoader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about torchdata
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
    holds = {"for the order": None, "for what workers draw": None}
    if find_spec("torchdata"):
        as_it_was, resumed = second_halves()
        assert len(as_it_was) == len(resumed) == 20
        holds = {
            condition: [s[name] for s in as_it_was]
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
    ax.set(title="Claims, measured", xlim=(-0.5, 3.5))
    ax.set(xticks=range(4), xticklabels=words)
    ax.set(yticks=range(0, -len(labels), -1), yticklabels=labels)
    ax.grid(axis="y", alpha=0.3)
    plt.show()
    assert len(VERDICTS) == 19
    assert list(VERDICTS.values()).count("false") == 6

# %%
# See also
# --------
# * The claims of one article, example by example:
#   :doc:`/gallery/evidence/plot_the_article`.
# * How many random streams other seeding schemes share:
#   :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * Where the numbers come from, step by step:
#   :doc:`/gallery/explanations/plot_where_randomness_comes_from`.
