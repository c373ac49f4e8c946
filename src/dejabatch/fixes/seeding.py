"""Random numbers that differ by worker, epoch and rank, or by sample and epoch.

`seed_worker` gives every generator in a worker its own stream. `PerSample` gives every
sample of every epoch its own stream, independent of workers and ranks.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import warnings
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, Self

import numpy as np
import torch
import xxhash
from torch.utils.data import Dataset, get_worker_info

from dejabatch.ranks import rank_and_world_size
from dejabatch.splits import split_around
from dejabatch.state import generators


def seed_worker(worker_id: int) -> None:
    """Seed every random generator that a worker can reach; a ``worker_init_fn``.

    Seeded are the three global generators, the generators of OpenCV and numba where cv2
    or numba is imported, and every generator object that the dataset, its transforms or the collate function hold.
    Each generator gets its own stream in every worker, epoch, rank and run. Generators
    that were in equal states stay equal, such as two for an image and its mask.

    Parameters
    ----------
    worker_id : int
        Number of the worker, which the DataLoader passes.

    Raises
    ------
    RuntimeError
        If the function is called outside of a worker.

    Warns
    -----
    RuntimeWarning
        If the dataset holds so many objects that the search for generators stopped. The
        message has the path where the search stopped.

    Notes
    -----
    A generator is seeded from the base seed of the epoch, the rank, the worker and a hash
    of the generator's state, by :class:`numpy.random.SeedSequence` (O'Neill's seed_seq,
    https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html). The rank is
    read from torch.distributed or, in a spawned worker, from the environment variable
    ``RANK``, which torchrun sets. torch's CPU generator uses 32 bits of its seed, and
    OpenCV's generator 31 bits.

    With ``persistent_workers=True`` the function runs once for each worker, and later
    epochs continue the streams.

    Examples
    --------
    >>> from dejabatch import seed_worker
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(8), num_workers=2, worker_init_fn=seed_worker)
    """
    info = get_worker_info()
    if info is None:
        msg = (
            "seed_worker was called outside of a worker: pass worker_init_fn=seed_worker "
            "to a DataLoader with num_workers > 0"
        )
        raise RuntimeError(msg)
    rank, _ = rank_and_world_size()
    entropy = _words(info.seed - worker_id, rank, worker_id)
    roots = {"dataset": info.dataset, "collate_fn": _collate_fn()}
    finder = generators.Finder(roots)
    held = [found.rng for found in finder.find()]
    if finder.stopped_at is not None:
        msg = (
            f"seed_worker: the search for random generators stopped at {finder.stopped_at}"
            ", because the dataset holds too many objects; generators behind it are not "
            "seeded"
        )
        warnings.warn(msg, RuntimeWarning, stacklevel=2)
    for generator in (*generators.global_rngs().values(), *held):
        state = np.frombuffer(generators.digest(generator), np.uint32).tolist()
        generators.reseed(generator, np.random.SeedSequence([*entropy, *state]))
    if "cv2" in sys.modules:
        seed = np.random.SeedSequence(entropy).generate_state(1)[0]
        sys.modules["cv2"].setRNGSeed(int(seed >> 1))


def _collate_fn() -> object:
    """Return the loader's collate_fn from the frame of torch's worker loop.

    `get_worker_info` has the dataset but not the collate function.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_name != "_worker_loop":
        frame = frame.f_back
    return None if frame is None else frame.f_locals.get("collate_fn")


def _words(*numbers: int) -> list[int]:
    """Return two 32-bit words for each number.

    A SeedSequence splits a large number into words itself, but into as many as it needs:
    without padding, the numbers 2**32 and (0, 1) would give the same words.
    """
    packed = struct.pack(f"<{len(numbers)}q", *numbers)
    return [int(word) for word in np.frombuffer(packed, np.uint32)]


