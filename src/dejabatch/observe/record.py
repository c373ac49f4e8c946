"""Observations of a loader: plain values that can be pickled, compared and stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from dejabatch.chance import FEWEST_TO_COMPARE
from dejabatch.expect import Expect

MAIN_PROCESS: Final = -1
"""Number of the "worker" that is the main process."""

COPIES_IN_BATCH: Final = 7
"""How many copies of one sample ``collate_fn`` is given to make a batch of.

Few batches have that many parts, so the rows of the batch can be told from its parts.
"""

NO_CONTENT: Final = bytes(16)
"""Digest of a sample's content where all parts are small, such as labels."""

SMALL_CONTENT: Final = b"small"
"""Beginning of the digest of a content that is a short row of numbers, as in a table.

Rows of a table can be equal by chance.
"""

BLANK: Final = b"blank".ljust(16)
"""Digest of a sample's content where each large part has one value, as a blank image."""

DEFAULT_TORCH_GENERATOR: Final = "torch.Generator()"
"""Name of a state in `Observation.known_states`."""

SEEDED_NUMPY: Final = "np.random.seed()"
"""Name of a state in `Observation.known_states`, if the main process has it."""

Census: TypeAlias = dict[str, bytes]
"""Digest of every random generator, by its path."""


CopiesInBatch: TypeAlias = Literal[
    "rows differ", "rows vary together", "rows are fixed", "rows are unclear"
]
"""The rows of batches that are made of copies of one sample."""

EndReason: TypeAlias = Literal["raised", "died", "worker died", "out of time"]
"""Why reading a loader ended early."""


def numpy_recipe(worker: int) -> str:
    """Return the name of a state in `Observation.known_states`: NumPy, after a recipe."""
    return f"np.random.seed(2147483648 + {worker})"


