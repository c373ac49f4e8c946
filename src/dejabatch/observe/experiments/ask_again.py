"""Ask a dataset for the same sample again, and move one random generator at a time.

All this happens where the loader's samples are made: in one of its workers, or in a
process like the main one if it has none. Each trial runs in a forked child of that
process, so that it begins with a dataset that has made no sample yet, and its changes are
gone when it ends.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    default_collate,
    default_convert,
    get_worker_info,
)

from dejabatch.state import generators as rng
from dejabatch.state.fingerprint import fingerprint
from dejabatch.observe.isolate import (
    Send,
    file_offsets_kept,
    run_isolated,
)
from dejabatch.observe.experiments.idle_transforms import Watched, differ, idle_transforms
from dejabatch.state.reach import contents, holders, lengths
from dejabatch.state.shared_memory import SharedMemory
from dejabatch.observe.record import Answers, Observation
from dejabatch.observe.spy import observe, rows_of

# A random decision with a probability of one half stays unseen once in 2**8.
_MOVES = range(1, 9)
_MOST_GENERATORS = 16
_MOST_SIZES = 8
_MOST_SUSPECTS = 48
COPIES = 7
"""Of one sample in a batch: as few batches as possible have that many parts."""
_WITH_GENERATORS_OF_THEIR_OWN = ("imgaug", "numba")


class _Unanswered(Exception):
    """A trial gave no answer; says why."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One sample: `move` 0 leaves the generators as they were, `only` moves only one."""

    index: int
    move: int = 0
    only: str | None = None


@dataclass(slots=True)
class _Trial:
    """What one process gave, step by step."""

    digests: list[bytes] = field(default_factory=list)
    states: list[dict[str, bytes]] = field(default_factory=list)
    overwritten: bool = False
    unreachable: tuple[str, ...] = ()


def ask(
    make_loader: Callable[[], DataLoader[Any]],
    observation: Observation,
    *,
    time_limit: float,
) -> Answers | None:
    """Ask a loader's dataset for one of its samples, again and again.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in a process of its own.
    observation : dejabatch.observe.record.Observation
        What was seen of the loader; two of its indices are used.
    time_limit : float
        Seconds after which there are only the answers that came until then.

    Returns
    -------
    dejabatch.observe.record.Answers or None
        None if there is no index to ask for.
    """
    facts = observation.facts
    if facts is None or not observation.fetches:
        return None
    seen = list(
        dict.fromkeys(
            index
            for fetch in observation.fetches
            if fetch.indices is not None
            for index in fetch.indices.tolist()
        )
    )
    indices, suspects = seen[:2], _suspects(observation, seen)
    if facts.map_style and not indices:
        return None

    def read(send: Send) -> None:
        loader = make_loader()
        questions = _Questions(loader, indices, suspects, time_limit * 0.9)
        send(_asked_in_worker(loader, questions) if loader.num_workers else questions())

    outcome = run_isolated(read, time_limit)
    if outcome.sent and isinstance(outcome.sent[0], Answers):
        return outcome.sent[0]
    reason = (outcome.error or "it took too long").strip().splitlines()[-1]
    return Answers(error=reason)


def replay(
    make_loader: Callable[[], DataLoader[Any]],
    observation: Observation,
    *,
    time_limit: float,
) -> Observation | None:
    """Let all workers do the same work, to see whether they do it in the same way.

    Of a map-style dataset, each worker makes one sample three times in each of two
    epochs. Of an iterable dataset, each worker begins its stream with all its
    generators in the same states.

    Parameters
    ----------
    make_loader, observation, time_limit
        As for `ask`.

    Returns
    -------
    dejabatch.observe.record.Observation or None
        None if there are fewer than two workers.
    """
    facts, answers = observation.facts, observation.answers
    if facts is None or facts.num_workers < 2:
        return None
    workers = facts.num_workers

    def same_index(loader: DataLoader[Any]) -> None:
        index = None if answers is None else answers.index
        if loader.batch_sampler is None:
            loader.__dict__["sampler"] = [index] * 3 * workers
        else:
            loader.__dict__["batch_sampler"] = [[index] * 3] * workers

    def same_states(loader: DataLoader[Any]) -> None:
        loader.__dict__["worker_init_fn"] = _SameStates(loader.worker_init_fn)

    def make() -> DataLoader[Any]:
        loader = copy.copy(make_loader())
        (same_index if facts.map_style else same_states)(loader)
        return loader

    epochs, batches = (2, 3 * workers) if facts.map_style else (1, 4 * workers)
    return observe(make, epochs=epochs, max_batches=batches, time_limit=time_limit)


