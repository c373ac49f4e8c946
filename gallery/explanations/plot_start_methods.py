# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
Start methods, and what each of them copies
===========================================

What a worker has from the main process under fork, forkserver and spawn.

A worker is a process of its own. How it is started decides what it knows: a forked one has
all that the main process has in memory, the others have what is pickled for them.

.. code-block:: text

   fork        main ═══════════ all of its memory ═══════════▶ worker

   forkserver  main ── starts a server, which is forked ─────▶ worker
                 └──── pickle of the dataset ────────────────▶   ┘

   spawn       main ── starts a new Python ──────────────────▶ worker
                 └──── pickle of the dataset ────────────────▶   ┘

Below, one dataset asks two workers of each kind what they have. Run it as a script: a
spawned worker cannot import the classes of a notebook.
"""

# sphinx_gallery_tags = ["start method", "dataset"]
# sphinx_gallery_parallel = False

import multiprocessing
import os
import pickle
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

# Windows has spawn only.
METHODS = [
    method
    for method in ("fork", "forkserver", "spawn")
    if method in multiprocessing.get_all_start_methods()
]
SETTING = "as in the file"
IMPORTED_BY = os.getpid()


class Asks(Dataset):
    """What a worker has. It writes into the array and the tensor."""

    def __init__(self):
        self.attribute = "as made"
        self.array = np.zeros(2)
        self.tensor = torch.zeros(2)
        self.rng = np.random.default_rng(0)  # dejabatch: ignore

    def __len__(self):
        return 2

    def __getitem__(self, index):
        self.array[index] = self.tensor[index] = 1
        return {
            "process": os.getpid(),
            "imported by": IMPORTED_BY,
            "setting": SETTING,
            "attribute": self.attribute,
            "draw": self.rng.random(),
            "hash": hash("cat"),
        }


def load(dataset, method, collate_fn=dict):
    return DataLoader(
        dataset,
        batch_size=None,
        collate_fn=collate_fn,
        num_workers=2,
        multiprocessing_context=method,
    )


if __name__ == "__main__":
    SETTING = "changed"

    datasets, workers = {}, {}
    for method in METHODS:
        datasets[method] = Asks()
        loader = load(datasets[method], method)
        datasets[method].attribute = "changed"
        workers[method] = list(loader)
        processes = {worker["process"] for worker in workers[method]}
        print(f"{method}: {len(processes)} processes")
        assert len(processes) == 2
        assert os.getpid() not in processes

# %%
# Which one you have
# ------------------
# Unless the program says otherwise, the system and the version of Python decide: fork on
# Linux until Python 3.13, forkserver there since 3.14, spawn on macOS and Windows.

if __name__ == "__main__":
    default, *_ = multiprocessing.get_all_start_methods()
    print("the default here:", default)
    if sys.platform in ("darwin", "win32"):
        assert default == "spawn"
    else:
        assert default == (
            "fork" if sys.version_info < (3, 14) else "forkserver"
        )

# %%
# To choose, pass ``multiprocessing_context="fork"`` to one loader, as above with each of
# them, or call ``multiprocessing.set_start_method`` once, below
# ``if __name__ == "__main__":``.

# %%
# Variables of the program
# ------------------------
# A forked worker has them as they are. The other two import the program's file again, and
# with it torch and whatever else stands at its top. They have what that import gives:
# :doc:`/gallery/5_workers/plot_globals_reset_by_spawn`. This import is also what they cost:
# fork imports nothing, while spawn imports everything in each worker, and does so in each
# epoch unless the workers are persistent.

if __name__ == "__main__":
    for method in METHODS:
        for worker in workers[method]:
            fresh = worker["imported by"] != os.getpid()
            print(f"{method}: setting {worker['setting']}")
            assert fresh == (method != "fork")
            assert worker["setting"] == (
                "as in the file" if fresh else "changed"
            )
            if method == "spawn":
                assert worker["imported by"] == worker["process"]

# %%
# Attributes of the dataset
# -------------------------
# They go to the worker under each method, as they are when it starts: here they were
# changed after the loader was made. From then on the copies are on their own. What is
# changed here later does not arrive there
# (:doc:`/gallery/5_workers/plot_stale_worker_copy`), and what the worker writes, as into
# this array, does not come back (:doc:`/gallery/5_workers/plot_state_lost_in_workers`).

if __name__ == "__main__":
    for method in METHODS:
        attributes = {worker["attribute"] for worker in workers[method]}
        array = datasets[method].array.tolist()
        print(f"{method}: {attributes}, the array here is {array}")
        assert attributes == {"changed"}
        assert array == [0, 0]

# %%
# Tensors
# -------
# They are the exception. To pickle a tensor for another process, torch moves it to shared
# memory, so that under forkserver and spawn all workers and the main process have one
# tensor. A dataset that edits its tensors in place edits them for all:
# :doc:`/gallery/1_sample/plot_inplace_edit_of_stored_data`.

if __name__ == "__main__":
    for method in METHODS:
        tensor = datasets[method].tensor
        print(f"{method}: the tensor here is {tensor.tolist()}")
        assert tensor.tolist() == ([0, 0] if method == "fork" else [1, 1])
        assert tensor.is_shared() == (method != "fork")

# %%
# Random generators
# -----------------
# A generator on the dataset is copied with its state, by each method. No start method makes
# workers differ: :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.

if __name__ == "__main__":
    here = np.random.default_rng(0).random()
    for method in METHODS:
        draws = [worker["draw"] for worker in workers[method]]
        print(f"{method}: {draws}")
        assert draws == [here, here]

# %%
# Hashes of strings
# -----------------
# Python mixes a random number into the hash of a string, each time that it starts. A forked
# worker keeps that of the main process, all workers of one fork server have another in
# common, and a spawned one has its own. The order of a set of strings goes with them, so
# sort what you iterate. (The variable ``PYTHONHASHSEED`` makes all of them equal.)

if __name__ == "__main__":
    fixed = os.environ.get("PYTHONHASHSEED", "random") != "random"
    for method in METHODS:
        hashes = [worker["hash"] for worker in workers[method]]
        distinct = {hash("cat"), *hashes}
        print(f"{method}: {len(distinct)} hashes in 3 processes")
        expected = {"fork": 1, "forkserver": 2, "spawn": 3}[method]
        assert len(distinct) == (1 if fixed else expected)

# %%
# Open files
# ----------
# A forked worker has the main process's open files, with one position in each for all of
# them. Two workers read here, and the position has moved in the main process: they take
# bytes from each other. Pickle refuses an open file, so the other two raise.


class Records(Dataset):
    def __init__(self, file):
        self.file = file

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.file.read(4)


def error_of_start(dataset, method, collate_fn=dict):
    """Return the name of what is raised when the workers start."""
    with warnings.catch_warnings(action="ignore"):  # torch warns besides
        try:
            list(load(dataset, method, collate_fn))
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            return type(error).__name__
    return "none"


if __name__ == "__main__":
    file_errors = {}
    for method in METHODS:
        with tempfile.TemporaryFile(buffering=0) as file:
            file.write(b"a record and more")
            file.seek(0)
            file_errors[method] = error_of_start(Records(file), method, bytes)
            position = file.tell()
        print(f"{method}: error {file_errors[method]}, position {position}")
        assert (file_errors[method] == "none") == (method == "fork")
        assert position == (8 if method == "fork" else 0)

# %%
# Open a file in the process that reads it, and leave it out of the pickle:
# :doc:`/gallery/5_workers/plot_file_opened_before_fork` has both, and shows why to open it
# "if it is not open yet" is not enough.

# %%
# What can be pickled
# -------------------
# For forkserver and spawn, all that the loader gives to a worker: the dataset, ``collate_fn``
# and ``worker_init_fn``. Functions and classes are pickled by their names. They have to
# stand at the top level of a file, and a lambda has no name.


def as_dict(sample):
    return dict(sample)


if __name__ == "__main__":
    pickle.dumps(as_dict)
    for method in METHODS:
        error = error_of_start(Asks(), method, lambda sample: {**sample})
        print(f"{method}: a lambda as collate_fn: error {error}")
        assert (error == "none") == (method == "fork")

# %%
# All of it
# ---------
# What was measured above, as a table.

if __name__ == "__main__":
    # Workers that import this file need no matplotlib.
    import matplotlib.pyplot as plt

    def row(tell):
        return [tell(method) for method in METHODS]

    def whose_hash(method):
        hashes = {worker["hash"] for worker in workers[method]}
        if hashes == {hash("cat")}:
            return "as in main"
        return "the workers' own" if len(hashes) == 1 else "one per worker"

    table = {
        "variable, changed": row(lambda m: workers[m][0]["setting"]),
        "attribute, changed": row(lambda m: workers[m][0]["attribute"]),
        "NumPy array": row(
            lambda m: "shared" if datasets[m].array.any() else "copy"
        ),
        "tensor": row(
            lambda m: "shared" if datasets[m].tensor.any() else "copy"
        ),
        "random generator": row(
            lambda m: "as in main" if workers[m][0]["draw"] == here else "own"
        ),
        "hash of a string": row(whose_hash),
        "open file": row(
            lambda m: "shared" if file_errors[m] == "none" else "error"
        ),
    }
    colours = {"shared": "#ffd9b3", "error": "#f6c1c1", "copy": "#d9efdc"}
    figure, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
    ax.set(title="What a worker has", xlim=(0, len(METHODS)))
    ax.set(ylim=(len(table), 0), yticks=np.arange(len(table)) + 0.5)
    ax.set(xticks=np.arange(len(METHODS)) + 0.5, xticklabels=METHODS)
    ax.set(yticklabels=table)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    for y, cells in enumerate(table.values()):
        for x, text in enumerate(cells):
            box = {"fc": colours.get(text, "#eeeeee"), "ec": "#999999"}
            ax.add_patch(plt.Rectangle((x, y), 1, 1, **box))
            ax.text(
                x + 0.5,
                y + 0.5,
                text,
                ha="center",
                va="center",
                color="k",
                size=9,
            )
    plt.show()

# %%
# See also
# --------
# * How long the copies live: :doc:`/gallery/explanations/plot_persistent_workers`.
# * What the workers are seeded with:
#   :doc:`/gallery/explanations/plot_where_randomness_comes_from`.
# * Python on `contexts and start methods
#   <https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods>`__,
#   PyTorch on `platform-specific behaviors
#   <https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors>`__.