class _Stream:
    """Return a new random generator for one sample.

    `stream` returns a NumPy generator, `stream.torch` a torch generator, and
    `stream.python` a Python generator.

    Parameters
    ----------
    seed : int
        Seed of the run. All four numbers are at least 0 and less than 2**63.
    epoch : int
        Number of the epoch.
    rank : int
        Number of the rank. Leave `rank` out if a sample is to be equal on all ranks.
    index : int
        Index of the sample.

    Returns
    -------
    numpy.random.Generator
        Independent of the generators for all other values of the four numbers, by
        :class:`numpy.random.SeedSequence`.

    Raises
    ------
    ValueError
        If a number is negative or too large. The message names the argument.
    TypeError
        If a number is not an integer. The message names the argument.

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

    # Users see an instance, `stream`: the docstring above documents a call of it.

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
            A CPU generator. torch uses 32 bits of the seed, so among 77,000 generators
            two are equal with a probability of one half.

        Examples
        --------
        >>> import torch
        >>> from dejabatch import stream
        >>> generator = stream.torch(7, epoch=1, index=3)
        >>> torch.randint(100, (4,), generator=generator)
        tensor([70, 16, 49,  5])
        """
        generator = torch.Generator()
        generators.reseed(generator, self._sequence(seed, epoch, rank, index))
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
            Independent of the generators for all other values of the four numbers.

        Examples
        --------
        >>> from dejabatch import stream
        >>> stream.python(7, epoch=1, index=3).choices("abc", k=4)
        ['b', 'a', 'b', 'b']
        """
        generator = random.Random()
        generators.reseed(generator, self._sequence(seed, epoch, rank, index))
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
    """An index with the number of its epoch. It is an `int` in every other respect.

    Parameters
    ----------
    index : int
        Index of the sample.
    epoch : int
        Number of the epoch.

    Attributes
    ----------
    epoch : int
        Number of the epoch.

    Examples
    --------
    >>> from dejabatch import EpochIndex
    >>> index = EpochIndex(2, epoch=5)
    >>> index, index.epoch, [10, 20, 30][index]
    (2, 5, 30)
    """

    epoch: int

    def __new__(cls, index: int, epoch: int) -> Self:
        """Return an int with an attribute."""
        self = super().__new__(cls, index)
        self.epoch = epoch
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what pickle needs to rebuild the index with its epoch."""
        return EpochIndex, (int(self), self.epoch)


class EpochSampler:
    """A sampler whose indices have the number of the epoch, for `PerSample`.

    The epochs are numbered from 0; each pass begins the next epoch.

    Parameters
    ----------
    sampler : torch.utils.data.Sampler or iterable
        Source of the indices: a sampler of any kind, or a batch sampler. If `sampler` has
        a ``set_epoch``, each pass calls it.

    Raises
    ------
    TypeError
        If `sampler` is not iterable.
    RuntimeError
        When it is iterated, if `sampler` splits the indices between ranks, and accelerate
        or Lightning splits them once more.

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
        self.sampler: Any = sampler
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch that begins with the next pass.

        Parameters
        ----------
        epoch : int
            At least 0 and less than 2**63.

        Raises
        ------
        TypeError
            If `epoch` is not an integer.
        ValueError
            If `epoch` is negative or too large.

        Examples
        --------
        >>> from dejabatch import EpochSampler
        >>> sampler = EpochSampler(range(3))
        >>> sampler.set_epoch(5)  # to continue a run after five epochs
        >>> [index.epoch for index in sampler]
        [5, 5, 5]
        """
        _refuse_bad_number("epoch", epoch)
        self.epoch = epoch

    @property
    def generator(self) -> Any:
        """The generator of the sampler, whose state accelerate gives to all ranks."""
        return self.sampler.generator

    @generator.setter
    def generator(self, generator: Any) -> None:
        self.sampler.generator = generator

    def __iter__(self) -> Iterator[Any]:
        """Yield the sampler's indices, or lists of them."""
        self._refuse_second_split()
        # A DataLoader with workers calls iter() twice for a pass. The body of a generator
        # runs at the first next(), so only one of the two calls counts as an epoch.
        epoch, self.epoch = self.epoch, self.epoch + 1
        if callable(set_epoch := getattr(self.sampler, "set_epoch", None)):
            set_epoch(epoch)
        for index in self.sampler:
            if isinstance(index, (list, tuple)):
                yield [EpochIndex(i, epoch) for i in index]
            else:
                yield EpochIndex(index, epoch)

    def __len__(self) -> int:
        """Return the sampler's length."""
        return len(self.sampler)

    def _refuse_second_split(self) -> None:
        inside = getattr(self.sampler, "num_replicas", 1)
        outside = split_around(self) if inside > 1 else None
        if outside is not None:
            kind = type(self.sampler).__qualname__
            msg = (
                f"the {kind} in EpochSampler splits the indices between {inside} ranks, "
                f"and {outside.kind} splits them into {outside.parts} parts once more: "
                "indices would be on no rank. Pass EpochSampler(RandomSampler(dataset)) "
                "to accelerate, or use_distributed_sampler=False to Lightning's Trainer"
            )
            raise RuntimeError(msg)