def restart(
    make_loader: Callable[[], DataLoader[Any]],
    observation: Observation,
    *,
    time_limit: float,
) -> Observation | None:
    """Start new workers for each epoch, where those that live on repeat their samples.

    Of a map-style dataset, the same batches are made in both epochs.

    Parameters
    ----------
    make_loader, observation, time_limit
        As for `ask`.

    Returns
    -------
    dejabatch.observe.record.Observation or None
        None if workers do not live on, or do not repeat their samples.
    """
    facts = observation.facts
    if facts is None or not facts.persistent_workers or not observation.repeats():
        return None
    batches: list[list[int]] = []
    for fetch in observation.fetches:
        # Enough for each worker to have some, and to compare.
        if len(batches) >= 2 * facts.num_workers and sum(map(len, batches)) >= 16:
            break
        if fetch.epoch == 0 and fetch.indices is not None:
            batches.append(fetch.indices.tolist())

    def make() -> DataLoader[Any]:
        loader = copy.copy(make_loader())
        # Not by attribute: the loader forbids its users to set some of these.
        loader.__dict__["persistent_workers"] = False
        if facts.map_style and loader.batch_sampler is None:
            loader.__dict__["sampler"] = [index for batch in batches for index in batch]
        elif facts.map_style:
            loader.__dict__["batch_sampler"] = batches
        return loader

    most = sum(fetch.epoch == 0 for fetch in observation.fetches)
    return observe(make, epochs=2, max_batches=most, time_limit=time_limit)


