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
A file that workers share gives wrong samples
=============================================

A file that is open when workers are forked has one position, which they all move.

* **You see:** Without workers every sample is right; with several, some have bytes of
  others, or reading the file fails.
* **Because:** The dataset opened its file before the workers were forked, so that they
  all share one position in the file.
* **Do:** Open the file in the process that reads it, and leave it out of the pickle.
"""

# %%
# See it happen
# -------------
# A photograph lies in a file, without compression. A sample is a tile of it, of 12 rows. The
# dataset opens the file once. It goes to the place of a tile, reads a row of it, and moves on
# by the rest of the photograph's width.

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
SIZE = 16 * 3  # the bytes of a row


def new_folder():
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def write_photograph():
    path = new_folder() / "photograph"
    path.write_bytes(PHOTOGRAPH.tobytes())
    return path


# A forked worker has the names of the files. Another one is sent them.
PATH = None if __name__ == "__mp_main__" else write_photograph()


def place_of(index):
    top, left = divmod(index, WIDTH // 16)
    return (12 * top * WIDTH + 16 * left) * 3


def as_tensor(tile):
    values = bytearray(tile.ljust(12 * SIZE, b"\0"))
    return torch.frombuffer(values, dtype=torch.uint8).view(12, 16, 3)


class Tiles(Dataset):
    def __init__(self, path):
        self.file = path.open("rb")

    def __len__(self):
        return HEIGHT // 12 * (WIDTH // 16)

    def __getitem__(self, index):
        tile = b""
        self.file.seek(place_of(index))
        for _ in range(12):
            tile += self.file.read(SIZE)
            self.file.seek(WIDTH * 3 - SIZE, os.SEEK_CUR)
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
    """Put the tiles of an epoch together."""
    tiles = torch.cat(list(loader)).view(HEIGHT // 12, WIDTH // 16, 12, 16, 3)
    return tiles.transpose(1, 2).reshape(HEIGHT, WIDTH, 3).numpy()


def wrong_pixels(photograph):
    return (photograph != PHOTOGRAPH).any(2)


def worst_epoch(loader, epochs=50, enough=1000):
    """Return what was read in the epoch with the most wrong pixels."""
    worst = PHOTOGRAPH
    for _ in range(epochs):
        photograph = read_photograph(loader)
        worst = max(worst, photograph, key=lambda one: wrong_pixels(one).sum())
        if wrong_pixels(worst).sum() > enough:
            break
    return worst


if __name__ == "__main__":
    alone = read_photograph(load(Tiles(PATH), num_workers=0))
    broken_photograph = worst_epoch(broken)
    wrong = wrong_pixels(broken_photograph)
    print(f"0 workers: {wrong_pixels(alone).sum()} pixels are wrong")
    print(f"2 workers: {wrong.sum()} pixels are wrong")
    assert wrong_pixels(alone).sum() == 0
    assert wrong.sum() > 0

# %%
# The loop ran to its end: there is no error. Which pixels are wrong depends on when which
# worker runs.

# %%
# Why
# ---
# The position in an open file belongs to the system, not to the process. A forked worker
# gets the main process's open files, and each of them has one position for all. Between
# one worker's ``seek`` and its last ``read``, another worker may move it. The main process,
# which reads nothing, can see it move.

if __name__ == "__main__":
    dataset = Tiles(PATH)
    descriptor = dataset.file.fileno()
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    list(load(dataset, num_workers=1))
    after = os.lseek(descriptor, 0, os.SEEK_CUR)
    print(f"position in the main process: {before}, after an epoch {after}")
    assert before == 0
    assert after > before

# %%
# Under the start methods spawn and forkserver, the dataset would have to be pickled, and an
# open file cannot be. There the same mistake is an error.

if __name__ == "__main__":
    message = ""
    try:
        pickle.dumps(Tiles(PATH))
    except TypeError as error:
        message = str(error)
    print("TypeError:", message)
    assert "cannot pickle" in message

# %%
# A zip file that is open is an open file, too. It has checksums, so that what goes wrong is
# mostly an error. The same was said of HDF5 and of LMDB; here is what the installed versions
# do. Each sample below is a row of numbers, each equal to the index.

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
    """Count what becomes of the samples, until an epoch has something wrong."""
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
        InLMDB: f"lmdb {lmdb.__version__}, read-only and without its locks",
        InMemmap: f"memory map of NumPy {np.__version__}",
    }
    found = {}
    for kind, name in versions.items():
        epochs = 100 if kind is InZip else 3
        found[kind] = outcomes(kind(new_folder()), epochs)
        print(f"{name}: {found[kind]}")
    assert found[InZip].keys() - {"right"}
    for kind in (InHDF5, InLMDB, InMemmap):
        assert found[kind] == {"right": 3 * len(ROWS)}

# %%
# These versions of HDF5 and LMDB read every row correctly. All the same,
# `LMDB forbids <http://www.lmdb.tech/doc/>`__ to use what was open before a fork, and `h5py
# advises against it <https://docs.h5py.org/en/latest/mpi.html>`__, so open them as below, too.
# A memory map has no position.

# %%
# The fix
# -------
# Open the file in the process that reads it. The dataset remembers which process that was.


class OpenedLate(Tiles):
    def __init__(self, path):
        self.path, self.file, self.pid = path, None, None

    def __getitem__(self, index):
        if self.pid != os.getpid():  # the first sample of this process
            self.file, self.pid = self.path.open("rb"), os.getpid()
        return super().__getitem__(index)

    def __getstate__(self):  # for spawn and forkserver
        return self.__dict__ | {"file": None, "pid": None}


fixed = load(OpenedLate(PATH)) if PATH else None

if __name__ == "__main__":
    for _ in range(10):
        fixed_photograph = read_photograph(fixed)
        assert (fixed_photograph == PHOTOGRAPH).all()
    print("10 epochs: every pixel is right")

# %%
# The same for HDF5. Rows that are still wrong then have another cause:
# :doc:`/symptoms/index` has the questions that lead to it.


class HDF5OpenedLate(Rows):
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
    InHDF5(folder).file.close()  # it has written the file
    dataset = HDF5OpenedLate(folder / "rows.h5")
    dataset[0]
    assert outcomes(dataset, 3) == {"right": 3 * len(ROWS)}

# %%
# To open it "if it is not open yet" is not enough. Whoever looks at ``dataset[0]`` first opens
# it in the main process, before the workers are forked.


class OpenedOnce(OpenedLate):
    def __getitem__(self, index):
        if self.file is None:
            self.file = self.path.open("rb")
        return Tiles.__getitem__(self, index)


if __name__ == "__main__":
    dataset = OpenedOnce(PATH)
    dataset[0]
    wrong_again = wrong_pixels(worst_epoch(load(dataset)))
    print(f"2 workers: {wrong_again.sum()} pixels are wrong")
    assert wrong_again.sum() > 0

    dataset = OpenedLate(PATH)
    dataset[0]
    for _ in range(10):
        assert (read_photograph(load(dataset)) == PHOTOGRAPH).all()

# %%
# On Linux and macOS there is a way to read without a position: ``os.pread`` takes the place
# with each request. Then the file may be open.


class WithoutPosition(Tiles):
    def __getitem__(self, index):
        rows = range(place_of(index), HEIGHT * WIDTH * 3, WIDTH * 3)[:12]
        file = self.file.fileno()
        return as_tensor(
            b"".join(os.pread(file, SIZE, place) for place in rows)
        )


if __name__ == "__main__":
    for _ in range(10):
        photograph = read_photograph(load(WithoutPosition(PATH)))
        assert (photograph == PHOTOGRAPH).all()

# %%
# Proof
# -----
# The photograph as two workers have read it. In the middle, the wrong pixels are
# red.

if __name__ == "__main__":
    marked = broken_photograph // 4 + 191
    marked[wrong] = (200, 85, 61)
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), layout="constrained")
    for ax, name, picture in (
        (axes[0], "broken", broken_photograph),
        (axes[1], f"broken: {wrong.sum()} wrong pixels", marked),
        (axes[2], "fixed", fixed_photograph),
    ):
        ax.imshow(picture)
        ax.set(xticks=[], yticks=[], title=name)
    plt.show()

# %%
# Find it in your code
# --------------------
# Look for files that are open before the workers are. This tells whether a dataset holds one
# as an attribute.


NOT_OF_PYTHON = (zipfile.ZipFile, h5py.File, h5py.Dataset, lmdb.Environment)


def open_files(dataset):
    return [
        name
        for name, value in vars(dataset).items()
        if hasattr(value, "fileno") or isinstance(value, NOT_OF_PYTHON)
    ]


if __name__ == "__main__":
    print("broken:", open_files(broken.dataset))
    print("fixed: ", open_files(fixed.dataset))
    assert open_files(broken.dataset) == ["file"]
    assert open_files(fixed.dataset) == []
    assert open_files(InHDF5(new_folder())) == ["file", "rows"]
    assert open_files(InLMDB(new_folder())) == ["file"]

# %%
# Or let ``dejabatch.audit`` look for it anywhere in the dataset. It reads a loader in a
# process of its own, without changing it, and sees the position move.

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
# * Python's `os.fork <https://docs.python.org/3/library/os.html#os.fork>`__ and `os.pread
#   <https://docs.python.org/3/library/os.html#os.pread>`__.
# * People who met it with HDF5: `pytorch#11929
#   <https://github.com/pytorch/pytorch/issues/11929>`__, and with zip files: `numpy#18124
#   <https://github.com/numpy/numpy/issues/18124>`__.
# * The recipe to copy: :doc:`/recipes/index`.
# * What else a worker has of the main process, and what not:
#   :doc:`/gallery/5_workers/plot_stale_worker_copy` and
#   :doc:`/gallery/5_workers/plot_globals_reset_by_spawn`.
# * Workers edit what is stored: :doc:`/gallery/1_sample/plot_inplace_edit_of_stored_data`.
