"""Random numbers that differ where they should: by worker, epoch, rank and sample.

Two ways. `seed_worker` gives every generator in a worker a stream of its own. `PerSample`
gives every sample of every epoch its own, so that not even the number of workers matters.
"""

from __future__ import annotations

import os
import random
import struct
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, Self

import numpy as np
import torch
import xxhash
from torch.utils.data import Dataset, get_worker_info

from dejabatch.ranks import rank_and_world_size
from dejabatch.state import generators as rng


def seed_worker(worker_id: int) -> None:
    """Seed every random generator that a worker can reach; a ``worker_init_fn``.

    These are the three global generators, OpenCV's if it is imported, and every generator
    object that the dataset, its transforms or the collate function hold. Each gets a
    stream of its own in every worker, epoch, rank and run, except that generators which
    were in one state, as those for an image and its mask may be, stay together.

    Parameters
    ----------
    worker_id : int
        Number of the worker, which the DataLoader passes.

    Raises
    ------
    RuntimeError
        If it is called outside of a worker.

    Notes
    -----
    A generator is seeded from the base seed of the epoch, the rank, the worker and a digest
    of its state before, by :class:`numpy.random.SeedSequence` (O'Neill's seed_seq,
    https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html). The rank is
    that of torch.distributed or, in a spawned worker, of the variable ``RANK``, which
    torchrun sets. torch's and OpenCV's generators use 32 bits of it.

    With ``persistent_workers=True`` it runs once, and the streams go on.

    Examples
    --------
    >>> from dejabatch import seed_worker
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(8), num_workers=2, worker_init_fn=seed_worker)
    """
    info = get_worker_info()
    if info is None:
        msg = "seed_worker: pass it to a DataLoader, as worker_init_fn=seed_worker"
        raise RuntimeError(msg)
    rank, _ = rank_and_world_size()
    entropy = _words(info.seed - worker_id, rank, worker_id)
    roots = {"dataset": info.dataset, "collate_fn": _collate_fn()}
    found = rng.global_rngs() | {one.path: one.rng for one in rng.find(roots)}
    for generator in found.values():
        state = np.frombuffer(rng.digest(generator), np.uint32).tolist()
        rng.reseed(generator, np.random.SeedSequence([*entropy, *state]))
    if "cv2" in sys.modules:
        seed = np.random.SeedSequence(entropy).generate_state(1)[0]
        sys.modules["cv2"].setRNGSeed(int(seed >> 1))


