"""What was seen of a loader: plain values that can be pickled, compared and stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

MAIN_PROCESS = -1
"""Number of the "worker" that is the main process."""

# Fewer samples may come in one order twice by chance.
_FEWEST = 10

Census: TypeAlias = dict[str, bytes]
"""Digest of every random generator, by its path."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a loader says of itself, before anything is read from it.

    Attributes
    ----------
    map_style : bool
        False for an iterable dataset.
    dataset, sampler : str
        Their classes, as ``module.name``. The sampler is the object that decides on the
        order: that of a batch sampler of torch's, or a batch sampler of another kind.
    sampler_path : str
        Where that object is, such as ``batch_sampler.sampler``.
    length : int or None
        ``len(dataset)``; None if it has none.
    batch_size : int or None
        None without automatic batching, and with a custom batch sampler.
    batched : bool
        Whether samples are made into batches.
    num_workers : int
        0 if samples are made in the main process.
    start_method : str or None
        How workers start; None without workers.
    persistent_workers : bool
        Whether workers live on from one epoch to the next.
    worker_init_fn : bool
        Whether the loader has one.
    one_shot : bool
        Whether the sampler, or the iterable dataset, is an iterator, which has one pass.
    replacement : bool
        Whether the sampler says that it draws with replacement.
    own_generator : bool
        Whether the sampler has a generator of its own instead of torch's global one.
    shuffles : bool
        Whether the sampler is one of torch's that draw a new order for each epoch.
    replicas : int
        Over how many ranks the sampler spreads the indices; 1 if it does not.
    set_epoch : int or None
        The epoch that was set by the sampler's ``set_epoch``; None if it has none.
    told_epoch : bool
        Whether the dataset, or one that it wraps, has a ``set_epoch``.
    drop_last : bool
        Whether batches that are not full are left out.
    weights : int or None
        How many weights a :class:`~torch.utils.data.WeightedRandomSampler` has.
    locked : bool
        Whether the dataset holds a lock of multiprocessing.
    misread : str or None
        Path of a :class:`~torch.utils.data.Subset` of a subset whose indices are those of
        the whole dataset, as far as chance can be excluded.
    unused : tuple of str
        Attributes of a :class:`~torch.utils.data.Subset` that have no effect.
    data_loader : bool
        False for any other iterable, of which only the batches are seen.
    libraries : mapping of str to str
        Paths of the random generators that objects of installed libraries hold, each
        with the library.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> seen.facts.length, seen.facts.batch_size, seen.facts.sampler
    (6, 4, 'torch.utils.data.sampler.SequentialSampler')
    """

    map_style: bool
    dataset: str
    sampler: str
    length: int | None
    batch_size: int | None
    num_workers: int
    start_method: str | None
    persistent_workers: bool
    sampler_path: str = "sampler"
    batched: bool = True
    worker_init_fn: bool = False
    one_shot: bool = False
    replacement: bool = False
    own_generator: bool = False
    shuffles: bool = False
    replicas: int = 1
    set_epoch: int | None = None
    told_epoch: bool = False
    drop_last: bool = False
    weights: int | None = None
    locked: bool = False
    misread: str | None = None
    unused: tuple[str, ...] = ()
    data_loader: bool = True
    libraries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What cannot be known from outside. None, the default, stands for "not known".

    Attributes
    ----------
    replacement : bool or None
        Whether the sampler may draw an index several times in an epoch and leave others
        out.
    repeats : bool or None
        Whether different indices may have the same sample; of a stream, whether its
        workers may draw theirs from the same ones.
    deterministic : bool or None
        Whether an index is to give the same sample in every epoch, as in validation.
    fixed_order : bool or None
        Whether every epoch is to have the same order.

    Raises
    ------
    TypeError
        If a value is neither a bool nor None.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(4), sampler=[0, 1, 2, 2])
    >>> dejabatch.audit(loader).ok  # it may be meant
    True
    >>> expect = dejabatch.Expect(replacement=False)
    >>> [finding.slug for finding in dejabatch.audit(loader, expect=expect).findings]
    ['sampler-repeats-indices']
    """

    replacement: bool | None = None
    repeats: bool | None = None
    deterministic: bool | None = None
    fixed_order: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what is no answer."""
        for name in self.__slots__:
            value = getattr(self, name)
            if not (value is None or isinstance(value, bool)):
                msg = f"Expect: {name} must be True, False or None, not {value!r}"
                raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """A process that is about to make its first sample.

    Attributes
    ----------
    epoch, worker : int
        The worker is -1 for the main process, which is there once, whether it
        makes samples or not.
    census : dict of str to bytes
        Digest of its generators after ``worker_init_fn``, the global ones included.
    seed : int
        The seed of torch's global generator, of 64 bits.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> [(start.epoch, start.worker) for start in seen.starts]
    [(0, -1)]
    >>> sorted(seen.starts[0].census)
    ['np.random', 'random', 'torch']
    """

    epoch: int
    worker: int
    census: Census
    seed: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """One batch, as the worker had it before it was collated.

    Attributes
    ----------
    epoch, batch, worker : int
        Where and when; `batch` counts from 0 in each epoch.
    indices : numpy.ndarray or None
        What the sampler asked for, int64 of shape (samples,). None for an iterable dataset and for indices that are
        no integers.
    digests : numpy.ndarray
        Fingerprint of each sample, uint8 of shape (samples, 16).
    rows : int or None
        How many different rows the collated batch has: 1, too, if a part of one sample
        is in all rows. None if that was not counted.
    census : dict of str to bytes
        Digest of the generators after the samples were made and collated.
    labels : numpy.ndarray or None
        The label of each sample, int64 of shape (samples,). None where samples have no
        part that is a single integer.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> [fetch.indices.tolist() for fetch in seen.fetches]
    [[0, 1, 2, 3], [4, 5]]
    >>> seen.fetches[0].digests.shape
    (4, 16)
    """

    epoch: int
    batch: int
    worker: int
    indices: npt.NDArray[np.int64] | None
    digests: npt.NDArray[np.uint8]
    census: Census
    rows: int | None = None
    labels: npt.NDArray[np.int64] | None = None

    def pairs(self) -> list[tuple[int, bytes]]:
        """Return each index with the fingerprint of its sample.

        Returns
        -------
        list of tuple of int and bytes
            Empty without indices, and if the dataset is asked for several of them at
            once, as with a ``BatchSampler`` as the sampler: one sample is then many.

        Examples
        --------
        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader(range(6), batch_size=4)
        >>> seen = dejabatch.audit(loader, epochs=1).observation
        >>> [index for fetch in seen.fetches for index, _ in fetch.pairs()]
        [0, 1, 2, 3, 4, 5]
        """
        if self.indices is None or len(self.indices) != len(self.digests):
            return []
        digests = (digest.tobytes() for digest in self.digests)
        return list(zip(self.indices.tolist(), digests, strict=True))


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The end of an epoch, or of the reading of it.

    Attributes
    ----------
    epoch : int
        Which one.
    complete : bool
        False if reading stopped at ``max_batches``, or at an error.
    unseeded : tuple of str
        Paths of the generators of the loader and its sampler that have torch's default
        seed, so that nobody has seeded them.
    reused : bool
        Whether the batch sampler yielded one list several times.
    moved : tuple of str
        Paths of the dataset's open files in which workers read at the position of the
        main process.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> [(end.epoch, end.complete) for end in seen.ends]
    [(0, True)]
    """

    epoch: int
    complete: bool
    unseeded: tuple[str, ...] = ()
    reused: bool = False
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a dataset gave when it was asked for the same sample again.

    Each process began with a copy of the dataset that had made no sample yet, in a worker
    if the loader has any. "The same generators" are all that it can reach, in the states
    in which they were at that time; "moved" ones have other states.

    Attributes
    ----------
    index, other : int or None
        The two indices asked for; None for an iterable dataset.
    error : str or None
        Why some answers are missing: they are None, or empty.
    first : bytes or None
        Digest of the sample of `index`, the first in its process. Of an iterable dataset
        this is the first sample of its stream, and all that follows is missing.
    overwritten : bool or None
        Whether the sample's content had changed when later samples had been made.
    first_again : bytes or None
        The same as `first`, in another process.
    second : bytes or None
        The sample of `index` right after `first`, from the same generators; if it is the
        same, the one after all of `moved`.
    moved : tuple of bytes
        The sample of `index` after those, each from other states of all generators.
    moved_first : tuple of bytes
        The same, each the first in its process.
    other_first : bytes or None
        Digest of the sample of `other`, the first in its process.
    after_other : bytes or None
        The sample of `index` right after that one, from the same generators.
    depends_on : tuple of str
        Paths of the generators that change the sample of `index` or of `other` when
        nothing else is moved; OpenCV's is called ``cv2``.
    reseeded : tuple of str
        Paths of the generators that are in one and the same state after the samples of
        `index` and of `other`, whatever their state before.
    changed : mapping of str to str
        Paths of what `first` or `second` changed in the dataset, each with its kind:
        ``"array"``, ``"value"``, ``"container"`` or ``"cache"``.
    held : tuple of str
        Paths of objects of the dataset that are part of the sample or share its memory.
    by_item : bytes or None
        The sample of `index` by ``dataset[index]``, where loaders use
        ``dataset.__getitems__``; None if they do not.
    batch_of_copies : str or None
        What ``collate_fn`` makes of copies of one sample, from several random states:
        ``"rows differ"``, ``"rows vary together"`` or ``"rows are fixed"``. None if it
        is torch's.
    swallowed : mapping of int to str, or None
        Indices for which ``__getitem__`` met an exception and then took another sample,
        each with the exception's name.
    idle : tuple of str, or None
        Paths of random transforms that returned what they were given.
    periods : tuple of int, or None
        Numbers of indices after which the samples begin again.
    unreachable : tuple of str
        Loaded modules that have a generator which no path leads to.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> seen.answers.reproducible, seen.answers.random
    (True, False)
    """

    index: int | None = None
    other: int | None = None
    error: str | None = None
    first: bytes | None = None
    overwritten: bool | None = None
    first_again: bytes | None = None
    second: bytes | None = None
    moved: tuple[bytes, ...] = ()
    moved_first: tuple[bytes, ...] = ()
    other_first: bytes | None = None
    after_other: bytes | None = None
    depends_on: tuple[str, ...] = ()
    reseeded: tuple[str, ...] = ()
    changed: Mapping[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    by_item: bytes | None = None
    batch_of_copies: str | None = None
    swallowed: Mapping[int, str] | None = None
    idle: tuple[str, ...] | None = None
    periods: tuple[int, ...] | None = None
    unreachable: tuple[str, ...] = ()

    @property
    def reproducible(self) -> bool:
        """Whether the same generators in another process give the same sample."""
        return self.first is not None and self.first == self.first_again

    @property
    def random(self) -> bool:
        """Whether the sample changes with the generators that the dataset can reach."""
        others = {*self.moved, *self.moved_first} - {self.first}
        return self.reproducible and not self.changes_by_itself and bool(others)

    @property
    def changes_by_itself(self) -> bool:
        """Whether a second sample differs although its generators are the same."""
        return self.reproducible and self.second not in {self.first, None}


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was seen of one loader.

    Attributes
    ----------
    facts : dejabatch.observe.record.Facts or None
        What the loader says of itself; None if it could not be made.
    starts : tuple of dejabatch.observe.record.WorkerStart
        The main process, and each worker in each epoch in which it was started.
    fetches : tuple of dejabatch.observe.record.Fetch
        The batches in the order of delivery.
    ends : tuple of dejabatch.observe.record.EpochEnd
        The epochs, in their order.
    opaque : tuple of str
        Types of parts of samples that show no content.
    error : str or None
        Traceback of what ended the reading early.
    out_of_time : bool
        Whether the time limit ended it.
    answers : dejabatch.observe.record.Answers or None
        What the dataset gave when asked for one sample again and again.
    replay : dejabatch.observe.record.Observation or None
        The same loader asked for one index by all workers, if the dataset is map-style;
        otherwise its workers with all their generators in the same states.
    restarted : dejabatch.observe.record.Observation or None
        The loader with new workers for each epoch, where those that live on repeat their
        samples.
    unheard : tuple of str or None
        Paths of what the dataset's ``set_epoch`` changes in the main process alone; None
        if there are no persistent workers, or if it could not be tried.
    rebuilt : dejabatch.observe.record.Observation or None
        The loader that the same function made once more, in another random state.
    expect : dejabatch.Expect
        What the user says of the loader.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> seen.orders()
    [array([0, 1, 2, 3, 4, 5])]
    >>> len(seen.fetches), seen.error, seen.out_of_time
    (2, None, False)
    """

    facts: Facts | None
    starts: tuple[WorkerStart, ...]
    fetches: tuple[Fetch, ...]
    ends: tuple[EpochEnd, ...]
    opaque: tuple[str, ...] = ()
    error: str | None = None
    out_of_time: bool = False
    answers: Answers | None = None
    replay: Observation | None = None
    restarted: Observation | None = None
    unheard: tuple[str, ...] | None = None
    rebuilt: Observation | None = None
    expect: Expect = Expect()

    @property
    def random(self) -> bool:
        """Whether samples are known to change with generators that the dataset reaches."""
        return self.answers is not None and self.answers.random

    def main_census(self) -> Census:
        """Return the generators of the main process before the first epoch.

        Returns
        -------
        dict of str to bytes
            Digests by path.
        """
        return next(s.census for s in self.starts if s.worker == MAIN_PROCESS)

    def epoch_starts(self) -> dict[tuple[int, int], Census]:
        """Return the generators of each worker at the start of each epoch.

        Returns
        -------
        dict of tuple to dict
            By epoch and worker. A worker that lives on starts an epoch as it left the one
            before.
        """
        started = {(s.epoch, s.worker): s.census for s in self.starts}
        ends = self.epoch_ends()
        lived_on = {
            (epoch + 1, worker): census for (epoch, worker), census in ends.items()
        }
        return {key: (lived_on | started)[key] for key in ends}

    def orders(self) -> list[npt.NDArray[np.int64]]:
        """Return the indices of each epoch in the order of the sampler.

        Returns
        -------
        list of numpy.ndarray
            One for each epoch that had indices, int64 of shape (samples,).
        """
        epochs: dict[int, list[npt.NDArray[np.int64]]] = {}
        for fetch in self.fetches:
            if fetch.indices is not None:
                epochs.setdefault(fetch.epoch, []).append(fetch.indices)
        return [np.concatenate(indices) for indices in epochs.values()]

    def streams(self, epoch: int = 0) -> dict[int, npt.NDArray[np.uint8]]:
        """Return the fingerprints of each worker's samples in an epoch.

        Parameters
        ----------
        epoch : int
            Which one.

        Returns
        -------
        dict of int to numpy.ndarray
            By worker, uint8 of shape (samples, 16).
        """
        workers: dict[int, list[npt.NDArray[np.uint8]]] = {}
        for fetch in self.fetches:
            if fetch.epoch == epoch:
                workers.setdefault(fetch.worker, []).append(fetch.digests)
        return {worker: np.concatenate(d) for worker, d in sorted(workers.items())}

    def contents(self) -> set[bytes]:
        """Return the fingerprints of all samples, each once.

        Returns
        -------
        set of bytes
            Fingerprints of 16 bytes.
        """
        return {digest.tobytes() for fetch in self.fetches for digest in fetch.digests}

    def by_index(self, epoch: int) -> dict[int, bytes]:
        """Return the fingerprint of each index's sample in an epoch.

        Parameters
        ----------
        epoch : int
            Which one.

        Returns
        -------
        dict of int to bytes
            By index; of several samples, the last.
        """
        return {
            index: digest
            for fetch in self.fetches
            if fetch.epoch == epoch
            for index, digest in fetch.pairs()
        }

    def repeats(self) -> bool | None:
        """Tell whether the second epoch has the samples of the first.

        Of a map-style dataset, indices are compared that both have; of an iterable one,
        the workers' streams.

        Returns
        -------
        bool or None
            None if there are fewer than ten to compare, which may be alike by chance, or
            if all are alike.
        """
        if self.facts is not None and self.facts.map_style:
            first, second = self.by_index(0), self.by_index(1)
            common = first.keys() & second.keys()
            samples = [first[index] for index in common]
            same = all(first[index] == second[index] for index in common)
        else:
            one, other = self.streams(0), self.streams(1)
            samples = [digest.tobytes() for part in one.values() for digest in part]
            same = one.keys() == other.keys() and all(
                np.array_equal(one[worker], other[worker]) for worker in one
            )
        if len(samples) < _FEWEST or len(set(samples)) < 2:
            return None
        return same

    def first_fetches(self) -> dict[tuple[int, int], Fetch]:
        """Return the first batch of each worker in each epoch.

        Returns
        -------
        dict of tuple to dejabatch.observe.record.Fetch
            By epoch and worker.
        """
        return {(f.epoch, f.worker): f for f in reversed(self.fetches)}

    def epoch_ends(self) -> dict[tuple[int, int], Census]:
        """Return the generators of each worker after its last batch of each epoch.

        Returns
        -------
        dict of tuple to dict
            By epoch and worker.
        """
        return {(f.epoch, f.worker): f.census for f in self.fetches}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two loaders, and what they have in common.

    Attributes
    ----------
    a, b : dejabatch.observe.record.Observation
        What was seen of each.
    shared : tuple of tuple
        Objects that both hold: the path in `a`, the path in `b`, and the module of the
        object's class, or ``"generator"``.
    common_indices : int or None
        How many samples of one dataset both hold; None if they have different datasets,
        or unknown parts of it.

    Examples
    --------
    >>> import dejabatch
    >>> from dejabatch.observe.record import Pair
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> pair = Pair(a=seen, b=seen, shared=(), common_indices=6)
    >>> pair.a.facts.length
    6
    """

    a: Observation
    b: Observation
    shared: tuple[tuple[str, str, str], ...]
    common_indices: int | None


def as_indices(indices: Any) -> npt.NDArray[np.int64] | None:
    """Return a batch sampler's indices as an array; None if they are no integers."""
    try:
        array = np.asarray(indices)
    except (TypeError, ValueError):
        return None
    if array.ndim > 1 or array.dtype.kind not in "iu":
        return None
    return array.reshape(-1).astype(np.int64)