@dataclass(frozen=True, slots=True)
class Facts:
    """The attributes of a loader, before anything is read from it.

    Attributes
    ----------
    map_style : bool
        False for an iterable dataset.
    dataset, sampler : str
        Their classes, as ``module.name``. The sampler is the object that decides on the
        order: the sampler of torch's batch sampler, or a batch sampler of another class.
    sampler_path : str
        Where that object is, such as ``batch_sampler.sampler``.
    length : int or None
        ``len(dataset)``; None if the dataset has no length.
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
        Whether the sampler, or the iterable dataset, is an iterator that nothing resets.
    replacement : bool
        Whether the sampler says that it draws with replacement.
    sampler_has_generator : bool
        Whether the sampler has its own generator instead of torch's global one.
    shuffles : bool
        Whether the sampler is one of torch's that draw a new order for each epoch.
    num_replicas : int
        Over how many ranks the sampler spreads the indices; 1 if it does not.
    sampler_epoch : int or None
        The epoch that the sampler's ``set_epoch`` has set; None without ``set_epoch``.
    sampler_has_set_epoch : bool
        Whether the sampler, or one that it wraps, has a ``set_epoch``.
    dataset_has_set_epoch : bool
        Whether the dataset, or one that it wraps, has a ``set_epoch``.
    dataset_has_epoch : bool
        Whether the dataset, or one that it wraps, stores the number of an epoch.
    drop_last : bool
        Whether batches that are not full are left out.
    draws_with_replacement : bool
        Whether the code of the sampler's own class names a function that draws with
        replacement or repeats, such as ``choices`` or ``cycle``.
    sampler_holds_items : bool
        Whether the sampler stores a container or an array, such as weights or the indices
        of each class.
    dataset_library, sampler_library : str or None
        The installed libraries that define their classes; None for torch and for a class
        of the user.
    given_indices : bool
        Whether the sampler only has indices that it was given, such as a list.
    num_weights : int or None
        How many weights a :class:`~torch.utils.data.WeightedRandomSampler` has.
    holds_lock : bool
        Whether the dataset holds a lock of multiprocessing.
    unused_attributes : tuple of str
        Attributes of a :class:`~torch.utils.data.Subset` that have no effect.
    data_loader : bool
        False for any other iterable, of which only the batches are observed.
    num_batches : int or None
        ``len(loader)`` of such an iterable, if it has a length.
    inner_loader : str
        Where such an iterable holds a DataLoader, as an expression that begins with
        ``loader``; empty if it holds none.
    own_iter : bool
        Whether the loader's class has an ``__iter__`` of its own, or the loader a wrapper
        that the program iterates.
    shuffled_cycles : tuple of str
        Attributes of that wrapper which hold an ``itertools.cycle`` over a DataLoader that
        shuffles.
    index_lists : bool
        Whether the dataset is asked for a list of indices, by a
        :class:`~torch.utils.data.BatchSampler` as the sampler.
    library_generators : mapping of str to str
        Paths of the random generators that objects of installed libraries hold, each
        with the library.
    repeated_references : mapping of str to int
        Paths of the lists of the dataset's length that hold fewer objects than items,
        each with the number of objects.
    repeats_a_dataset : tuple of int
        Lengths of the datasets inside that the dataset may be meant to repeat.
    subset : bytes or None
        Digest of the indices of a :class:`~torch.utils.data.Subset`, at any depth.
    search_stopped_at : str or None
        A path where the search for generators ended because there are too many objects.

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
    sampler_has_generator: bool = False
    shuffles: bool = False
    num_replicas: int = 1
    sampler_epoch: int | None = None
    sampler_has_set_epoch: bool = False
    dataset_has_set_epoch: bool = False
    dataset_has_epoch: bool = False
    drop_last: bool = False
    draws_with_replacement: bool = False
    sampler_holds_items: bool = False
    sampler_library: str | None = None
    dataset_library: str | None = None
    given_indices: bool = False
    num_weights: int | None = None
    holds_lock: bool = False
    unused_attributes: tuple[str, ...] = ()
    data_loader: bool = True
    num_batches: int | None = None
    inner_loader: str = ""
    own_iter: bool = False
    shuffled_cycles: tuple[str, ...] = ()
    index_lists: bool = False
    library_generators: Mapping[str, str] = field(default_factory=dict)
    repeated_references: Mapping[str, int] = field(default_factory=dict)
    repeats_a_dataset: tuple[int, ...] = ()
    subset: bytes | None = None
    search_stopped_at: str | None = None


@dataclass(frozen=True, slots=True)
class NestedSubset:
    """A :class:`~torch.utils.data.Subset` of another `Subset`.

    Attributes
    ----------
    path : str
        Where its indices are, such as ``dataset.indices``.
    indices, inner_indices : numpy.ndarray
        The indices of both, int64 of shape (samples,).

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader, Subset
    >>> loader = DataLoader(Subset(Subset(range(9), [3, 4, 5]), [0, 2]))
    >>> (subset,) = dejabatch.audit(loader, epochs=1).observation.nested_subsets
    >>> subset.path, subset.indices.tolist(), subset.inner_indices.tolist()
    ('dataset.indices', [0, 2], [3, 4, 5])
    """

    path: str
    indices: npt.NDArray[np.int64]
    inner_indices: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the user's class of an object, or the user's function, is defined.

    Attributes
    ----------
    path : str
        Path of the object, such as ``dataset.transform``; empty for the function that
        makes the loader.
    file : str
        The file.
    name : str
        Qualified name of the class or function.
    line : int or None
        The first line of the function; None for a class.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)  # has no class of the user
    >>> dejabatch.audit(loader, epochs=1).observation.sources
    ()
    """

    path: str
    file: str
    name: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """A process that is about to make its first sample.

    Attributes
    ----------
    epoch, worker : int
        The worker is -1 for the main process, which is recorded once, whether it makes
        samples or not.
    census : dict of str to bytes
        Digests of its generators after ``worker_init_fn``, the global ones included.
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
    """One batch, as the worker had it before collation.

    Attributes
    ----------
    epoch, batch, worker : int
        Which epoch, batch and worker; `batch` counts from 0 in each epoch.
    indices : numpy.ndarray or None
        The sampler's indices, int64 of shape (samples,). None for an iterable
        dataset, and for indices that are not integers.
    digests : numpy.ndarray
        Digest of each sample, of the fingerprints of its parts; uint8 of shape
        (samples, 16).
    rows : int or None
        How many different rows the collated batch has; 1 also if a part of one sample
        is in all rows. None if the rows were not counted.
    census : dict of str to bytes
        Digest of the generators after the samples were made and collated.
    labels : numpy.ndarray or None
        The label of each sample, int64 of shape (samples,). None where samples have no
        part that is a single integer.
    parts : mapping of str to numpy.ndarray
        Fingerprints of each part of the samples, uint8 of shape (samples, 16), by a path
        such as ``['image']``. Empty if samples have one part, or different ones.
    contents : numpy.ndarray or None
        Fingerprint of each sample without labels and other small parts, uint8 of shape
        (samples, 16); `BLANK` or `NO_CONTENT` for a sample without any.
    collated : bytes
        Fingerprint of the batch that ``collate_fn`` made; empty if it was not taken.
    details : numpy.ndarray or None
        Fingerprint of the small parts of each sample that are texts of several words or
        arrays of several numbers, uint8 of shape (samples, 16); `NO_CONTENT` for a sample
        without any.
    missing : int
        How many samples are None.
    left_out : int
        How many of these have no row in the batch.

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
    parts: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    contents: npt.NDArray[np.uint8] | None = None
    collated: bytes = b""
    details: npt.NDArray[np.uint8] | None = None
    missing: int = 0
    left_out: int = 0

    def pairs(self) -> list[tuple[int, bytes]]:
        """Return each index with the fingerprint of its sample.

        Returns
        -------
        list of tuple of int and bytes
            Empty without indices, and if the dataset is asked for several indices at
            once, as with a ``BatchSampler`` as the sampler.

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

    def content_by_index(self) -> list[tuple[int, bytes]]:
        """Return each index with the fingerprint of its content.

        Returns
        -------
        list of tuple of int and bytes
            Empty where `pairs` is, and if no contents were recorded.

        Examples
        --------
        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader([{"x": [0.5] * 9}, {"x": [0.5] * 9}], batch_size=2)
        >>> seen = dejabatch.audit(loader, epochs=1).observation
        >>> [index for index, _ in seen.fetches[0].content_by_index()]
        [0, 1]
        """
        return self._by_index(self.contents)

    def details_by_index(self) -> list[tuple[int, bytes]]:
        """Return each index with the fingerprint of the details of its sample.

        Returns
        -------
        list of tuple of int and bytes
            Empty where `pairs` is, and if no details were recorded.

        Examples
        --------
        >>> import dejabatch
        >>> from torch.utils.data import DataLoader
        >>> loader = DataLoader([{"x": [0.5] * 9}, {"x": [0.5] * 9}], batch_size=2)
        >>> seen = dejabatch.audit(loader, epochs=1).observation
        >>> [index for index, _ in seen.fetches[0].details_by_index()]
        [0, 1]
        """
        return self._by_index(self.details)

    def _by_index(
        self, digests: npt.NDArray[np.uint8] | None
    ) -> list[tuple[int, bytes]]:
        if digests is None:
            return []
        rows = (row.tobytes() for row in digests)
        return [(i, row) for (i, _), row in zip(self.pairs(), rows, strict=False)]


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The end of an epoch, or of the reading of it.

    Attributes
    ----------
    epoch : int
        Which one.
    complete : bool
        False if reading stopped at ``max_batches``, or at an error.
    unseeded_generators : tuple of str
        Paths of the generators of the loader and its sampler that have torch's default
        seed, because nothing has seeded them.
    list_reused : bool
        Whether the batch sampler yielded one list several times.
    moved_files : tuple of str
        Paths of the dataset's open files whose position in the main process was moved by
        workers.
    shared_connections : tuple of str
        Paths of connections that were open when the workers were forked, and that
        workers use.
    states_before : dict of str to bytes
        Digests of the main process's global generators before the epoch.
    states_at_first_index : dict of str to bytes
        The same when the sampler had yielded its first index; empty if it yielded none.

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
    unseeded_generators: tuple[str, ...] = ()
    list_reused: bool = False
    moved_files: tuple[str, ...] = ()
    shared_connections: tuple[str, ...] = ()
    states_before: Census = field(default_factory=dict)
    states_at_first_index: Census = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Why reading a loader ended before its last epoch.

    Attributes
    ----------
    reason : {"raised", "died", "worker died", "out of time"}
        ``"raised"`` for an exception; ``"died"`` for the process that read the loader,
        and ``"worker died"`` for one of its workers; ``"out of time"`` for the time
        limit.
    error : str
        The exception in one line, such as ``KeyError: 'label'``, or how the process
        died, such as ``killed by SIGKILL`` or ``exit code 3``. Empty at the time limit.
    traceback : str
        The whole traceback of an exception, with that of the worker; else empty.
    lines : tuple of str
        The lines of the traceback that are in the user's files, the outermost first,
        each as ``path:line in function: source``.
    waiting_at : tuple of str
        At the time limit, the place where the process was waiting, in the form of
        `lines`; empty if the place is unknown.
    where : str
        The part of the loader that raised: ``dataset``, ``sampler``, ``collate_fn`` or
        ``worker_init_fn``; empty if unknown.
    epoch, batch : int or None
        The epoch and the batch that could not be read, counted from 0.
    index : int or None
        The index that the dataset was asked for; None if there is none, or if the index
        is unknown.
    worker : int or None
        The worker in which it happened, -1 for the main process; None if unknown.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), sampler=[0, 1, 9])
    >>> ended = dejabatch.audit(loader).observation.ended
    >>> ended.reason, ended.error, ended.where, ended.epoch, ended.batch, ended.index
    ('raised', 'IndexError: range object index out of range', 'dataset', 0, 2, 9)
    """

    reason: EndReason
    error: str = ""
    traceback: str = ""
    lines: tuple[str, ...] = ()
    waiting_at: tuple[str, ...] = ()
    where: str = ""
    epoch: int | None = None
    batch: int | None = None
    index: int | None = None
    worker: int | None = None

    @property
    def text(self) -> str | None:
        """The traceback, or how the process died; None at the time limit."""
        if self.reason == "died":
            return f"the process that read the loader died: {self.error}"
        return self.traceback or self.error or None