def _collate_fn() -> object:
    """Return the loader's collate_fn, which only torch's worker loop has."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_name != "_worker_loop":
        frame = frame.f_back
    return None if frame is None else frame.f_locals.get("collate_fn")


def _words(*numbers: int) -> list[int]:
    """Return 32-bit words, two for each number: no other numbers have the same."""
    packed = struct.pack(f"<{len(numbers)}q", *numbers)
    return [int(word) for word in np.frombuffer(packed, np.uint32)]


class _Stream:
    """Return a NumPy generator for one sample, or torch's or Python's.

    `stream` itself returns NumPy's, `stream.torch` and `stream.python` the others.

    Parameters
    ----------
    seed : int
        Seed of the run, at least 0 and less than 2**63, like the others.
    epoch : int
        Which epoch.
    rank : int
        Which rank. Leave it out where a sample is to be the same on each.
    index : int
        Which sample.

    Returns
    -------
    numpy.random.Generator
        Independent of that of any other four numbers, by
        :class:`numpy.random.SeedSequence`.

    Raises
    ------
    ValueError
        If a number is negative or too large. The message names it.
    TypeError
        If one is no integer.

    Examples
    --------
    >>> from dejabatch import stream
    >>> stream(7, epoch=1, index=3).integers(100, size=4)
    array([51, 84, 67, 14])
    >>> stream(7, epoch=1, index=3).integers(100, size=4)
    array([51, 84, 67, 14])
    >>> stream(7, epoch=2, index=3).integers(100, size=4)
    array([31, 67, 44, 15])
    """

    # The docstring is that of `stream`, a function with two siblings.

    def __call__(
        self, seed: int, *, epoch: int = 0, rank: int = 0, index: int = 0
    ) -> np.random.Generator:
        return np.random.default_rng(self._sequence(seed, epoch, rank, index))

    def torch(
        self, seed: int, *, epoch: int = 0, rank: int = 0, index: int = 0
    ) -> torch.Generator:
        """Return a :class:`torch.Generator` for one sample.

        Parameters
        ----------
        seed, epoch, rank, index : int
            As for `stream` itself.

        Returns
        -------
        torch.Generator
            On the CPU. Its seed has 32 bits, so that among 77,000 of them two are alike
            with a probability of a half.

        Examples
        --------
        >>> import torch
        >>> from dejabatch import stream
        >>> generator = stream.torch(7, epoch=1, index=3)
        >>> torch.randint(100, (4,), generator=generator)
        tensor([70, 16, 49,  5])
        """
        generator = torch.Generator()
        rng.reseed(generator, self._sequence(seed, epoch, rank, index))
        return generator

    def python(
        self, seed: int, *, epoch: int = 0, rank: int = 0, index: int = 0
    ) -> random.Random:
        """Return a :class:`random.Random` for one sample.

        Parameters
        ----------
        seed, epoch, rank, index : int
            As for `stream` itself.

        Returns
        -------
        random.Random
            Independent of that of any other four numbers.

        Examples
        --------
        >>> from dejabatch import stream
        >>> stream.python(7, epoch=1, index=3).choices("abc", k=4)
        ['b', 'a', 'b', 'b']
        """
        generator = random.Random()
        rng.reseed(generator, self._sequence(seed, epoch, rank, index))
        return generator

    @staticmethod
    def _sequence(
        seed: int, epoch: int, rank: int, index: int
    ) -> np.random.SeedSequence:
        numbers = {"seed": seed, "epoch": epoch, "rank": rank, "index": index}
        for name, number in numbers.items():
            _refuse_bad_number(name, number)
        return np.random.SeedSequence(_words(*map(int, numbers.values())))


stream = _Stream()


class EpochIndex(int):
    """An index that knows its epoch, and is an `int` for everybody else.

    Parameters
    ----------
    index : int
        The index.
    epoch : int
        The epoch.

    Attributes
    ----------
    epoch : int
        The epoch.

    Examples
    --------
    >>> from dejabatch import EpochIndex
    >>> index = EpochIndex(2, epoch=5)
    >>> index, index.epoch, [10, 20, 30][index]
    (2, 5, 30)
    """

    epoch: int

    def __new__(cls, index: int, epoch: int) -> Self:
        """Make an int with an attribute."""
        self = super().__new__(cls, index)
        self.epoch = epoch
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell pickle about both numbers."""
        return EpochIndex, (int(self), self.epoch)


class EpochSampler:
    """A sampler whose indices carry the number of the epoch, for `PerSample`.

    Parameters
    ----------
    sampler : torch.utils.data.Sampler or iterable
        Where the indices come from: a sampler of any kind, or a batch sampler. Its
        ``set_epoch`` is called if it has one.

    Raises
    ------
    TypeError
        If `sampler` is not iterable.

    Examples
    --------
    >>> from dejabatch import EpochSampler
    >>> sampler = EpochSampler(range(3))
    >>> list(sampler), [index.epoch for index in sampler]
    ([0, 1, 2], [1, 1, 1])
    """

    def __init__(self, sampler: Any) -> None:
        if not isinstance(sampler, Iterable):
            msg = f"sampler must be a sampler, not {type(sampler).__qualname__}"
            raise TypeError(msg)
        self.sampler = sampler
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that the next pass has; without it, each has the next number.

        Parameters
        ----------
        epoch : int
            At least 0 and less than 2**63.

        Raises
        ------
        TypeError
            If it is no integer.
        ValueError
            If it is negative or too large.

        Examples
        --------
        >>> from dejabatch import EpochSampler
        >>> sampler = EpochSampler(range(3))
        >>> sampler.set_epoch(5)  # to go on with a run that has done five
        >>> [index.epoch for index in sampler]
        [5, 5, 5]
        """
        _refuse_bad_number("epoch", epoch)
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        """Yield the sampler's indices, or lists of them."""
        # As a generator does: a DataLoader with workers calls iter() twice for a pass.
        epoch, self.epoch = self.epoch, self.epoch + 1
        if callable(set_epoch := getattr(self.sampler, "set_epoch", None)):
            set_epoch(epoch)
        for index in self.sampler:
            if isinstance(index, (list, tuple)):
                yield [EpochIndex(one, epoch) for one in index]
            else:
                yield EpochIndex(index, epoch)

    def __len__(self) -> int:
        """Return the sampler's length."""
        return len(self.sampler)  # type: ignore[arg-type]


