# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
fork, spawn and forkserver in DataLoader workers
================================================

Variables, attributes, tensors, generators and open files in workers of each start method.

A worker is a separate process. A forked worker starts with all memory of the main process.
A spawned worker, and a worker of the fork server, get only what is pickled for them.

.. code-block:: text

   fork        main ═══════════ all of its memory ═══════════▶ worker

   forkserver  main ── starts a server, which is forked ─────▶ worker
                 └──── pickle of the dataset ────────────────▶   ┘

   spawn       main ── starts a new Python ──────────────────▶ worker
                 └──── pickle of the dataset ────────────────▶   ┘

Below, two workers of each kind report what they have. Run this page as a script: a spawned
worker cannot import classes from a notebook.
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

# Windows has only spawn.
METHODS = [
    method
    for method in ("fork", "forkserver", "spawn")
    if method in multiprocessing.get_all_start_methods()
]
SETTING = "as in the file"
IMPORTED_BY = os.getpid()


class WorkerContents(Dataset):
    """Report what a worker has. Write into the array and the tensor."""

    def __init__(self):
        self.attribute = "from __init__"
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


def make_loader(dataset, method, collate_fn=dict):
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
        datasets[method] = WorkerContents()
        loader = make_loader(datasets[method], method)
        datasets[method].attribute = "changed"
        workers[method] = list(loader)
        processes = {worker["process"] for worker in workers[method]}
        print(f"{method}: {len(processes)} processes")
        assert len(processes) == 2
        assert os.getpid() not in processes

# %%
# Which start method do you have?
# -------------------------------
# The default depends on the system and on the version of Python. Linux has fork until
# Python 3.13, and forkserver since Python 3.14. macOS and Windows have spawn.

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
# To choose for one loader, pass ``multiprocessing_context="fork"`` as above. To choose for
# the program, call ``multiprocessing.set_start_method`` once, below
# ``if __name__ == "__main__":``.

# %%
# Global variables: only fork keeps changes
# -----------------------------------------
# A forked worker has the current values of all global variables. Workers of the other
# start methods have the values that an import of the program's file gives:
# :doc:`/gallery/5_workers/plot_globals_reset_by_spawn`. Each spawned worker imports the
# file again.

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
# Dataset attributes: copied when the worker starts
# -------------------------------------------------
# Under each start method, a worker has the attributes that the dataset had when the worker
# started. Here, the attribute was changed after the loader was made. Numbers that a worker
# writes into a NumPy array stay in the worker:
# :doc:`/gallery/5_workers/plot_state_lost_in_workers`. For changes that the main process
# makes later, see :doc:`/gallery/5_workers/plot_stale_worker_copy`.

if __name__ == "__main__":
    for method in METHODS:
        attributes = {worker["attribute"] for worker in workers[method]}
        array = datasets[method].array.tolist()
        print(f"{method}: {attributes}, array in the main process {array}")
        assert attributes == {"changed"}
        assert array == [0, 0]

# %%
# Tensors: shared under spawn and forkserver
# ------------------------------------------
# When torch pickles a tensor for another process, torch moves the tensor to shared memory.
# Under forkserver and spawn, the workers and the main process share one tensor. An edit in
# place reaches all of them:
# :doc:`/gallery/1_sample/plot_inplace_edit_of_stored_data`. Under fork, an ordinary tensor
# is a copy.

if __name__ == "__main__":
    for method in METHODS:
        tensor = datasets[method].tensor
        print(f"{method}: tensor in the main process {tensor.tolist()}")
        assert tensor.tolist() == ([0, 0] if method == "fork" else [1, 1])
        assert tensor.is_shared() == (method != "fork")

# %%
# Random generators: copied with their state
# ------------------------------------------
# Each start method copies a generator on the dataset together with its state. All
# workers then draw the same numbers: :doc:`/gallery/2_randomness/plot_rng_object_on_dataset`.

if __name__ == "__main__":
    main_draw = np.random.default_rng(0).random()
    for method in METHODS:
        draws = [worker["draw"] for worker in workers[method]]
        print(f"{method}: {draws}")
        assert draws == [main_draw, main_draw]