class SetAfterSplit(NamedTuple):
    """An attribute of a dataset that got another value after the dataset was split.

    Attributes
    ----------
    path : str
        Path of the attribute, such as ``dataset.dataset.transform``.
    subsets : int
        How many subsets of the dataset were made.
    """

    path: str
    subsets: int


class BegunTwice(NamedTuple):
    """The effects of two passes that a loader's own ``__iter__`` begins.

    Attributes
    ----------
    changed : tuple of str
        Paths of numbers and arrays of the dataset that the second pass changes, as one
        that draws negatives does.
    made_alike : tuple of str
        Names of methods that make a generator in one state in both passes.
    """

    changed: tuple[str, ...] = ()
    made_alike: tuple[str, ...] = ()


class WholeStream(NamedTuple):
    """A pass over an iterable dataset where it is not split between workers.

    Attributes
    ----------
    samples : frozenset of bytes
        The fingerprint of each different sample; empty if samples are random.
    length : int
        How many samples the pass has.
    """

    samples: frozenset[bytes]
    length: int


@dataclass(frozen=True, slots=True)
class Draws:
    """Indices that a sampler drew when nothing but the sampler was iterated.

    Attributes
    ----------
    epochs : tuple of numpy.ndarray
        The indices of each epoch, int64 of shape (samples,).
    complete : bool
        Whether all epochs came to their end. A long epoch is cut.
    after_set_epoch : numpy.ndarray or None
        The indices of one more epoch, after a call of ``set_epoch``; None if no sampler
        has a ``set_epoch``.
    length : int or None
        The length that the sampler says it has; None if it has none.
    yielded : tuple of int
        How many indices or batches the sampler yielded in each of the first epochs.
    seeding_functions : tuple of str
        Qualified names of the user's functions that made or seeded a generator while the
        first epoch was drawn.
    held : numpy.ndarray or None
        The integers that the sampler holds in lists and arrays, sorted, each once; None if
        no sampler leaves out other indices in each epoch.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), sampler=[5, 3, 1])
    >>> draws = dejabatch.audit(loader).observation.draws
    >>> len(draws.epochs), draws.epochs[0].tolist(), draws.complete
    (4, [5, 3, 1], True)
    """

    epochs: tuple[npt.NDArray[np.int64], ...]
    complete: bool
    after_set_epoch: npt.NDArray[np.int64] | None = None
    length: int | None = None
    yielded: tuple[int, ...] = ()
    seeding_functions: tuple[str, ...] = ()
    held: npt.NDArray[np.int64] | None = None

    def indices(self) -> npt.NDArray[np.int64]:
        """Return all indices that were drawn in any epoch, sorted, each once.

        Returns
        -------
        numpy.ndarray
            int64 of shape (indices,).
        """
        return np.unique(np.concatenate(self.epochs))