class PerSample(Dataset[Any]):
    """A dataset whose samples each have random numbers of their own.

    A sample's numbers depend on `seed`, on its epoch and on its index, and on nothing else:
    the same sample gets the same augmentation whatever the number of workers, the start
    method, the order or the rank, and another one in every epoch. It seeds all generators
    that `seed_worker` seeds, except OpenCV's and those that the collate function holds.
    Without workers, the main process's global generators are put back after each sample.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        A map-style dataset. Its attributes are found here, too.
    seed : int
        Seed of the run, at least 0 and less than 2**63.

    Raises
    ------
    TypeError
        If `dataset` cannot be indexed, or `seed` is no integer; and when a sample is
        asked for by an index that knows no epoch.
    ValueError
        If `seed` is negative or too large.

    Notes
    -----
    The seeds are the 128 bits of XXH3 (https://xxhash.com) of the three numbers: 32 each
    for NumPy's and torch's global generators and 64 for Python's. With 32 bits, two of
    77,000 samples draw the same from torch with a probability of a half, and two from
    NumPy.

    Put it around a :class:`~torch.utils.data.Subset`, not into one, which would drop the
    epoch.

    Examples
    --------
    >>> import torch
    >>> from dejabatch import EpochIndex, EpochSampler, PerSample
    >>> from torch.utils.data import DataLoader, Dataset, RandomSampler
    >>> class Noisy(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return index + torch.rand(())
    >>> dataset = PerSample(Noisy(), seed=0)
    >>> sampler = EpochSampler(RandomSampler(dataset))
    >>> loader = DataLoader(dataset, batch_size=None, sampler=sampler)
    >>> samples = list(loader)  # of epoch 0, in a random order
    >>> bool(dataset[EpochIndex(2, epoch=0)] in samples)
    True
    >>> bool(dataset[EpochIndex(2, epoch=1)] in samples)
    False
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        if not hasattr(dataset, "__getitem__"):
            msg = f"dataset must be map-style; {type(dataset).__qualname__} has no "
            msg += "__getitem__"
            raise TypeError(msg)
        _refuse_bad_number("seed", seed)
        self.dataset = dataset
        self.seed = seed
        # Generators that are alike now get the same numbers for ever, wherever they are.
        self._kinds = {one.path: rng.digest(one.rng) for one in self._found()}

    def __len__(self) -> int:
        """Return the dataset's length."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """Return the sample of an `EpochIndex`."""
        epoch = getattr(index, "epoch", None)
        if epoch is None:
            msg = (
                f"the index {index!r} knows no epoch: pass sampler=EpochSampler(...) to "
                "the DataLoader, with PerSample outside of any Subset, or ask for "
                "dataset[EpochIndex(index, epoch)]"
            )
            raise TypeError(msg)
        if get_worker_info() is not None:
            self._seed(int(index), epoch)
            return self.dataset[int(index)]
        with rng.Kept(rng.global_rngs().values()):
            self._seed(int(index), epoch)
            return self.dataset[int(index)]

    def __getitems__(self, indices: Iterable[int]) -> list[Any]:
        """Return several samples, each with its own random numbers."""
        return [self[index] for index in indices]

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the dataset."""
        if name.startswith("__") or "dataset" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def _found(self) -> list[rng.Found]:
        return rng.find({"dataset": self.dataset})

    def _seed(self, index: int, epoch: int) -> None:
        packed = struct.pack("<3q", self.seed, epoch, index)
        bits = xxhash.xxh3_128_intdigest(packed)
        torch.default_generator.manual_seed(bits & 0xFFFFFFFF)
        np.random.seed(bits >> 32 & 0xFFFFFFFF)
        random.seed(bits >> 64)
        for path, kind in self._kinds.items():
            self._reseed(path, packed + kind)

    def _reseed(self, path: str, key: bytes) -> None:
        generator = self._generators.get(path)
        if generator is not None:
            words = np.frombuffer(xxhash.xxh3_128_digest(key), np.uint32)
            rng.reseed(generator, np.random.SeedSequence(words.tolist()))

    @property
    def _generators(self) -> dict[str, rng.Generator]:
        """The generators by their paths, looked for once in each process."""
        process = os.getpid()
        if self.__dict__.get("_process") != process:
            self.__dict__["_process"] = process
            self.__dict__["_by_path"] = {one.path: one.rng for one in self._found()}
        by_path: dict[str, rng.Generator] = self.__dict__["_by_path"]
        return by_path

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what another process has to look for itself."""
        state = self.__dict__.copy()
        state.pop("_by_path", None)
        state.pop("_process", None)
        return state


def _refuse_bad_number(name: str, number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
        msg = f"{name} must be an integer, not {number!r}"
        raise TypeError(msg)
    if not 0 <= number < 2**63:
        msg = f"{name} must be at least 0 and less than 2**63, not {number}"
        raise ValueError(msg)