# %%
# String hashes: different under spawn and forkserver
# ---------------------------------------------------
# Each new Python process hashes strings with a new random number. A forked worker has the
# hashes of the main process. The workers of one fork server share other hashes, and each
# spawned worker has its own. The order of a set of strings depends on the hashes, so sort
# a set before you iterate over it. If ``PYTHONHASHSEED`` is a number, all hashes are equal.

if __name__ == "__main__":
    fixed = os.environ.get("PYTHONHASHSEED", "random") != "random"
    for method in METHODS:
        hashes = [worker["hash"] for worker in workers[method]]
        distinct = {hash("cat"), *hashes}
        print(f"{method}: {len(distinct)} distinct hashes in 3 processes")
        expected = {"fork": 1, "forkserver": 2, "spawn": 3}[method]
        assert len(distinct) == (1 if fixed else expected)

# %%
# Open files: a shared position under fork
# ----------------------------------------
# Forked workers share each open file, and its position, with the main process. Here, two
# workers read four bytes each, and the position in the main process moves by eight. An
# open file cannot be pickled, so forkserver and spawn raise an error.


class Records(Dataset):
    def __init__(self, file):
        self.file = file

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.file.read(4)


def error_of_start(dataset, method, collate_fn=dict):
    """Return the name of the error that stops the workers' start."""
    with warnings.catch_warnings(action="ignore"):  # torch also warns
        try:
            list(make_loader(dataset, method, collate_fn))
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
# Open a file in the process that reads the file, and leave the file out of the pickle. For
# both, see :doc:`/gallery/5_workers/plot_file_opened_before_fork`.

# %%
# Lambdas: an error under spawn and forkserver
# --------------------------------------------
# Under forkserver and spawn, the dataset, ``collate_fn`` and ``worker_init_fn`` must be
# picklable. Functions and classes are pickled by name, so define them at the top level of
# a file. A lambda has no such name and cannot be pickled.


def as_dict(sample):
    return dict(sample)


if __name__ == "__main__":
    pickle.dumps(as_dict)
    for method in METHODS:
        error = error_of_start(
            WorkerContents(), method, lambda sample: {**sample}
        )
        print(f"{method}: a lambda as collate_fn: error {error}")
        assert (error == "none") == (method == "fork")

# %%
# All measurements in one table
# -----------------------------
# The table shows what was measured above.

if __name__ == "__main__":
    # Import here, because workers that import this file do not plot.
    import matplotlib.pyplot as plt

    def row(describe):
        return [describe(method) for method in METHODS]

    def describe_hash(method):
        hashes = {worker["hash"] for worker in workers[method]}
        if hashes == {hash("cat")}:
            return "as in main"
        return "same in workers" if len(hashes) == 1 else "one per worker"

    table = {
        "changed global variable": row(lambda m: workers[m][0]["setting"]),
        "changed attribute": row(lambda m: workers[m][0]["attribute"]),
        "NumPy array": row(
            lambda m: "shared" if datasets[m].array.any() else "copy"
        ),
        "tensor": row(
            lambda m: "shared" if datasets[m].tensor.any() else "copy"
        ),
        "random generator": row(
            lambda m: (
                "as in main" if workers[m][0]["draw"] == main_draw else "own"
            )
        ),
        "hash of a string": row(describe_hash),
        "open file": row(
            lambda m: "shared" if file_errors[m] == "none" else "error"
        ),
    }
    colours = {"shared": "#ffd9b3", "error": "#f6c1c1", "copy": "#d9efdc"}
    figure, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
    ax.set(title="Copied into a worker", xlim=(0, len(METHODS)))
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
# * Workers that keep their copies for all epochs:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
# * The seeds of the workers:
#   :doc:`/gallery/explanations/plot_where_randomness_comes_from`.
# * Python on `contexts and start methods
#   <https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods>`__,
#   PyTorch on `platform-specific behaviors
#   <https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors>`__.