class PerSample(Dataset[Any]):
    """A dataset that gives each sample of each epoch its own random numbers.

    A sample's numbers depend on `seed`, the epoch and the index alone. The number of
    workers, the start method, the order and the rank do not change a sample's
    augmentation; every epoch does. Seeded are all generators that `seed_worker` seeds,
    except OpenCV's generator and generators that the collate function holds. Without
    workers, the main process's global generators are restored after each sample.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        A map-style dataset. `PerSample` has the attributes of the dataset, too.
    seed : int
        Seed of the run, at least 0 and less than 2**63.

    Raises
    ------
    TypeError
        If `dataset` cannot be indexed or `seed` is not an integer. Indexing raises it if
        the index has no epoch.
    ValueError
        If `seed` is negative or too large.

    Notes
    -----
    The seeds are the 128 bits of the XXH3 hash (https://xxhash.com) of seed, epoch and
    index: 32 bits each for torch's and NumPy's global generators, and 64 bits for
    Python's. With 32 bits, among 77,000 samples two draw the same numbers from torch with
    a probability of one half; the same holds for NumPy.

    Put `PerSample` around a :class:`~torch.utils.data.Subset`, not inside: a Subset
    replaces the index, which loses the epoch.

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
        # Generators in equal states now, such as an image's and its mask's, stay equal.
        self._first_digests = {
            found.path: generators.digest(found.rng) for found in self._find()
        }

    def __len__(self) -> int:
        """Return the dataset's length."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """Return the sample of an `EpochIndex`."""
        epoch = getattr(index, "epoch", None)
        if epoch is None:
            msg = (
                f"the index {index!r} has no epoch: pass sampler=EpochSampler(...) to the "
                "DataLoader and put PerSample around any Subset, or call "
                "dataset[EpochIndex(index, epoch)]"
            )
            raise TypeError(msg)
        if get_worker_info() is not None:
            self._seed(int(index), epoch)
            return self.dataset[int(index)]
        with generators.restored(generators.global_rngs().values()):
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

    def _find(self) -> list[generators.Found]:
        """Return the generators that the dataset holds."""
        return generators.find({"dataset": self.dataset})

    def _seed(self, index: int, epoch: int) -> None:
        """Seed every generator for one sample of one epoch."""
        packed = struct.pack("<3q", self.seed, epoch, index)
        bits = xxhash.xxh3_128_intdigest(packed)
        torch.default_generator.manual_seed(bits & 0xFFFFFFFF)
        np.random.seed(bits >> 32 & 0xFFFFFFFF)
        random.seed(bits >> 64)
        by_path = self._generators_by_path()
        for path, first_digest in self._first_digests.items():
            if path in by_path:
                words = np.frombuffer(
                    xxhash.xxh3_128_digest(packed + first_digest), np.uint32
                )
                seed = np.random.SeedSequence(words.tolist())
                generators.reseed(by_path[path], seed)

    def _generators_by_path(self) -> dict[str, generators.Generator]:
        """Return the dataset's generators, which are found once in each process."""
        process_id = os.getpid()
        if self.__dict__.get("_process_id") != process_id:
            self.__dict__["_process_id"] = process_id
            self.__dict__["_by_path"] = {f.path: f.rng for f in self._find()}
        by_path: dict[str, generators.Generator] = self.__dict__["_by_path"]
        return by_path

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the generators that were found, which are copies in a new process."""
        state = self.__dict__.copy()
        state.pop("_by_path", None)
        state.pop("_process_id", None)
        return state


def _refuse_bad_number(name: str, number: Any) -> None:
    """Raise unless a number is an integer of at least 0 and less than 2**63."""
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
        msg = f"{name} must be an integer, not {number!r}"
        raise TypeError(msg)
    if not 0 <= number < 2**63:
        msg = f"{name} must be at least 0 and less than 2**63, not {number}"
        raise ValueError(msg)