def _suspects(observation: Observation, seen: list[int]) -> list[int]:
    """Choose indices to look at closely: those with a sample of another first."""
    by_digest: dict[bytes, set[int]] = {}
    for fetch in observation.fetches:
        for index, digest in fetch.pairs():
            by_digest.setdefault(digest, set()).add(index)
    repeated = sorted((i for i in by_digest.values() if len(i) > 1), key=len)
    chosen = [index for group in reversed(repeated) for index in sorted(group)]
    step = max(1, len(seen) // _MOST_SUSPECTS)
    return list(dict.fromkeys(chosen + seen[::step]))[:_MOST_SUSPECTS]


class _SameStates:
    """A ``worker_init_fn`` after which every worker has the same random states."""

    def __init__(self, worker_init: Callable[[int], None] | None) -> None:
        self._worker_init = worker_init

    def __call__(self, worker_id: int) -> None:
        if self._worker_init is not None:
            self._worker_init(worker_id)
        info = get_worker_info()
        found = _generators({"dataset": None if info is None else info.dataset})
        for position, generator in enumerate(found.values()):
            rng.reseed(generator, np.random.SeedSequence([0, position]))


def _asked_in_worker(loader: DataLoader[Any], questions: _Questions) -> Answers:
    """Start one of the loader's workers, and ask there."""
    context = loader.multiprocessing_context or sys.modules["multiprocessing"]
    receiver, questions.sender = context.Pipe(duplex=False)
    asked = copy.copy(loader)
    # Not by attribute: the loader forbids its users to set some of these.
    asked.__dict__.update(
        num_workers=1,
        persistent_workers=False,
        worker_init_fn=questions.worker_init,
        pin_memory=False,
        timeout=0,
        _iterator=None,
    )
    if not isinstance(loader.dataset, IterableDataset):
        role, one = (
            ("sampler", 0) if loader.batch_sampler is None else ("batch_sampler", [0])
        )
        asked.__dict__[role] = [one]
    running = DataLoader.__iter__(asked)
    questions.sender.close()
    try:
        answers: Answers = receiver.recv()
    except EOFError:
        return Answers(error="the worker died")
    finally:
        del running
    return answers


class _Questions:
    """Everything that a dataset is asked, in the process that makes its samples."""

    def __init__(
        self,
        loader: DataLoader[Any],
        indices: list[int],
        suspects: list[int],
        seconds: float,
    ) -> None:
        self._suspects = suspects
        self._collate = loader.collate_fn
        self._dataset = None if loader.num_workers else loader.dataset
        self._worker_init = loader.worker_init_fn
        self._batched = loader.batch_sampler is not None
        self._indices = indices
        self._seconds = seconds
        self.sender: Connection | None = None

    def worker_init(self, worker_id: int) -> None:
        """Run the user's function, then ask; this is the worker's ``worker_init_fn``."""
        if self._worker_init is not None:
            self._worker_init(worker_id)
        assert self.sender is not None
        self.sender.send(self())
        self.sender.close()

    def __call__(self) -> Answers:
        """Return the answers, or as many as there is time for."""
        info = get_worker_info()
        self._dataset = self._dataset if info is None else info.dataset
        self._deadline = time.monotonic() + self._seconds
        # Here, because Python seeds `random` anew in every forked child.
        found = self._generators()
        self._states = {name: rng.get_state(g) for name, g in found.items()}
        self._shared = SharedMemory({"dataset": self._dataset})
        answers: dict[str, Any] = {}
        try:
            for more in self._of_index() if self._indices else self._of_stream():
                answers.update(more)
        except _Unanswered as why:
            answers["error"] = str(why)
        return Answers(**answers)

    def _of_stream(self) -> Iterator[dict[str, Any]]:
        def begin() -> tuple[bytes, bool]:
            stream = iter(self._dataset)  # type: ignore[arg-type]
            sample = next(stream)
            digest = fingerprint(sample)
            for _, _later in zip(range(3), stream, strict=False):
                pass
            return digest, fingerprint(sample) != digest

        def held() -> tuple[str, ...]:
            stream = iter(self._dataset)  # type: ignore[arg-type]
            roots = {"dataset": self._dataset, "stream": stream}
            return tuple(holders(roots, next(stream)))

        first, overwritten = self._in_child(begin)
        yield {"first": first, "overwritten": overwritten}
        if overwritten:
            yield {"held": self._in_child(held)}

    def _of_index(self) -> Iterator[dict[str, Any]]:
        index, *others = self._indices
        if self._in_child(lambda: self._imports_opencv(index)):
            # Its generator can be put into a state, but not before it is there.
            importlib.import_module("cv2")
        gathered: dict[str, Any] = {}
        for more in self._of_pair(index, others):
            gathered |= more
            yield more
        made = {gathered["second"], *gathered["moved"], *gathered["moved_first"]}
        if others and gathered.get("depends_on") and made == {gathered["first"]}:
            # It is the other that is random. This one may be blank, or kept in a cache
            # that somebody has filled.
            yield from self._of_pair(others[0], [index])
        yield from self._of_parts(index)

    def _of_pair(self, index: int, others: list[int]) -> Iterator[dict[str, Any]]:
        other = others[0] if others else index
        yield {"index": index, "other": other}

        one = self._try(
            _Step(index),
            _Step(index),
            *(_Step(index, move) for move in _MOVES),
            _Step(index),  # one of the moves may have edited what is stored
            _Step(other),
        )
        first, second, *moved, last, _ = one.digests
        second = last if second == first else second
        yield {"first": first, "second": second, "moved": tuple(moved)}
        yield {"unreachable": one.unreachable}
        yield {"first_again": self._try(_Step(index)).digests[0]}
        overwritten = False
        expected = {index: first}
        if others:
            two = self._try(_Step(other), _Step(index))
            expected[other] = two.digests[0]
            overwritten = two.overwritten
            yield {
                "overwritten": overwritten,
                "other_first": two.digests[0],
                "after_other": two.digests[1],
            }
        moved_first = self._until_it_differs(first, moved, index)
        yield {"moved_first": moved_first}
        if overwritten or first != second or moved_first:
            changed, held = self._in_child(lambda: self._changed_and_held(index))
            yield {"changed": changed, "held": held}
        yield {"reseeded": self._reseeded(one)}
        if first == second:
            yield {"depends_on": self._depends_on(expected)}

    def _of_parts(self, index: int) -> Iterator[dict[str, Any]]:
        """Look at what takes part in making a sample or a batch."""
        if self._batched and getattr(self._dataset, "__getitems__", None):
            yield self._attempt("by_item", lambda: self._by_item(index))
        if self._batched and self._collate not in {default_collate, default_convert}:
            yield self._attempt("batch_of_copies", lambda: self._batch_of_copies(index))
        yield self._attempt("swallowed", self._swallowed)
        yield self._attempt("idle", lambda: idle_transforms(self._roots(), self._use))
        yield self._attempt("periods", self._periods)

    def _attempt(self, name: str, function: Callable[[], Any]) -> dict[str, Any]:
        """Ask something that a dataset may refuse to answer; the rest goes on."""
        try:
            return {name: self._in_child(function)}
        except _Unanswered:
            if time.monotonic() > self._deadline:
                raise
            return {}

    def _roots(self) -> dict[str, object]:
        return {"dataset": self._dataset, "collate_fn": self._collate}

    def _use(self, move: int) -> None:
        """Make samples, for something that looks on."""
        for index in self._indices:
            self._move(_Step(index, move))
            self._fetch(index)

    def _imports_opencv(self, index: int) -> bool:
        self._fetch(index)
        return "cv2" in sys.modules

    def _by_item(self, index: int) -> bytes:
        dataset: Any = self._dataset
        self._move(_Step(index))
        return fingerprint(dataset[index])

    def _batch_of_copies(self, index: int) -> str:
        """Tell whether copies of a sample make equal rows, and rows that vary."""
        self._move(_Step(index))
        sample = self._fetch(index)
        batches = []
        for move in (0, *_MOVES):
            self._move(_Step(index, move))
            copies = [copy.deepcopy(sample) for _ in range(COPIES)]
            batches.append(rows_of(self._collate(copies), COPIES))
        if not all(batches):
            return "rows are unclear"
        alike = all(not differ(row, rows[0]) for rows in batches for row in rows[1:])
        first = batches[0]
        varies = any(
            differ(row, other)
            for rows in batches[1:]
            for row, other in zip(rows, first, strict=False)
        )
        if not alike:
            return "rows differ"
        return "rows vary together" if varies else "rows are fixed"

    def _swallowed(self) -> dict[int, str]:
        """Find indices whose sample came although ``__getitem__`` met an exception.

        Only those count for which the dataset asked itself for another sample, and which
        meet the exception each time: a cache that has no entry yet does not.
        """
        found = {}
        for index in self._suspects:
            self._move(_Step(index))
            with Watched() as watched:
                self._fetch(index)
            if watched.exception is None or not watched.asked_itself:
                continue
            self._move(_Step(index))
            with Watched() as again:
                self._fetch(index)
            if again.exception is not None:
                found[index] = watched.exception
        return found

    def _periods(self) -> tuple[int, ...]:
        """Find numbers of indices after which the samples begin again."""
        try:
            length = len(self._dataset)  # type: ignore[arg-type]
        except (TypeError, NotImplementedError):
            return ()

        def sample(index: int) -> bytes:
            return self._made(_Step(index))

        sizes = sorted({n for n in lengths(self._roots()) if 1 < n < length - 2})
        first = [sample(index) for index in range(3)] if sizes else []
        if len(set(first)) < 2:
            return ()
        return tuple(
            size
            for size in sizes[:_MOST_SIZES]
            if all(sample(index + size) == first[index] for index in range(3))
        )

    def _until_it_differs(
        self, first: bytes, moved: list[bytes], index: int
    ) -> tuple[bytes, ...]:
        """Move the generators in new processes, if doing so in an old one had no effect."""
        digests: list[bytes] = []
        if all(digest == first for digest in moved):
            for move in _MOVES:
                digests += self._try(_Step(index, move)).digests
                if digests[-1] != first:
                    break
        return tuple(digests) if digests and digests[-1] != first else ()

    def _changed_and_held(self, index: int) -> tuple[dict[str, str], tuple[str, ...]]:
        roots = {"dataset": self._dataset}
        self._move(_Step(index))
        before = contents(roots)
        sample = self._fetch(index)
        between = contents(roots)
        held = tuple(holders(roots, sample))
        self._fetch(index)
        changed = {
            path: kind
            for one, other in ((before, between), (between, contents(roots)))
            for path, (kind, content) in other.items()
            if one.get(path) != (kind, content)
        }
        return changed, held

    def _reseeded(self, trial: _Trial) -> tuple[str, ...]:
        """Find generators that are in one state after every sample.

        That of `other` counts, too: a seed made of the index is no constant.
        """
        if not self._indices[1:]:
            return ()
        return tuple(
            path
            for path, state in trial.states[0].items()
            if all(states.get(path) == state for states in trial.states)
        )

    def _depends_on(self, expected: dict[int, bytes]) -> tuple[str, ...]:
        """Find the generators that change a sample when they alone are moved."""
        names = list(self._generators())[:_MOST_GENERATORS]
        names += ["cv2"] if "cv2" in sys.modules else []
        untouched = self._in_child(lambda: self._untouched(list(expected)))

        def differs(name: str) -> bool:
            # What only reads a generator's state, to make a seed of it, shows at once.
            moves = _MOVES[:2] if name in untouched else _MOVES
            return any(
                self._made(_Step(index, move, name)) != digest
                for move in moves
                for index, digest in expected.items()
            )

        return tuple(n for n in names if self._in_child(functools.partial(differs, n)))

    def _untouched(self, indices: list[int]) -> set[str]:
        """Find the generators that no sample draws from."""
        untouched = set(self._states)
        for index in indices:
            self._move(_Step(index))
            found = self._generators()
            before = {name: rng.digest(one) for name, one in found.items()}
            self._fetch(index)
            untouched -= {
                name for name, one in found.items() if rng.digest(one) != before[name]
            }
        return untouched

    def _made(self, step: _Step) -> bytes:
        self._move(step)
        return fingerprint(self._fetch(step.index))

    def _generators(self) -> dict[str, rng.Generator]:
        return _generators({"dataset": self._dataset, "collate_fn": self._collate})

    def _try(self, *steps: _Step) -> _Trial:
        trial: _Trial = self._in_child(lambda: self._run(list(steps)))
        return trial

    def _run(self, steps: list[_Step]) -> _Trial:
        """Make samples, each from generators in known states."""
        trial = _Trial()
        kept = digest = None
        for step in steps:
            self._move(step)
            sample = self._fetch(step.index)
            trial.digests.append(fingerprint(sample))
            after = self._generators()
            trial.states.append({name: rng.digest(g) for name, g in after.items()})
            if kept is None:
                kept, digest = sample, trial.digests[0]
        trial.overwritten = fingerprint(kept) != digest
        # The first sample may have imported them.
        trial.unreachable = tuple(
            name for name in _WITH_GENERATORS_OF_THEIR_OWN if name in sys.modules
        )
        return trial

    def _fetch(self, index: int) -> Any:
        dataset: Any = self._dataset
        # As torch.utils.data._utils.fetch does.
        if self._batched and getattr(dataset, "__getitems__", None):
            return dataset.__getitems__([index])[0]
        return dataset[index]

    def _move(self, step: _Step) -> None:
        """Put all generators into a step's states."""
        found = self._generators()
        for position, (name, generator) in enumerate(found.items()):
            if name in self._states:
                rng.set_state(generator, self._states[name])
            if step.move and step.only in {None, name}:
                rng.reseed(generator, np.random.SeedSequence([step.move, position]))
        if "cv2" in sys.modules:
            moved = step.move if step.only in {None, "cv2"} else 0
            sys.modules["cv2"].setRNGSeed(1 + moved)

    def _in_child(self, function: Callable[[], Any]) -> Any:
        """Run a function in a forked child and return what it returns.

        Not by multiprocessing, whose daemonic processes may have no children.
        """
        reading, writing = os.pipe()
        with file_offsets_kept():
            child = os.fork()
            if child == 0:
                _answer_and_exit(function, writing)
            os.close(writing)
            try:
                answered, content = pickle.loads(self._read(reading))
            finally:
                os.close(reading)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                self._shared.restore()
        if not answered:
            raise _Unanswered(content)
        return content

    def _read(self, descriptor: int) -> bytes:
        received = b""
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                msg = "making one sample again took too long"
                raise _Unanswered(msg)
            chunk = os.read(descriptor, 2**16)
            if not chunk:
                break
            received += chunk
        if not received:
            msg = "the process that made one sample again died"
            raise _Unanswered(msg)
        return received


def _answer_and_exit(function: Callable[[], Any], descriptor: int) -> None:
    try:
        answer = (True, function())
    except BaseException as error:  # noqa: BLE001 - it is told to the parent
        answer = (False, f"making one sample again raised {error!r}")
    try:
        with os.fdopen(descriptor, "wb") as pipe:
            pickle.dump(answer, pipe)
    finally:
        os._exit(0)


def _generators(roots: Mapping[str, object]) -> dict[str, rng.Generator]:
    found = rng.find(roots)
    return rng.global_rngs() | {one.path: one.rng for one in found}
