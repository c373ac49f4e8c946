# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "h5py",
#   "lmdb",
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
Samples are corrupt when workers share an open file
===================================================

Forked workers share the position of a file that was open before the fork.

* **You see:** Without workers every sample is right; with several workers, some samples
  hold bytes of others, or reading fails.
* **Because:** The dataset opens its file before the workers fork, so all workers share
  one position in the file.
* **Do:** Open the file in each process that reads it, and leave the open file out of
  the pickle.
"""

# %%
# See it happen
# -------------
# Each sample is a tile of an uncompressed photograph. The dataset opens the file in
# ``__init__``. ``__getitem__`` seeks to the tile and reads it. The loop ends without an error.

# sphinx_gallery_tags = ["wrong samples", "files", "start method", "dataset"]
# sphinx_gallery_parallel = False

import atexit
import os
import pickle
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import h5py
import lmdb
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = plt.imread(file)
HEIGHT, WIDTH, _ = PHOTOGRAPH.shape
ROW_BYTES = 16 * 3  # a row of a tile: 16 pixels of 3 bytes


def new_folder():
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def write_photograph():
    path = new_folder() / "photograph"
    path.write_bytes(PHOTOGRAPH.tobytes())
    return path


# Spawned workers import this file, too, and receive the path by pickle.
PATH = None if __name__ == "__mp_main__" else write_photograph()


def offset_of(index):
    top, left = divmod(index, WIDTH // 16)
    return (12 * top * WIDTH + 16 * left) * 3


def as_tensor(tile):
    values = bytearray(tile.ljust(12 * ROW_BYTES, b"\0"))
    return torch.frombuffer(values, dtype=torch.uint8).view(12, 16, 3)


class Tiles(Dataset):
    def __init__(self, path):
        self.file = path.open("rb")

    def __len__(self):
        return HEIGHT // 12 * (WIDTH // 16)

    def __getitem__(self, index):
        tile = b""
        self.file.seek(offset_of(index))
        for _ in range(12):
            tile += self.file.read(ROW_BYTES)
            self.file.seek(WIDTH * 3 - ROW_BYTES, os.SEEK_CUR)
        return as_tensor(tile)


def load(dataset, num_workers=2):
    return DataLoader(
        dataset,
        batch_size=64,
        num_workers=num_workers,
        multiprocessing_context="fork" if num_workers else None,
    )


broken = load(Tiles(PATH)) if PATH else None


def read_photograph(loader):
    """Read one epoch and return the photograph that its tiles form."""
    tiles = torch.cat(list(loader)).view(HEIGHT // 12, WIDTH // 16, 12, 16, 3)
    return tiles.transpose(1, 2).reshape(HEIGHT, WIDTH, 3).numpy()


def wrong_pixels(photograph):
    return (photograph != PHOTOGRAPH).any(2)


def worst_epoch(loader, epochs=50, enough=1000):
    """Return the photograph of the epoch with the most wrong pixels."""
    worst = PHOTOGRAPH
    for _ in range(epochs):
        photograph = read_photograph(loader)
        worst = max(worst, photograph, key=lambda p: wrong_pixels(p).sum())
        if wrong_pixels(worst).sum() > enough:
            break
    return worst


if __name__ == "__main__":
    without_workers = read_photograph(load(Tiles(PATH), num_workers=0))
    broken_photograph = worst_epoch(broken)
    wrong = wrong_pixels(broken_photograph)
    print(f"broken: {wrong.sum()} pixels are wrong with 2 workers")
    print(f"0 workers: {wrong_pixels(without_workers).sum()} pixels are wrong")
    assert wrong_pixels(without_workers).sum() == 0
    assert wrong.sum() > 0

# %%
# Why
# ---
# A forked worker inherits the open files of the main process, and all processes share the
# position in each file. Between a worker's ``seek`` and its ``read``, another worker may
# move the position. Here the main process reads nothing, but sees the position move.

if __name__ == "__main__":
    dataset = Tiles(PATH)
    descriptor = dataset.file.fileno()
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    list(load(dataset, num_workers=1))
    after = os.lseek(descriptor, 0, os.SEEK_CUR)
    print(f"position in the main process: {before}, after an epoch: {after}")
    assert before == 0
    assert after > before

# %%
# The start methods spawn and forkserver pickle the dataset, and pickling an open file
# raises an error.

if __name__ == "__main__":
    message = ""
    try:
        pickle.dumps(Tiles(PATH))
    except TypeError as error:
        message = str(error)
    print("TypeError:", message)
    assert "cannot pickle" in message

# %%
# A dataset in a zip, HDF5 or LMDB file keeps a file open, too. The cell below tests the
# installed versions. Each sample is a row of numbers that equal the index, so wrong rows
# are visible.

ROWS = np.arange(8_000)[:, None].repeat(16, axis=1)


class Rows(Dataset):
    def __len__(self):
        return len(ROWS)

    def __getitem__(self, index):
        try:
            row = self.read(index)
        except Exception as error:
            return type(error).__name__
        return "right" if (row == ROWS[index]).all() else "wrong"


class InZip(Rows):
    def __init__(self, folder):
        with zipfile.ZipFile(folder / "rows.zip", "w") as archive:
            for index, row in enumerate(ROWS):
                archive.writestr(str(index), row.tobytes())
        self.archive = zipfile.ZipFile(folder / "rows.zip")

    def read(self, index):
        return np.frombuffer(self.archive.read(str(index)), dtype=ROWS.dtype)


class InHDF5(Rows):
    def __init__(self, folder):
        with h5py.File(folder / "rows.h5", "w") as file:
            file.create_dataset(
                "rows", data=ROWS, chunks=(16, 16), compression="gzip"
            )
        self.file = h5py.File(folder / "rows.h5")
        self.rows = self.file["rows"]

    def read(self, index):
        return self.rows[index]


class InLMDB(Rows):
    def __init__(self, folder):
        path = str(folder / "rows.lmdb")
        with (
            lmdb.open(path, map_size=2**26) as file,
            file.begin(write=True) as writer,
        ):
            for index, row in enumerate(ROWS):
                writer.put(str(index).encode(), row.tobytes())
        self.file = lmdb.open(path, readonly=True, lock=False)

    def read(self, index):
        with self.file.begin() as reader:
            row = reader.get(str(index).encode())
        return np.frombuffer(row, dtype=ROWS.dtype)


class InMemmap(Rows):
    def __init__(self, folder):
        np.save(folder / "rows.npy", ROWS)
        self.rows = np.load(folder / "rows.npy", mmap_mode="r")

    def read(self, index):
        return self.rows[index]


def outcomes(dataset, epochs):
    """Count right, wrong and failed samples, up to the first bad epoch."""
    found = Counter()
    for _ in range(epochs):
        for batch in load(dataset):
            found.update(batch)
        if len(found) > 1:
            break
    return dict(found)


if __name__ == "__main__":
    versions = {
        InZip: "zipfile",
        InHDF5: f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}",
        InLMDB: f"lmdb {lmdb.__version__}, read-only and without locks",
        InMemmap: f"np.memmap of NumPy {np.__version__}",
    }
    found = {}
    for dataset_class, name in versions.items():
        epochs = 100 if dataset_class is InZip else 3
        found[dataset_class] = outcomes(dataset_class(new_folder()), epochs)
        print(f"{name}: {found[dataset_class]}")
    assert found[InZip].keys() - {"right"}
    for dataset_class in (InHDF5, InLMDB, InMemmap):
        assert found[dataset_class] == {"right": 3 * len(ROWS)}

# %%
# Zip files fail, but these versions of HDF5 and LMDB read every row correctly. Still, open
# HDF5 and LMDB files in the worker, as below. `LMDB forbids <http://www.lmdb.tech/doc/>`__
# using an environment from before a fork, and `h5py advises against it
# <https://docs.h5py.org/en/latest/mpi.html>`__. ``np.memmap`` is safe: it has no shared
# position.

# %%
# The fix
# -------
# Open the file in the process that reads it. The dataset stores the process's id, and opens
# the file again in another process.


class OpensInWorker(Tiles):
    def __init__(self, path):
        self.path, self.file, self.pid = path, None, None

    def __getitem__(self, index):
        if self.pid != os.getpid():  # this process has not opened the file
            self.file, self.pid = self.path.open("rb"), os.getpid()
        return super().__getitem__(index)

    def __getstate__(self):  # spawn and forkserver pickle the dataset
        return self.__dict__ | {"file": None, "pid": None}


fixed = load(OpensInWorker(PATH)) if PATH else None

if __name__ == "__main__":
    for _ in range(10):
        fixed_photograph = read_photograph(fixed)
        assert (fixed_photograph == PHOTOGRAPH).all()
    still_wrong = wrong_pixels(fixed_photograph).sum()
    print(f"fixed: {still_wrong} pixels are wrong with 2 workers")

# %%
# HDF5 works in the same way. If rows are still wrong, look for another cause in
# :doc:`/symptoms/index`.


class HDF5OpensInWorker(Rows):
    def __init__(self, path):
        self.path, self.file, self.pid = path, None, None

    def read(self, index):
        if self.pid != os.getpid():
            self.file, self.pid = h5py.File(self.path), os.getpid()
        return self.file["rows"][index]

    def __getstate__(self):
        return self.__dict__ | {"file": None, "pid": None}


if __name__ == "__main__":
    folder = new_folder()
    InHDF5(folder).file.close()  # InHDF5 writes rows.h5
    dataset = HDF5OpensInWorker(folder / "rows.h5")
    dataset[0]
    assert outcomes(dataset, 3) == {"right": 3 * len(ROWS)}

# %%
# Opening the file "if it is not open yet" is not enough. Reading ``dataset[0]`` in the main
# process opens the file before the workers fork.


class OpensOnce(OpensInWorker):
    def __getitem__(self, index):
        if self.file is None:
            self.file = self.path.open("rb")
        return Tiles.__getitem__(self, index)


if __name__ == "__main__":
    dataset = OpensOnce(PATH)
    dataset[0]
    wrong_again = wrong_pixels(worst_epoch(load(dataset)))
    print(f"2 workers: {wrong_again.sum()} pixels are wrong")
    assert wrong_again.sum() > 0

    dataset = OpensInWorker(PATH)
    dataset[0]
    for _ in range(10):
        assert (read_photograph(load(dataset)) == PHOTOGRAPH).all()

# %%
# On Linux and macOS, ``os.pread`` reads at a given offset and ignores the shared position.
# The file may then be open before the fork.


class ReadsAtOffset(Tiles):
    def __getitem__(self, index):
        rows = range(offset_of(index), HEIGHT * WIDTH * 3, WIDTH * 3)[:12]
        file = self.file.fileno()
        return as_tensor(
            b"".join(os.pread(file, ROW_BYTES, offset) for offset in rows)
        )


if __name__ == "__main__":
    for _ in range(10):
        photograph = read_photograph(load(ReadsAtOffset(PATH)))
        assert (photograph == PHOTOGRAPH).all()

# %%
# Proof
# -----
# The middle picture marks in red the pixels that two workers read wrongly.


def plot(broken_photograph, wrong, fixed_photograph):
    marked = broken_photograph // 4 + 191
    marked[wrong] = (200, 85, 61)
    _, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), layout="constrained")
    for ax, name, picture in (
        (axes[0], "broken", broken_photograph),
        (axes[1], f"broken: {wrong.sum()} wrong pixels", marked),
        (axes[2], "fixed", fixed_photograph),
    ):
        ax.imshow(picture)
        ax.set(xticks=[], yticks=[], title=name)
    plt.show()


if __name__ == "__main__":
    plot(broken_photograph, wrong, fixed_photograph)

# %%
# Find it in your code
# --------------------
# Look for files that the dataset opens before the workers start. ``open_files`` lists the
# attributes of a dataset that are open files.


LIBRARY_FILES = (zipfile.ZipFile, h5py.File, h5py.Dataset, lmdb.Environment)


def open_files(dataset):
    return [
        name
        for name, value in vars(dataset).items()
        if hasattr(value, "fileno") or isinstance(value, LIBRARY_FILES)
    ]


if __name__ == "__main__":
    print("broken:", open_files(broken.dataset))
    print("fixed: ", open_files(fixed.dataset))
    assert open_files(broken.dataset) == ["file"]
    assert open_files(fixed.dataset) == []
    assert open_files(InHDF5(new_folder())) == ["file", "rows"]
    assert open_files(InLMDB(new_folder())) == ["file"]

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# searches the whole dataset and sees the position move.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("file-opened-before-fork", "dataset.file")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * Users report the failure with HDF5 in `pytorch#11929
#   <https://github.com/pytorch/pytorch/issues/11929>`__, and with zip files in `numpy#18124
#   <https://github.com/numpy/numpy/issues/18124>`__.
# * A recipe opens HDF5 files in the worker: :doc:`/recipes/index`.
# * Workers keep an old copy of the dataset:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy`.
