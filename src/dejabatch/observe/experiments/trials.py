"""Make a sample again from generators in known states, each trial apart from the others.

Each trial runs in a forked child of the process that makes the loader's samples, so that
it begins with a dataset that has made no sample yet, and its changes are gone when it
ends. Where a system cannot fork, each trial has a copy of the dataset instead.
"""

from __future__ import annotations

import copy
import pickle
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info

from dejabatch.observe.batches import (
    digest_of_parts,
    largest_part,
    parts_of,
    small_parts,
)
from dejabatch.observe.children import can_fork
from dejabatch.observe.isolate import NoAnswer, in_fork
from dejabatch.state import GLOBAL_NAMES, generators
from dejabatch.state.attributes import attribute
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.generators import Generator
from dejabatch.state.live import held_by, listed
from dejabatch.state.reach import walk
from dejabatch.state.shared_memory import SharedMemory
from dejabatch.state.written_files import WrittenFiles

OTHER_STATES = range(1, 9)
"""Numbers of the states to which generators are reseeded.

A random decision with a probability of one half stays unseen once in 2**8.
"""

# A library whose generators lie in compiled code, where no path leads.
_WITH_HIDDEN_GENERATORS = ("imgaug",)


@dataclass(frozen=True, slots=True)
class Step:
    """One sample to make.

    Attributes
    ----------
    index : int
        The sample's index.
    state : int
        0 for the generators' own states, else any number, such as one in `OTHER_STATES`.
    only : str or None
        Path of the one generator to reseed; None for all of them.
    """

    index: int
    state: int = 0
    only: str | None = None


@dataclass(slots=True)
class Trial:
    """The samples of one process, step by step.

    Attributes
    ----------
    digests : list of bytes
        The sample of each step, without the parts that are ignored.
    parts : list of dict of str to bytes
        The parts of each sample, by path.
    errors : list of str or None
        The exception of each step that raised. Its digest is a digest of the exception.
    states : list of dict of str to bytes
        The generators after each step, by path.
    small_parts : frozenset of str
        Paths of the parts of the first sample that are small, such as a label.
    largest_part : str
        Path of the part of the first sample with the most bytes.
    late : tuple of str
        Paths of the generators that the first sample made and the second one kept.
    overwritten : bool
        Whether the content of the first sample had changed at the end.
    unreachable_generators : tuple of str
        Loaded modules that have a generator which no path leads to.
    draws : bool
        Whether the first sample changed the state of a generator, or may have.
    drawn_from : tuple of str
        The global generators whose state the first sample changed.
    imported_opencv : bool
        Whether a sample has imported OpenCV.
    """

    digests: list[bytes] = field(default_factory=list)
    parts: list[dict[str, bytes]] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    states: list[dict[str, bytes]] = field(default_factory=list)
    small_parts: frozenset[str] = frozenset()
    largest_part: str = ""
    late: tuple[str, ...] = ()
    overwritten: bool = False
    unreachable_generators: tuple[str, ...] = ()
    draws: bool = True
    drawn_from: tuple[str, ...] = ()
    imported_opencv: bool = False


def fetched(
    dataset: Any, index: int, *, batched: bool, index_lists: bool = False
) -> Any:
    """Return a sample as ``torch.utils.data._utils.fetch`` does.

    Parameters
    ----------
    dataset : object
        A map-style dataset.
    index : int
        The index of the sample.
    batched : bool
        Whether the loader makes batches.
    index_lists : bool
        Whether the loader asks the dataset for a list of indices at once.
    """
    if batched and attribute(dataset, "__getitems__"):
        return dataset.__getitems__([index])[0]
    return dataset[[index]] if index_lists else dataset[index]


class _Snapshot:
    """Objects as they were, of which every trial gets copies."""

    def __init__(self, *objects: object) -> None:
        try:
            self.copy = partial(pickle.loads, pickle.dumps(objects))
        except Exception:  # noqa: BLE001 - pickling runs any code
            try:
                self.copy = partial(copy.deepcopy, copy.deepcopy(objects))
            except Exception as error:
                msg = f"the dataset can be neither pickled nor copied: {error}"
                raise NoAnswer(msg) from error