@dataclass(frozen=True, slots=True)
class Seeding:
    """A constructor that seeded a global generator while a loader was made.

    Attributes
    ----------
    generator : str
        The generator's name, such as ``np.random``.
    where : str
        The path of the constructor from the loader, such as ``dataset.__init__``.

    Examples
    --------
    >>> from dejabatch.observe.record import Seeding
    >>> Seeding("torch", "dataset.__init__").where
    'dataset.__init__'
    """

    generator: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers of a dataset that was asked for the same sample again.

    Each process began with a copy of the dataset that had made no sample yet, in a worker
    if the loader has any. "The same states" are those in which all generators within
    reach were at that time; "other states" come from reseeding all of them.

    Attributes
    ----------
    index, other : int or None
        The two indices asked for; None for an iterable dataset.
    error : str or None
        Why some answers are missing; missing answers are None, or empty.
    first : bytes or None
        Digest of the sample of `index`, the first in its process. For an iterable dataset
        this is the first sample of its stream, and most answers after it are missing.
    overwritten : bool or None
        Whether the sample's content had changed when later samples had been made.
    first_in_new_process : bytes or None
        The same as `first`, in another process.
    same_states : bytes or None
        The sample of `index` right after `first`, from the same states. If it equals
        `first`, the sample from the same states after all of `other_states`. It counts
        as `first` if only generators that the first sample makes explain the difference.
    other_states : tuple of bytes
        The sample of `index` after those, each from other states.
    other_states_first : tuple of bytes
        The sample of `index` from other states, each the first in its process, until
        `kept_parts` differ; empty if there are none.
    fixed_parts : tuple of str
        Paths of parts of the sample that are the same in all samples that were made. The
        empty path is the whole sample.
    overwritten_by_collate : bool
        Whether a batch changes while ``collate_fn`` makes the next one.
    equal_views, equal_views_of_collate : tuple of str
        Paths of parts of the sample, or of a batch of ``collate_fn``, that differ by
        numbers alone, where the parts are equal and vary with random numbers.
    largest_part : str
        Path of the part of the sample with the most bytes.
    drawn_from : tuple of str
        The global generators that the first sample drew from or seeded.
    kept_parts : tuple of str
        Paths of parts of the sample that differ in `other_states_first`, and are the same
        in all samples after the first of a process. The empty path is the whole sample.
    kept_in_store : tuple of str
        Paths of what the first sample of an index stores at random, where later samples
        vary and are still made from it.
    writes_files : bool
        Whether making a sample writes to files, as a cache on the disk does.
    error_again : str or None
        The exception that a later sample of `index` raised, such as ``KeyError: 'y'``.
    constant_late_generators : tuple of str
        Paths of generators that the first sample makes in a state that is the same in
        every epoch, or in every one of persistent workers, and from which later samples
        draw.
    constant_late_in_collate : tuple of str
        The same for the generators that the first batch of ``collate_fn`` makes.
    other_index_first : bytes or None
        Digest of the sample of `other`, the first in its process.
    after_other_index : bytes or None
        The sample of `index` right after the sample of `other`, from the same states.
    depends_on : tuple of str
        Paths of the generators that change the sample of `index` or of `other` when they
        alone are reseeded; OpenCV's generator is called ``cv2``. For an iterable dataset
        that ends soon, those that change the content of all its samples.
    reseeded : tuple of str
        Paths of the generators that are in one and the same state after the samples of
        `index` and of `other`, whatever their state before.
    reseeded_in_worker : tuple of str
        Global generators that are in one state after samples of two indices, although they
        drew a number in between and their seeds stayed as they were.
    reseeded_by_index : tuple of str
        Names of the global generators that are in one state after each sample of `index`,
        whatever their state before, and in another after the sample of `other`.
    reseeded_at_start : tuple of str
        Names of the global generators that the first sample of a worker leaves in one
        state, whatever their state before and whatever seed torch gave to the worker, and
        that later samples do not.
    changed_objects : mapping of str to str
        Paths of what the first two samples changed in the dataset, each with its kind:
        ``"array"``, ``"value"``, ``"container"`` or ``"cache"``.
    edited_objects : mapping of str to str
        The part of `changed_objects` that was there before, each with its kind:
        ``"array"`` if edited in place, ``"value"`` for a value of a list or dictionary,
        ``"container"`` for one that has lost or won items, and ``"replaced"`` for an
        attribute with another array or value.
    held_by_dataset : tuple of str
        Paths of objects of the dataset that are part of the sample or share its memory.
    by_getitem : bytes or None
        The sample of `index` by ``dataset[index]``, where loaders use
        ``dataset.__getitems__``; None if they do not.
    batch_of_copies : str or None
        What ``collate_fn`` makes of `COPIES_IN_BATCH` copies of one sample, from several
        random states: ``"rows differ"``, ``"rows vary together"``, ``"rows are fixed"``
        or ``"rows are unclear"``. None for torch's own ``collate_fn``.
    getitems_of_copies : str or None
        The same for the samples of one call of ``__getitems__``, or of the dataset for a
        list of indices; None if the dataset is asked for one index at a time.
    contents : mapping of int to bytes, or None
        Digest of the sample of several indices, all from the same states, without labels
        and other small parts; `BLANK` or `NO_CONTENT` for a sample without any.
    swallowed_errors : mapping of int to str, or None
        Indices for which ``__getitem__`` met an exception and then took another sample,
        or a blank one, each with the exception's name. The name is empty where another
        sample was taken without an exception.
    other_labels : tuple of int
        The few indices whose label depends on random numbers, where all others keep theirs.
    other_samples : tuple of int
        The few indices that have samples of other indices, as random numbers decide.
    idle_transforms : tuple of str, or None
        Paths of random transforms that returned their input.
    ignored_transforms : tuple of str
        Paths of random transforms that changed their input, while the samples stayed the
        same.
    periods : tuple of int, or None
        Numbers of indices after which the samples start over.
    items_in_store : int or None
        How many items the dataset gives for indices beyond its length, which a container
        of that size holds; None if there are none, or if a limit is stored.
    one_more_fits : bool
        Whether the dataset gives one more sample than its length says, and no container
        of that size holds them, as windows of a series.
    without_last : tuple of str
        Paths of lists of which the samples read each item but the last.
    length_is_stored : bool
        Whether the dataset holds a container with as many items as it has indices.
    unreachable_generators : tuple of str
        Loaded modules that have a generator which no path leads to.
    seeding_places : tuple of str
        Paths of functions whose code makes or seeds a generator while the sample is made,
        the innermost first, such as ``dataset.transform.__call__``. For an iterable dataset
        whose pass shuffles, names of the functions that do so in a pass, such as
        ``Lines.__iter__``.
    several_images : bool
        Whether the sample has two parts of three dimensions, as an image and its mask.
    endless : bool
        Whether an iterable dataset gives samples again and again in one pass.
    starts_over_after : int or None
        After how many samples an endless pass begins again with the same samples in the
        same order; None if it does not.
    set_epoch_changes_samples : bool or None
        For a map-style dataset with a ``set_epoch``, whether calling it changes samples;
        None if there is none, or if it was not tried.
    set_epoch_changes_order : bool or None
        For an iterable dataset with a ``set_epoch``, whether calling it changes the order
        or the samples; None if there is none, or if it was not tried.
    second_pass_differs : bool or None
        For an iterable dataset, whether a second pass in one process has the same samples
        in another order, from the same states; None if it was not asked.
    batch_depends_on : tuple of str
        Paths of the generators of ``collate_fn`` that change a batch of the same samples
        when they alone are reseeded.
    edited_by_collate : mapping of str to str
        What ``collate_fn`` edited in place in the dataset, if samples that were made again
        then differed. Each path has its kind, as in `edited_objects`.
    repeated_by_collate : tuple of str
        Paths of the parts that ``collate_fn`` takes from one sample and gives to all rows.
    mixed_up_by_collate : tuple of str
        Paths of parts whose rows ``collate_fn`` puts in other orders than those of other
        parts.
    reseeded_by_collate, counted_by_collate : tuple of str
        Global generators that ``collate_fn`` leaves in one state, whatever their states and
        the samples before: after each batch, or after each first batch of a process, with
        another state after its second batch.
    made_alike, made_alike_by_collate : tuple of str
        Qualified names of the functions that make a generator of their own for each sample
        or each batch, in the same state for other samples and from other states.
    edited_by_pass : mapping of str to str
        For an iterable dataset whose second pass in one process has other samples, from
        the same states, what that pass edited in place. Each path has its kind, as in
        `edited_objects`, but never ``"replaced"``. Empty for a dataset whose samples depend on a generator.

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
    first_in_new_process: bytes | None = None
    same_states: bytes | None = None
    other_states: tuple[bytes, ...] = ()
    other_states_first: tuple[bytes, ...] = ()
    fixed_parts: tuple[str, ...] = ()
    largest_part: str = ""
    overwritten_by_collate: bool = False
    equal_views: tuple[str, ...] = ()
    equal_views_of_collate: tuple[str, ...] = ()
    drawn_from: tuple[str, ...] = ()
    kept_parts: tuple[str, ...] = ()
    kept_in_store: tuple[str, ...] = ()
    writes_files: bool = False
    error_again: str | None = None
    constant_late_generators: tuple[str, ...] = ()
    constant_late_in_collate: tuple[str, ...] = ()
    other_index_first: bytes | None = None
    after_other_index: bytes | None = None
    depends_on: tuple[str, ...] = ()
    reseeded: tuple[str, ...] = ()
    reseeded_in_worker: tuple[str, ...] = ()
    reseeded_by_index: tuple[str, ...] = ()
    reseeded_at_start: tuple[str, ...] = ()
    changed_objects: Mapping[str, str] = field(default_factory=dict)
    edited_objects: Mapping[str, str] = field(default_factory=dict)
    held_by_dataset: tuple[str, ...] = ()
    by_getitem: bytes | None = None
    batch_of_copies: CopiesInBatch | None = None
    getitems_of_copies: CopiesInBatch | None = None
    contents: Mapping[int, bytes] | None = None
    swallowed_errors: Mapping[int, str] | None = None
    other_labels: tuple[int, ...] = ()
    other_samples: tuple[int, ...] = ()
    idle_transforms: tuple[str, ...] | None = None
    ignored_transforms: tuple[str, ...] = ()
    periods: tuple[int, ...] | None = None
    items_in_store: int | None = None
    one_more_fits: bool = False
    without_last: tuple[str, ...] = ()
    length_is_stored: bool = False
    unreachable_generators: tuple[str, ...] = ()
    seeding_places: tuple[str, ...] = ()
    several_images: bool = False
    endless: bool = False
    starts_over_after: int | None = None
    set_epoch_changes_order: bool | None = None
    set_epoch_changes_samples: bool | None = None
    second_pass_differs: bool | None = None
    batch_depends_on: tuple[str, ...] = ()
    edited_by_collate: Mapping[str, str] = field(default_factory=dict)
    repeated_by_collate: tuple[str, ...] = ()
    mixed_up_by_collate: tuple[str, ...] = ()
    reseeded_by_collate: tuple[str, ...] = ()
    counted_by_collate: tuple[str, ...] = ()
    made_alike: tuple[str, ...] = ()
    made_alike_by_collate: tuple[str, ...] = ()
    edited_by_pass: Mapping[str, str] = field(default_factory=dict)

    @property
    def reproducible(self) -> bool:
        """Whether the same states in another process give the same sample."""
        return self.first is not None and self.first == self.first_in_new_process

    @property
    def random(self) -> bool:
        """Whether the sample changes with the generators that the dataset can reach."""
        others = {*self.other_states, *self.other_states_first} - {self.first}
        return self.reproducible and not self.changes_by_itself and bool(others)

    @property
    def changes_by_itself(self) -> bool:
        """Whether a second sample differs although its generators are restored."""
        return self.reproducible and self.same_states not in {self.first, None}


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was observed of one loader.

    Attributes
    ----------
    facts : dejabatch.observe.record.Facts or None
        The loader's attributes; None if the loader could not be made.
    starts : tuple of dejabatch.observe.record.WorkerStart
        The main process, and each worker in each epoch in which it was started.
    fetches : tuple of dejabatch.observe.record.Fetch
        The batches in the order of delivery.
    ends : tuple of dejabatch.observe.record.EpochEnd
        The epochs, in their order.
    opaque_types : tuple of str
        Types of parts of samples whose content cannot be read.
    ended : dejabatch.observe.record.Ended or None
        The reason why the reading ended early.
    sources : tuple of dejabatch.observe.record.Source
        Where the user's classes and functions in the loader are defined.
    nested_subsets : tuple of dejabatch.observe.record.NestedSubset
        Subsets of subsets among the datasets, the outermost first.
    known_states : mapping of str to bytes
        Digests of generators in well-known states, to compare a `Census` with:
        `DEFAULT_TORCH_GENERATOR`, `numpy_recipe` of each worker, and `SEEDED_NUMPY` if
        the main process seeded NumPy with a number and has not drawn from it since.
    answers : dejabatch.observe.record.Answers or None
        The answers of the dataset when asked for one sample again and again.
    whole_stream : dejabatch.observe.record.WholeStream or None
        A pass over an iterable dataset in a process that is not a worker; None if it was
        not read there to its end.
    replay : dejabatch.observe.record.Observation or None
        The same loader asked for one index by all workers, if the dataset is map-style;
        otherwise its workers with all their generators in the same states.
    restarted : dejabatch.observe.record.Observation or None
        The loader with new workers for each epoch, where those that live on repeat their
        samples.
    unseen_by_workers : tuple of str or None
        Paths of what the dataset's ``set_epoch`` changes in the main process alone; None
        without persistent workers, and if ``set_epoch`` could not be tried.
    rebuilt : dejabatch.observe.record.Observation or None
        The loader that the same function made a second time, in another random state.
    resembling : mapping of str to bool
        Paths of parts of samples that `rebuilt` has otherwise, each with whether the part
        resembles that of the same index more than those of other indices.
    changed_files : tuple of str
        Paths of the files that samples changed and that could not be restored.
    delivered : dejabatch.observe.record.Observation or None
        The batches as the program gets them, where the loader's class has an ``__iter__``
        of its own, or the loader a wrapper.
    delivered_copies : str or None
        As `Answers.batch_of_copies`, for what that ``__iter__`` delivers.
    begun_twice : dejabatch.observe.record.BegunTwice
        The effects of two passes that this ``__iter__`` begins.
    draws : dejabatch.observe.record.Draws or None
        The indices that the sampler draws in several epochs; None for an iterable
        dataset, and for indices that are not integers.
    seedings : tuple of dejabatch.observe.record.Seeding
        Constructors of the loader's parts that seeded global generators.
    set_after_split : tuple of dejabatch.observe.record.SetAfterSplit
        Attributes that the function which makes the loader has set after a split.
    expect : dejabatch.Expect
        The user's expectations of the loader.

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
    opaque_types: tuple[str, ...] = ()
    ended: Ended | None = None
    sources: tuple[Source, ...] = ()
    nested_subsets: tuple[NestedSubset, ...] = ()
    known_states: Mapping[str, bytes] = field(default_factory=dict)
    answers: Answers | None = None
    whole_stream: WholeStream | None = None
    replay: Observation | None = None
    restarted: Observation | None = None
    unseen_by_workers: tuple[str, ...] | None = None
    rebuilt: Observation | None = None
    resembling: Mapping[str, bool] = field(default_factory=dict)
    changed_files: tuple[str, ...] = ()
    delivered: Observation | None = None
    delivered_copies: CopiesInBatch | None = None
    begun_twice: BegunTwice = field(default_factory=BegunTwice)
    draws: Draws | None = None
    seedings: tuple[Seeding, ...] = ()
    set_after_split: tuple[SetAfterSplit, ...] = ()
    expect: Expect = field(default_factory=Expect)

    @property
    def error(self) -> str | None:
        """Traceback of the exception that ended the reading, or how a process died."""
        return None if self.ended is None else self.ended.text

    @property
    def out_of_time(self) -> bool:
        """Whether the time limit ended the reading."""
        return self.ended is not None and self.ended.reason == "out of time"

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
            By epoch and worker. A worker that lives on starts an epoch in the state in
            which it ended the epoch before.
        """
        started = {(s.epoch, s.worker): s.census for s in self.starts}
        ends = self.epoch_ends()
        lived_on = {
            (epoch + 1, worker): census for (epoch, worker), census in ends.items()
        }
        known = lived_on | started
        # A process whose first epoch was empty makes its first sample in a later one.
        first = {worker: census for (_, worker), census in reversed(started.items())}
        return {key: known.get(key) or first[key[1]] for key in ends}

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

    def parts_by_index(self, epoch: int) -> dict[str, dict[int, bytes]]:
        """Return the fingerprint of each part of each index's sample in an epoch.

        Parameters
        ----------
        epoch : int
            Which one.

        Returns
        -------
        dict of str to dict
            By path and index. The empty path is the whole sample, where samples have one
            part only.
        """
        found: dict[str, dict[int, bytes]] = {}
        for fetch in self.fetches:
            if fetch.epoch != epoch or not fetch.pairs() or fetch.indices is None:
                continue
            for path, digests in (fetch.parts or {"": fetch.digests}).items():
                rows = [row.tobytes() for row in digests]
                pairs = zip(fetch.indices.tolist(), rows, strict=True)
                found.setdefault(path, {}).update(pairs)
        return found

    def by_index(self, epoch: int) -> dict[int, bytes]:
        """Return the fingerprint of each index's sample in an epoch.

        Parameters
        ----------
        epoch : int
            Which one.

        Returns
        -------
        dict of int to bytes
            By index; the last sample where an index has several.
        """
        return {
            index: digest
            for fetch in self.fetches
            if fetch.epoch == epoch
            for index, digest in fetch.pairs()
        }

    def repeats(self) -> bool | None:
        """Return whether the second epoch has the samples of the first.

        For a map-style dataset, the indices that both epochs have are compared; for an
        iterable one, the workers' streams.

        Returns
        -------
        bool or None
            None if there are fewer than ten samples to compare, which may be equal by
            chance, or if all samples are equal.
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
        if len(samples) < FEWEST_TO_COMPARE or len(set(samples)) < 2:
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
        The observation of each.
    shared_objects : tuple of tuple
        Objects that both hold: the path in `a`, the path in `b`, and the module of the
        object's class, or ``"generator"``.
    common_indices : int or None
        How many samples of one dataset both draw; None if they have different datasets,
        or if it is unknown what they draw.
    drawn_indices : tuple of int, or None
        How many samples of that dataset `a` and `b` draw.
        How many samples of one dataset both hold; None if they have different datasets,
        or unknown parts of it.
    two_ranks : bool
        Whether the loaders are those of two ranks, whose samplers or datasets split the
        data between ranks.

    Examples
    --------
    >>> import dejabatch
    >>> from dejabatch.observe.record import Pair
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(6), batch_size=4)
    >>> seen = dejabatch.audit(loader, epochs=1).observation
    >>> pair = Pair(a=seen, b=seen, shared_objects=(), common_indices=6)
    >>> pair.a.facts.length
    6
    """

    a: Observation
    b: Observation
    shared_objects: tuple[tuple[str, str, str], ...]
    common_indices: int | None
    drawn_indices: tuple[int, int] | None = None
    two_ranks: bool = False


def as_indices(indices: Any) -> npt.NDArray[np.int64] | None:
    """Return a batch sampler's indices as an array; None if they are not integers."""
    try:
        array = np.asarray(indices)
    except (TypeError, ValueError):
        return None
    if array.ndim > 1 or array.dtype.kind not in "iu":
        return None
    return array.reshape(-1).astype(np.int64)