class Samples:
    """A dataset that makes samples from chosen random states.

    Parameters
    ----------
    dataset, collate_fn : object
        The dataset and the ``collate_fn`` of a loader.
    batched : bool
        Whether the loader makes batches.
    index_lists : bool
        Whether the loader asks the dataset for a list of indices at once.
    deadline : float
        Value of ``time.monotonic()`` at which trials end.
    persistent : bool
        Whether the loader's workers live on from one epoch to the next.

    Attributes
    ----------
    ignored : frozenset of str
        Paths of parts of a sample that digests leave out, such as a time stamp.
    writes_files : bool
        Whether a trial has written to files, as a cache on the disk does.
    """

    def __init__(
        self,
        dataset: Any,
        collate_fn: Any,
        *,
        batched: bool,
        deadline: float,
        index_lists: bool = False,
        persistent: bool = False,
    ) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.batched = batched
        self._index_lists = index_lists
        self._persistent = persistent
        self.ignored: frozenset[str] = frozenset()
        self.writes_files = False
        self._deadline = deadline
        self._finder = generators.Finder(self.roots)
        # Python seeds `random` anew in every forked child, so the states are saved here.
        found = self.generators()
        self._states = {name: generators.get_state(g) for name, g in found.items()}
        walked = list(walk(self.roots))
        self._shared = SharedMemory(self.roots, walked=walked)
        self._held = held_by(self.roots, walked=walked)
        self._snapshot = None if can_fork() else _Snapshot(dataset, collate_fn)
        if self._held.live:
            msg = f"trials cannot share an object: {listed(self._held.live)}"
            raise NoAnswer(msg)

    @property
    def roots(self) -> dict[str, object]:
        """Where to look for what takes part in making a sample or a batch."""
        return {"dataset": self.dataset, "collate_fn": self.collate_fn}

    @property
    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() > self._deadline

    def generators(self, *, again: bool = False) -> dict[str, Generator]:
        """Return the generators that take part in making a sample, by path.

        Parameters
        ----------
        again : bool
            Whether to search again, even if a search takes long.
        """
        return self._finder.all(again=again)

    def apart(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns in a forked child, or with a copied dataset.

        Raises
        ------
        dejabatch.observe.isolate.NoAnswer
            If the function raised, or took too long.
        """
        files = WrittenFiles()
        run = partial(self._run_trial, files, function, *arguments)
        try:
            if self._snapshot is None:
                return in_fork(run, self._deadline)
            return self._with_copies(run)
        finally:
            self.writes_files |= files.any_noted()
            files.undo()  # a cache on the disk must not outlive the trial
            self._shared.restore()

    def _with_copies(self, function: Callable[[], Any]) -> Any:
        """Call a function while `dataset` and `collate_fn` are copies."""
        if self.out_of_time:
            msg = "making one sample again took too long"
            raise NoAnswer(msg)
        assert self._snapshot is not None
        own = self.dataset, self.collate_fn, self._finder
        try:
            self.dataset, self.collate_fn = self._snapshot.copy()
            self._finder = generators.Finder(self.roots)
            return function()
        except Exception as error:
            msg = f"making one sample again raised {error!r}"
            raise NoAnswer(msg) from error
        finally:
            self.dataset, self.collate_fn, self._finder = own

    def _run_trial(
        self, files: WrittenFiles, function: Callable[..., Any], *arguments: Any
    ) -> Any:
        files.watch()
        self._held.renew()
        return function(*arguments)

    def attempt(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Do as `apart`, but return None for an answer that the dataset refuses."""
        try:
            return self.apart(function, *arguments)
        except NoAnswer:
            if self.out_of_time:
                raise
            return None

    def trial(self, *steps: Step) -> Trial:
        """Make samples one after another in a new process.

        Raises
        ------
        dejabatch.observe.isolate.NoAnswer
            If the first sample cannot be made, or if there is no time.
        """
        trial: Trial = self.apart(self._run, steps)
        return trial

    def apart_in_another_worker(self, function: Callable[..., Any], *given: Any) -> Any:
        """Do as `apart`, with what torch tells to another worker.

        This is another ``seed``, as in the next epoch. Persistent workers start once, so
        they differ by their ``id`` as well.
        """
        return self.apart(self._as_another_worker, function, *given)

    def _as_another_worker(self, function: Callable[..., Any], *given: Any) -> Any:
        info = get_worker_info()
        if info is None:
            return function(*given)
        own = {"seed": info.seed, "id": info.id}
        others = own | {"seed": info.seed + 1}
        if self._persistent:
            others["id"] = info.id + 1
        try:
            # A WorkerInfo's own __setattr__ forbids to change it.
            for name, value in others.items():
                object.__setattr__(info, name, value)
            return function(*given)
        finally:
            for name, value in own.items():
                object.__setattr__(info, name, value)

    def trial_of_another_worker(self, *steps: Step) -> Trial:
        """Do as `trial`, with what torch tells to another worker."""
        trial: Trial = self.apart_in_another_worker(self._run, steps)
        return trial

    def _run(self, steps: tuple[Step, ...]) -> Trial:
        trial = Trial()
        kept = digest = None
        made: dict[str, int] = {}
        before: dict[str, bytes] = {}
        had_opencv = "cv2" in sys.modules
        for number, step in enumerate(steps):
            try:
                self.set_states(step)
                if not number:
                    before = _digests(self.generators())
                sample = self.fetch(step.index)
            except Exception as error:
                if not number:
                    raise
                self._note_error(trial, error)
                continue
            parts = digest_of_parts(parts_of(sample))
            trial.parts.append(parts)
            trial.digests.append(self.digest_of(sample, parts))
            trial.errors.append(None)
            after = self.generators(again=number < 2)
            trial.states.append(_digests(after))
            if not number:
                kept, digest = sample, fingerprint(sample)
                trial.small_parts = small_parts(sample)
                trial.largest_part = largest_part(sample)
                made = self.keep_new_states(after)
            elif number == 1:
                trial.late = tuple(
                    name
                    for name, identity in made.items()
                    if name in after and generators.identity(after[name]) == identity
                )
        trial.overwritten = fingerprint(kept) != digest
        # The first sample may have imported these.
        trial.unreachable_generators = tuple(
            name for name in _WITH_HIDDEN_GENERATORS if name in sys.modules
        )
        trial.imported_opencv = "cv2" in sys.modules and not had_opencv
        trial.drawn_from = tuple(
            name for name in GLOBAL_NAMES if trial.states[0].get(name) != before[name]
        )
        trial.draws = (
            trial.states[0] != before
            or "cv2" in sys.modules
            or bool(trial.unreachable_generators)
        )
        return trial

    def _note_error(self, trial: Trial, error: Exception) -> None:
        described = f"{type(error).__name__}: {error}"
        digest = fingerprint(("raised", type(error).__name__))
        trial.parts.append({"": digest})
        trial.digests.append(digest)
        trial.errors.append(described)
        trial.states.append({})

    def keep_new_states(self, found: Mapping[str, Generator]) -> dict[str, int]:
        """Let later steps restore the generators that the first sample has made.

        Returns
        -------
        dict of str to int
            The identity of each new generator, by path.
        """
        new = {name: g for name, g in found.items() if name not in self._states}
        for name, generator in new.items():
            self._states[name] = generators.get_state(generator)
        return {name: generators.identity(g) for name, g in new.items()}

    def make(self, step: Step) -> Any:
        """Make one sample in this process."""
        self.set_states(step)
        return self.fetch(step.index)

    def digest(self, step: Step) -> bytes:
        """Make one sample in this process, and return its digest."""
        sample = self.make(step)
        parts = digest_of_parts(parts_of(sample)) if self.ignored else {}
        return self.digest_of(sample, parts)

    def digest_of(self, sample: Any, parts: Mapping[str, bytes]) -> bytes:
        """Return the digest of a sample without the parts that are ignored."""
        if not self.ignored:
            return fingerprint(sample)
        return fingerprint({p: d for p, d in parts.items() if p not in self.ignored})

    def fetch(self, index: int) -> Any:
        """Return a sample as the loader does."""
        lists = self._index_lists
        return fetched(self.dataset, index, batched=self.batched, index_lists=lists)

    def set_states(self, step: Step) -> None:
        """Set all generators to a step's states."""
        for name, generator in self.generators().items():
            if name in self._states:
                generators.set_state(generator, self._states[name])
            if step.state and step.only in {None, name}:
                entropy = [step.state, zlib.crc32(name.encode())]
                seed = np.random.SeedSequence(entropy)
                generators.reseed(generator, seed)
        if "cv2" in sys.modules:
            state = step.state if step.only in {None, "cv2"} else 0
            sys.modules["cv2"].setRNGSeed(1 + state)

    def depends_on(self, indices: Iterable[int], most: int) -> tuple[str, ...]:
        """Return the generators that change a sample when they alone are reseeded.

        Parameters
        ----------
        indices : iterable of int
            Indices of the samples to make.
        most : int
            How many generators to try.
        """
        names = list(self.generators())[:most]
        names += ["cv2"] if "cv2" in sys.modules else []
        asked = tuple(indices)
        drawn_from = self.apart(self._drawn_from, asked)
        # A buffer of earlier samples changes later ones, whatever the generators.
        steps = [Step(index, state) for state in OTHER_STATES for index in asked]
        # A sample that only reads a generator's state, to seed another, differs at once.
        few = steps[: 2 * len(asked)]
        all_needed = not drawn_from.isdisjoint(names) or "cv2" in names
        plain = self.apart(
            self._digests, asked * (len(OTHER_STATES) if all_needed else 2)
        )
        return tuple(
            name
            for name in names
            if self.apart(
                self._differs,
                name,
                steps if name in drawn_from or name == "cv2" else few,
                plain,
            )
        )

    def _digests(self, indices: tuple[int, ...]) -> list[bytes]:
        return [self.digest(Step(index)) for index in indices]

    def _differs(self, name: str, steps: list[Step], plain: list[bytes]) -> bool:
        return any(
            self.digest(Step(step.index, step.state, name)) != digest
            for step, digest in zip(steps, plain, strict=False)
        )

    def _drawn_from(self, indices: tuple[int, ...]) -> set[str]:
        """Return the generators that some sample draws from, or that a sample makes."""
        untouched = set(self._states)
        for index in indices:
            self.set_states(Step(index))
            found = self.generators()
            before = _digests(found)
            self.fetch(index)
            untouched -= {
                name
                for name, digest in _digests(found).items()
                if digest != before[name]
            }
        return set(self.generators(again=True)) - untouched


def _digests(found: Mapping[str, Generator]) -> dict[str, bytes]:
    return {name: generators.digest(generator) for name, generator in found.items()}


def reachable_generators(
    roots: Mapping[str, object],
) -> dict[str, Generator]:
    """Return the global generators and all that some objects can reach, by path."""
    return generators.Finder(roots).all()


def dataset_of_worker(otherwise: Any) -> Any:
    """Return the dataset of the worker that runs this, or `otherwise` in no worker."""
    info = get_worker_info()
    return otherwise if info is None else info.dataset
