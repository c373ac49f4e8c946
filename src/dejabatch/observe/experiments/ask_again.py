"""Ask a dataset for the same sample again, and reseed one random generator at a time.

All this happens where the loader's samples are made: in one of its workers, or in a
process like the main one if it has none.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    default_collate,
    default_convert,
)

from dejabatch.loaders import PROBE_EPOCH
from dejabatch.observe.batches import (
    digests_of,
    equal_views,
    flat,
    labels_of,
    parts_of,
    rows_of,
)
from dejabatch.observe.experiments.collating import MOST_GENERATORS, Batches
from dejabatch.observe.experiments.delivered import compare_rows
from dejabatch.observe.experiments.draws import draw
from dejabatch.observe.experiments.getitem_trace import Traced
from dejabatch.observe.experiments.idle_transforms import idle_transforms
from dejabatch.observe.experiments.seeding_trace import (
    same_states,
    seeding_functions,
    states_after,
)
from dejabatch.observe.experiments.trials import (
    OTHER_STATES,
    Samples,
    Step,
    Trial,
    dataset_of_worker,
)
from dejabatch.observe.experiments.unread_items import lists_without_last
from dejabatch.observe.facts import asks_for_lists
from dejabatch.observe.isolate import NoAnswer, Send, run_isolated
from dejabatch.observe.record import (
    BLANK,
    COPIES_IN_BATCH,
    NO_CONTENT,
    Answers,
    CopiesInBatch,
    Draws,
    Observation,
)
from dejabatch.periods import period
from dejabatch.state import GLOBAL_NAMES, generators
from dejabatch.state.attributes import attribute
from dejabatch.state.fingerprint import fingerprint
from dejabatch.state.reach import (
    edits,
    holder_of,
    holders,
    lengths,
    rearranged,
    stored_values,
    walk,
)

_MOST_SIZES = 8
_MOST_SUSPECTS = 48
_MOST_CONTENTS = 128
_SECONDS_FOR_CONTENTS = 2.0
# In eight states, a random index seldom has fewer labels.
_LABELS_OF_OTHERS = 4
# As many samples of a stream are read to see what they depend on.
_LONG_STREAM = 256
# Reading a stream for its end stops after so many samples, or so many seconds.
_VERY_LONG_STREAM = 20_000
_SECONDS_FOR_END = 1.0
# Largest share of a stream's samples that another state may leave as they were: a short
# row of tokens is masked in the same way by chance.
_MOST_UNCHANGED = 0.25
# Smallest share of samples that two beginnings of a long stream have in common if only
# its order differs.
_LEAST_COMMON = 0.25
# With `OTHER_STATES`, enough for a transform with a probability of one in five.
_MORE_STATES = range(len(OTHER_STATES) + 1, 33)
# Share of the time limit for questions; the rest is for making the loader.
_ASKING = 0.9


def ask(
    make_loader: Callable[[], DataLoader[Any]],
    observation: Observation,
    *,
    time_limit: float,
    ask_sampler: bool = True,
) -> tuple[Answers | None, Draws | None]:
    """Ask a loader's dataset for one of its samples, again and again.

    The sampler is asked for indices as well.

    Parameters
    ----------
    make_loader : callable
        Returns the loader; called in a process of its own.
    observation : dejabatch.observe.record.Observation
        The observation of the loader; two of its indices are used.
    time_limit : float
        Seconds after which only the answers that came until then are returned.
    ask_sampler : bool
        Whether to ask the sampler, which must not wait for another process.

    Returns
    -------
    answers : dejabatch.observe.record.Answers or None
        None if there is no index to ask for.
    draws : dejabatch.observe.record.Draws or None
        None if the sampler has no integer indices, or was not asked.
    """
    facts = observation.facts
    if facts is None or not observation.fetches:
        return None, None
    drawn = list(
        dict.fromkeys(
            index
            for fetch in observation.fetches
            if fetch.indices is not None
            for index in fetch.indices.tolist()
        )
    )
    if facts.map_style and not drawn:
        return None, None
    suspects = _suspects(observation, drawn)
    seconds = time_limit * _ASKING
    asking = _Asking(make_loader, drawn[:2], suspects, seconds, ask_sampler)
    outcome = run_isolated(asking, time_limit)
    draws = next((one for one in outcome.sent if isinstance(one, Draws)), None)
    for answers in outcome.sent:
        if isinstance(answers, Answers):
            return answers, draws
    reason = (outcome.error or "it took too long").strip().splitlines()[-1]
    return Answers(error=reason), draws


def _suspects(observation: Observation, drawn: list[int]) -> list[int]:
    """Choose indices to make: first those that share their sample with another."""
    by_digest: dict[bytes, set[int]] = {}
    for fetch in observation.fetches:
        for index, digest in fetch.pairs():
            by_digest.setdefault(digest, set()).add(index)
    repeated = sorted((i for i in by_digest.values() if len(i) > 1), key=len)
    chosen = [index for group in reversed(repeated) for index in sorted(group)]
    step = max(1, len(drawn) // _MOST_CONTENTS)
    return list(dict.fromkeys(chosen + drawn[::step]))[:_MOST_CONTENTS]


@dataclass(frozen=True, slots=True)
class _Asking:
    """Make a loader and ask where its samples are made; runs in a process of its own."""

    make_loader: Callable[[], DataLoader[Any]]
    indices: list[int]
    suspects: list[int]
    seconds: float
    ask_sampler: bool

    def __call__(self, send: Send) -> None:
        loader = self.make_loader()
        questions = _Questions(loader, self.indices, self.suspects, self.seconds)
        with generators.restored(generators.global_rngs().values()):
            if self.ask_sampler and (draws := draw(loader)) is not None:
                send(draws)
        send(_asked_in_worker(loader, questions) if loader.num_workers else questions())


def _asked_in_worker(loader: DataLoader[Any], questions: _Questions) -> Answers:
    """Start one of the loader's workers, and ask there."""
    context = loader.multiprocessing_context or sys.modules["multiprocessing"]
    receiver, questions.sender = context.Pipe(duplex=False)
    asked = copy.copy(loader)
    # The loader's __setattr__ forbids to change some of these.
    asked.__dict__.update(
        num_workers=1,
        persistent_workers=False,
        worker_init_fn=questions.worker_init,
        pin_memory=False,
        timeout=0,
        _iterator=None,
    )
    if not isinstance(loader.dataset, IterableDataset):
        role, drawn = (
            ("sampler", 0) if loader.batch_sampler is None else ("batch_sampler", [0])
        )
        asked.__dict__[role] = [drawn]
    running = DataLoader.__iter__(asked)
    questions.sender.close()
    try:
        answers: Answers = receiver.recv()
    except EOFError:
        return Answers(error="the worker died")
    finally:
        del running
    return answers


def _always_differing(trial: Trial, in_new_process: Trial) -> frozenset[str]:
    """Return the parts of samples that no state of a generator explains.

    A time stamp beside an image is such a part. A sample without any other part is not
    reproducible, and keeps all its parts.
    """
    one, other = trial.parts[0], in_new_process.parts[0]
    if one.keys() != other.keys():
        return frozenset()
    differing = frozenset(path for path in one if one[path] != other[path])
    return differing if differing < one.keys() else frozenset()


def _are_others(made: list[bytes], expected: list[bytes]) -> bool:
    """Return whether samples have other contents, and not only another order."""
    before = set(expected)
    return len(before & set(made)) <= _MOST_UNCHANGED * len(before)


def _changing_parts(sample: object, later: Iterable[object]) -> object:
    """Return the parts of a sample that change while later ones are made, or else all."""
    parts = parts_of(sample)
    before = {path: fingerprint(part) for path, part in parts.items()}
    for _later in later:
        pass
    return [p for path, p in parts.items() if fingerprint(p) != before[path]] or sample


def _sorted_integers(roots: Mapping[str, object]) -> dict[str, bytes]:
    """Return the content of each array of integers, whatever its order, by path."""
    return {
        path: np.sort(value).tobytes()
        for path, value in walk(roots)
        if isinstance(value, np.ndarray)
        and value.ndim == 1
        and value.dtype.kind in "iu"
    }


class _ShapesAndParts(NamedTuple):
    """The shape of each part of a sample, and the digests of the parts."""

    shapes: dict[str, tuple[int, ...]]
    parts: list[bytes]


class _Questions:
    """All questions to a dataset, in the process that makes its samples."""

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
        self._index_lists = asks_for_lists(loader)
        self._in_worker = loader.num_workers > 0
        self._persistent = loader.persistent_workers
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
        answers: dict[str, Any] = {}
        try:
            self._samples = Samples(
                dataset_of_worker(self._dataset),
                self._collate,
                batched=self._batched,
                index_lists=self._index_lists,
                persistent=self._persistent,
                deadline=time.monotonic() + self._seconds,
            )
            rounds = self._about_index() if self._indices else self._about_stream()
            for more in rounds:
                answers.update(more)
        except NoAnswer as reason:
            answers["error"] = str(reason)
        return Answers(**answers)

    # Iterable datasets ---------------------------------------------------------------

    def _about_stream(self) -> Iterator[dict[str, Any]]:
        first, overwritten = self._samples.apart(self._first_of_stream)
        yield {"first": first, "overwritten": overwritten}
        if overwritten:
            yield {"held_by_dataset": self._samples.apart(self._held_by_stream)}
        yield {"second_pass_differs": self._samples.attempt(self._second_pass_differs)}
        if callable(getattr(self._samples.dataset, "set_epoch", None)):
            changes = self._samples.attempt(self._set_epoch_changes_order)
            yield {"set_epoch_changes_order": changes}
        yield {"seeding_places": self._samples.attempt(self._seeding_to_shuffle) or ()}
        yield self._samples.attempt(self._end_of_stream) or {}
        depends_on = self._content_depends_on()
        yield {"depends_on": depends_on}
        if not depends_on:
            edited = self._samples.attempt(self._edited_by_second_pass)
            yield {"edited_by_pass": edited or {}}

    def _first_of_stream(self) -> tuple[bytes, bool]:
        """Return the first sample, and whether the next three samples change it."""
        stream = iter(self._samples.dataset)
        sample = next(stream)
        digest = fingerprint(sample)
        for _, _later in zip(range(3), stream, strict=False):
            pass
        return digest, fingerprint(sample) != digest

    def _end_of_stream(self) -> dict[str, Any]:
        """Return whether a pass gives samples again without an end, and after how many."""
        read: list[bytes] = []
        deadline = time.monotonic() + _SECONDS_FOR_END
        for sample in flat(self._samples.dataset):
            read.append(fingerprint(sample))
            if len(read) == _VERY_LONG_STREAM or time.monotonic() > deadline:
                endless = 2 * len(set(read)) <= len(read)
                return {"endless": endless, "starts_over_after": period(read)}
        return {"endless": False}

    def _second_pass_differs(self) -> bool:
        """Return whether the dataset has another order in its second pass.

        Both passes begin with the generators in the same states.
        """
        passes = []
        for _ in range(2):
            self._samples.set_states(Step(0))
            passes.append(self._start_of_stream())
        one, other = passes
        if one == other or len(one) != len(other):
            return False
        if len(one) == _LONG_STREAM:
            return len(set(one) & set(other)) >= _LEAST_COMMON * len(one)
        return set(one) == set(other)

    def _set_epoch_changes_order(self) -> bool:
        """Return whether two epochs that are set have samples in different orders."""
        passes = []
        for epoch in (0, PROBE_EPOCH):
            self._samples.set_states(Step(0))
            self._samples.dataset.set_epoch(epoch)
            passes.append(self._start_of_stream())
        return passes[0] != passes[1]

    def _seeding_to_shuffle(self) -> tuple[str, ...]:
        """Return the functions that seed a generator in each pass, if the pass shuffles."""
        return seeding_functions(self._start_of_stream, to_shuffle=True)[1]

    def _content_depends_on(self) -> tuple[str, ...]:
        """Return the generators that change the content of samples, not just their order.

        A stream that does not end soon is not asked: other samples may come first.
        """
        attempt, names = self._samples.attempt, list(self._samples.generators())
        expected = attempt(self._start_from, Step(0))
        if not expected or len(expected) == _LONG_STREAM:
            return ()
        found = []
        for name in names[:MOST_GENERATORS]:
            made = [attempt(self._start_from, Step(0, state, name)) for state in (1, 2)]
            if all(one and _are_others(one, expected) for one in made):
                found.append(name)
        return tuple(found)

    def _edited_by_second_pass(self) -> dict[str, str]:
        """Return what a second pass edits, if it has other samples than the first."""
        roots = {"dataset": self._samples.dataset}
        first = self._start_from(Step(0))
        before, orders = stored_values(roots), _sorted_integers(roots)
        second = self._start_from(Step(0))
        # Two beginnings of a long stream may differ by their order alone.
        if len(first) == _LONG_STREAM or sorted(first) == sorted(second):
            return {}
        after, orders_after = stored_values(roots), _sorted_integers(roots)
        moved = rearranged(before, after)
        shuffled = {path for path, _ in orders.items() & orders_after.items()}
        return {
            path: kind
            for path, kind in edits(before, after).items()
            # An attribute with another value may count the passes.
            if kind != "replaced"
            and not (kind == "value" and holder_of(path) in moved)
            and path not in shuffled
        }

    def _start_from(self, step: Step) -> list[bytes]:
        self._samples.set_states(step)
        return self._start_of_stream()

    def _start_of_stream(self) -> list[bytes]:
        stream = iter(self._samples.dataset)
        samples = stream if self._batched else flat(stream)
        return [fingerprint(one) for one in itertools.islice(samples, _LONG_STREAM)]

    def _held_by_stream(self) -> tuple[str, ...]:
        stream = iter(self._samples.dataset)
        roots = {"dataset": self._samples.dataset, "stream": stream}
        later = itertools.islice(stream, 3)
        return tuple(holders(roots, _changing_parts(next(stream), later)))

    # Map-style datasets --------------------------------------------------------------

    def _about_index(self) -> Iterator[dict[str, Any]]:
        index, *others = self._indices
        alone = self._samples.trial(Step(index))
        if alone.imported_opencv:
            # OpenCV's generator can only be seeded once OpenCV is imported.
            importlib.import_module("cv2")
            alone = self._samples.trial(Step(index))
        gathered: dict[str, Any] = {}
        for more in self._about_pair(index, others, alone):
            gathered |= more
            yield more
        made = {
            gathered["same_states"],
            *gathered["other_states"],
            *gathered["other_states_first"],
        }
        if others and gathered.get("depends_on") and made == {gathered["first"]}:
            # Only the other sample varies; this one may be blank or already cached.
            alone = self._samples.trial(Step(others[0]))
            yield from self._about_pair(others[0], [index], alone)
        yield from self._about_parts(index)

    def _about_pair(
        self, index: int, others: list[int], in_new_process: Trial
    ) -> Iterator[dict[str, Any]]:
        samples = self._samples
        other = others[0] if others else index
        yield {"index": index, "other": other}
        steps = (
            Step(index),
            Step(index),
            *(Step(index, state) for state in OTHER_STATES),
            Step(index),  # a sample from another state may have edited what is stored
            Step(other),
        )
        trial = samples.trial(*steps)
        if differing := _always_differing(trial, in_new_process):
            samples.ignored = differing
            trial, in_new_process = samples.trial(*steps), samples.trial(Step(index))
        first, second, *other_states, last, _ = trial.digests
        # A generator that the first sample makes is restored from then on.
        if first != second == last and trial.late:
            same_states = first
        else:
            same_states = last if second == first else second
        yield {
            "first": first,
            "same_states": same_states,
            "other_states": tuple(other_states),
            "unreachable_generators": trial.unreachable_generators,
            "largest_part": trial.largest_part,
            "drawn_from": trial.drawn_from,
            "equal_views": equal_views(trial.parts[:-1], trial.small_parts),
            "error_again": next(filter(None, trial.errors), None),
        }
        yield {"first_in_new_process": in_new_process.digests[0]}
        if self._in_worker:
            step = Step(index, OTHER_STATES[0])
            elsewhere = samples.trial_of_another_worker(step).states[0]
            yield {"reseeded_at_start": self._reseeded_at_start(trial, elsewhere)}
            if first != second and trial.late:
                late = self._constant_late(trial, elsewhere)
                yield {"constant_late_generators": late}
        overwritten = False
        if others:
            reverse = samples.trial(Step(other), Step(index))
            overwritten = reverse.overwritten
            yield {
                "overwritten": overwritten,
                "other_index_first": reverse.digests[0],
                "after_other_index": reverse.digests[1],
            }
        fresh, kept, fixed = self._kept_parts(trial, index)
        yield {
            "other_states_first": fresh,
            "kept_parts": kept,
            "fixed_parts": fixed,
            "writes_files": samples.writes_files,
        }
        if trial.draws and not kept:
            yield {"kept_in_store": samples.attempt(self._kept_in_store, index) or ()}
        if overwritten or first != same_states or kept:
            changed, edited, held = samples.apart(self._changed_and_held, index)
            if overwritten:
                held = samples.apart(self._held_and_overwritten, index, other)
            yield {
                "changed_objects": changed,
                "edited_objects": edited,
                "held_by_dataset": held,
            }
        yield {
            "reseeded": self._reseeded(trial),
            "reseeded_by_index": self._reseeded_by_index(trial),
        }
        if first == same_states:
            asked = dict.fromkeys((index, other))
            yield {"depends_on": samples.depends_on(asked, MOST_GENERATORS)}

    def _constant_late(
        self, trial: Trial, elsewhere: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        """Return generators that the first sample makes in one state in every process."""
        one, two, *_ = trial.states
        return tuple(
            path
            for path in trial.late
            if one[path] == elsewhere.get(path) and one[path] != two.get(path)
        )

    def _kept_parts(
        self, trial: Trial, index: int
    ) -> tuple[tuple[bytes, ...], tuple[str, ...], tuple[str, ...]]:
        """Return samples from new processes, and the parts that vary there alone.

        Such a part is random when the first sample is made, and kept from then on. The
        last item has the parts that do not vary there either.
        """
        first, *others = trial.parts[:-1]
        same = {
            path
            for path in first.keys() - self._samples.ignored
            if all(parts.get(path) == first[path] for parts in others)
        }
        # A label is the same as well, and so is all that is drawn from no generator. A
        # few trials show whether a part is a label.
        varies = trial.draws and same - trial.small_parts
        states = OTHER_STATES if varies else OTHER_STATES[:2]
        digests: list[bytes] = []
        for state in states if same else ():
            fresh = self._samples.trial(Step(index, state))
            digests += fresh.digests
            parts = fresh.parts[0]
            kept = {p for p in same if p in parts and parts[p] != first[p]}
            if kept and (kept := self._kept_from_now_on(index, kept)):
                return tuple(digests), tuple(sorted(kept)), tuple(sorted(same - kept))
        return (), (), tuple(sorted(same))

    def _kept_in_store(self, index: int) -> tuple[str, ...]:
        """Return what a first sample stores at random, and later ones take from there.

        The later samples are random as well. A buffer of the last samples, as that of a
        mosaic, grows with each of them.
        """
        apart = self._samples.apart
        one, other, later, *_ = OTHER_STATES
        stored = apart(self._stored_by, index, one)
        if not stored:
            return ()
        otherwise = apart(self._stored_by, index, other)
        paths = [path for path, c in stored.items() if otherwise.get(path, c) != c]
        if not paths:
            return ()
        steps = [(Step(index, state), Step(index, later)) for state in (one, other)]
        made = {self._samples.trial(*two).digests[1] for two in steps}
        return tuple(paths) if len(made) > 1 else ()

    def _stored_by(self, index: int, state: int) -> dict[str, object]:
        """Return the content of what a sample stores and two later ones leave, by path."""
        roots = {"dataset": self._samples.dataset}
        before = stored_values(roots, positions={index})
        after = []
        for one in (state, *OTHER_STATES[-2:]):
            self._samples.set_states(Step(index, one))
            self._samples.fetch(index)
            after.append(stored_values(roots, positions={index}))
        first, *_, last = after
        if first.keys() != last.keys():
            return {}
        kept = {path: value for path, value in first.items() if last[path] == value}
        new = {path: value[1] for path, value in kept.items() if path not in before}
        # The values in an lru_cache cannot be read.
        caches = (path for path, value in kept.items() if value[0] == "cache")
        return new | {path: state for path in caches if before.get(path) != kept[path]}

    def _kept_from_now_on(self, index: int, paths: set[str]) -> set[str]:
        """Return the parts that are the same in all of many more states.

        A transform that is rarely applied leaves a part as it is several times in a row.
        """
        steps = [Step(index), *(Step(index, state) for state in _MORE_STATES)]
        first, *others = self._samples.trial(*steps).parts
        return {p for p in paths if all(o.get(p) == first.get(p) for o in others)}

    def _about_parts(self, index: int) -> Iterator[dict[str, Any]]:
        """Look at what takes part in making a sample or a batch."""
        attempt = self._samples.attempt
        if self._batched and attribute(self._samples.dataset, "__getitems__"):
            yield {"by_getitem": attempt(self._by_getitem, index)}
            yield {"getitems_of_copies": attempt(self._getitems_of_copies, index)}
        if self._index_lists:
            yield {"getitems_of_copies": attempt(self._getitems_of_copies, index)}
        # An own function may be an object without a hash.
        of_torch = any(self._collate is f for f in (default_collate, default_convert))
        if self._batched and not of_torch:
            batches = Batches(self._samples, self._suspects, in_worker=self._in_worker)
            yield from batches.answers(index)
        if callable(attribute(self._samples.dataset, "set_epoch")):
            changes = attempt(self._set_epoch_changes_samples)
            yield {"set_epoch_changes_samples": changes}
        contents = attempt(self._contents)
        yield {"contents": contents}
        swallowed = attempt(self._swallowed_errors, contents or {})
        yield {"swallowed_errors": swallowed}
        yield {"other_labels": attempt(self._other_labels) or ()}
        yield {"other_samples": attempt(self._other_samples) or ()}
        about = attempt(self._about_one_sample, index) or {}
        yield about
        if about.get("seeding_places"):
            yield attempt(self._made_alike) or {}
        yield attempt(self._idle_transforms) or {}
        yield attempt(self._about_length) or {}
        yield attempt(self._about_more_items) or {}
        yield {"without_last": attempt(self._lists_without_last) or ()}

    def _set_epoch_changes_samples(self) -> bool:
        """Return whether samples from the same states differ in two epochs that are set."""
        before = self._make_all(0)
        self._samples.dataset.set_epoch(PROBE_EPOCH)
        return self._make_all(0) != before

    def _by_getitem(self, index: int) -> bytes:
        self._samples.set_states(Step(index))
        return fingerprint(self._samples.dataset[index])

    def _getitems_of_copies(self, index: int) -> CopiesInBatch:
        """Return whether samples vary together when they are asked for at once."""
        indices = [index] * COPIES_IN_BATCH
        dataset = self._samples.dataset
        batches = []
        for state in (0, *OTHER_STATES):
            self._samples.set_states(Step(index, state))
            if self._index_lists:
                rows = rows_of(dataset[indices], COPIES_IN_BATCH)
            else:
                rows = [(sample,) for sample in dataset.__getitems__(indices)]
            batches.append(rows)
        return compare_rows(batches)

    def _contents(self) -> dict[int, bytes]:
        """Return the content of several indices, made from the same states."""
        found: dict[int, bytes] = {}
        deadline = time.monotonic() + _SECONDS_FOR_CONTENTS
        for index in self._suspects[:_MOST_CONTENTS]:
            (found[index],) = digests_of([self._samples.make(Step(index))]).contents
            if time.monotonic() > deadline:
                break
        return found

    def _swallowed_errors(self, contents: Mapping[int, bytes]) -> dict[int, str]:
        """Return indices whose sample is another's although ``__getitem__`` met an error.

        An exception counts if it comes each time, because a cache without an entry raises
        only once. The sample is another's if the code ran for another index after the
        exception, or if indices with exceptions share their content, or have none.
        """
        raising: dict[int, str] = {}
        replaced: dict[int, str] = {}
        returned: dict[int, str] = {}
        traced = self._suspects[:_MOST_SUSPECTS]
        for index in traced:
            trace = self._trace(index)
            if trace.returned_another is not None:
                returned[index] = trace.exception or ""
            if trace.exception is None:
                continue
            again = self._trace(index)
            if again.exception is not None:
                raising[index] = trace.exception
                if trace.took_another or trace.returned_another is not None:
                    replaced[index] = trace.exception
        if 2 * len(returned) <= len(traced):  # otherwise an index is only translated
            replaced |= returned
        shared = Counter(contents.get(index) for index in raising)
        alike = {
            i: raising[i] for i in raising if self._shows_no_index(i, contents, shared)
        }
        if 2 * len(alike) > len(raising) and len(alike) < len(traced):
            return replaced | alike
        return replaced if 2 * len(replaced) > len(raising) else {}

    def _other_labels(self) -> tuple[int, ...]:
        """Return the few indices whose label is random while the others keep theirs.

        They return the sample of a random index. A label that is changed now and then has
        one value in most states.
        """
        random, tried = [], 0
        deadline = time.monotonic() + _SECONDS_FOR_CONTENTS
        for index in self._suspects[:_MOST_SUSPECTS]:
            labels = self._labels_of(index)
            if labels is None or time.monotonic() > deadline:
                return ()
            tried += 1
            if len(labels) >= _LABELS_OF_OTHERS:
                random.append(index)
            elif len(labels) > 1:
                return ()
        return tuple(random) if 3 * len(random) <= tried else ()

    def _other_samples(self) -> tuple[int, ...]:
        """Return the few indices that have samples of others, as random numbers decide.

        All other indices have one sample each, whatever the random numbers.
        """
        made: dict[int, set[bytes]] = {}
        deadline = time.monotonic() + _SECONDS_FOR_CONTENTS
        step = max(1, len(self._suspects) // _MOST_SUSPECTS)
        for index in self._suspects[::step]:
            made[index] = self._samples_of(index)
            if time.monotonic() > deadline:
                return ()
        of_one = Counter(d for one in made.values() if len(one) == 1 for d in one)
        # Blank samples belong to several indices.
        kept = {digest for digest, indices in of_one.items() if indices == 1}
        random = [index for index, digests in made.items() if len(digests) > 1]
        others = [made[index] & kept for index in random]
        if not random or 2 * len(random) > len(made) or len(set().union(*others)) < 2:
            return ()
        return tuple(random) if 2 * sum(map(bool, others)) > len(random) else ()

    def _samples_of(self, index: int) -> set[bytes]:
        """Return the digests of samples of an index from several states."""
        return {fingerprint(sample) for sample in self._from_states(index)}

    def _labels_of(self, index: int) -> set[int] | None:
        """Return the labels of a sample that is made from several states."""
        found: set[int] = set()
        for sample in self._from_states(index):
            labels = labels_of([sample])
            if labels is None:
                return None
            found.add(int(labels[0]))
        return found

    def _from_states(self, index: int) -> Iterator[Any]:
        """Yield samples of an index from several states; one if nothing is drawn."""
        for state in (0, *OTHER_STATES):
            self._samples.set_states(Step(index, state))
            before = {} if state else generators.global_digests()
            yield self._samples.fetch(index)
            if not state and before == generators.global_digests():
                return

    def _shows_no_index(
        self, index: int, contents: Mapping[int, bytes], shared: Mapping[Any, int]
    ) -> bool:
        """Return whether an index's content is blank, or that of others that raise."""
        content = contents.get(index)
        if content is None:
            return False
        return content == BLANK or (content != NO_CONTENT and shared[content] > 1)

    def _trace(self, index: int) -> Traced:
        self._samples.set_states(Step(index))
        with Traced() as trace:
            self._samples.fetch(index)
        return trace

    def _about_one_sample(self, index: int) -> dict[str, Any]:
        """Return where a sample is seeded, and whether it has two images."""
        places = self._trace(index).seeding_places(self._samples.roots)
        parts = parts_of(self._samples.make(Step(index))).values()
        images = sum(len(getattr(part, "shape", ())) in {2, 3} for part in parts)
        return {"seeding_places": places, "several_images": images > 1}

    def _made_alike(self) -> dict[str, tuple[str, ...]]:
        """Return what is in one state after samples of two indices.

        In between, all generators draw numbers. A worker's seed stays the same.
        """
        samples = self._samples
        if len(self._indices) < 2:
            return {}
        states = []
        for number, index in enumerate(self._indices):
            samples.set_states(Step(index))
            known = samples.generators(again=True).values()
            make = functools.partial(samples.fetch, index)
            states.append(states_after(make, known, advances=number))
        same = same_states(*states)
        return {"made_alike": same.made_by, "reseeded_in_worker": same.of_program}

    def _idle_transforms(self) -> dict[str, tuple[str, ...]]:
        idle, ignored = idle_transforms(self._samples.roots, self._make_all)
        return {"idle_transforms": idle, "ignored_transforms": ignored}

    def _make_all(self, state: int) -> tuple[bytes, ...]:
        return tuple(
            self._samples.digest(Step(index, state)) for index in self._indices
        )

    def _about_length(self) -> dict[str, Any]:
        """Compare the length with the lengths of what the dataset stores."""
        try:
            length = len(self._samples.dataset)
        except (TypeError, NotImplementedError):
            return {"periods": ()}
        stored = lengths(self._samples.roots)
        answers: dict[str, Any] = {"length_is_stored": length in stored}
        with contextlib.suppress(Exception):  # the dataset may raise anything
            answers["periods"] = self._periods(length, stored)
        return answers

    def _periods(self, length: int, stored: set[int]) -> tuple[int, ...]:
        """Return numbers of indices after which the samples start over."""
        sizes = sorted({n for n in stored if 1 < n < length - 2})
        if not sizes:
            return ()
        first = [self._samples.digest(Step(index)) for index in range(3)]
        if len(set(first)) < 2:
            return ()
        return tuple(
            size
            for size in sizes[:_MOST_SIZES]
            if all(
                self._samples.digest(Step(index + size)) == first[index]
                for index in range(3)
            )
        )

    def _about_more_items(self) -> dict[str, Any]:
        """Return how many items the dataset gives, if that is more than its length.

        One more window than the length says may fit into a series. A limit is stored as
        a number.
        """
        length = len(self._samples.dataset)
        stored = attribute(self._samples.dataset, "__dict__", {}).values()
        # An array compares item by item.
        if any(isinstance(value, int) and value == length for value in stored):
            return {}
        first = self._shapes_and_parts(0)
        sizes = sorted(n for n in lengths(self._samples.roots) if n > length)
        for size in sizes[:_MOST_SIZES]:
            if self._ends_at(size, length, first):
                return {"items_in_store": size}
        one_more = length + 1 not in sizes and self._ends_at(length + 1, length, first)
        return {"one_more_fits": one_more}

    def _ends_at(self, size: int, length: int, first: _ShapesAndParts) -> bool:
        """Return whether the last index of this many gives a new sample like the first.

        A sample whose parts have become equal, as a pair at the end of a list, is another
        kind.
        """
        try:
            last = self._shapes_and_parts(size - 1)
            wrapped = self._shapes_and_parts((size - 1) % length)
        except Exception:  # noqa: BLE001 - the dataset may raise anything
            return False
        new = last.parts not in (first.parts, wrapped.parts)
        alike = last.shapes == first.shapes
        if not new or not alike or len({*last.parts}) < len({*first.parts}):
            return False
        try:
            return self._shapes_and_parts(size).shapes != first.shapes
        except Exception:  # noqa: BLE001 - the dataset may raise anything
            return True

    def _lists_without_last(self) -> tuple[str, ...]:
        length = len(self._samples.dataset)
        return lists_without_last(self._samples.roots, self._samples.fetch, length)

    def _shapes_and_parts(self, index: int) -> _ShapesAndParts:
        parts = parts_of(self._samples.make(Step(index)))
        shapes = {p: tuple(getattr(part, "shape", ())) for p, part in parts.items()}
        return _ShapesAndParts(shapes, [fingerprint(part) for part in parts.values()])

    def _changed_and_held(
        self, index: int
    ) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
        """Return what samples change, what they edit, and what the first one shares.

        An array or container is edited if it is the same object with other content; a
        cache that grows is not edited.
        """
        roots = {"dataset": self._samples.dataset}
        positions = {index}
        changed: dict[str, str] = {}
        edited: dict[str, str] = {}
        held: tuple[str, ...] = ()
        before = stored_values(roots, positions=positions)
        # An edit may depend on a random decision, which other states make otherwise.
        for number, state in enumerate((0, 0, *OTHER_STATES)):
            if number > 1 and changed:
                break
            self._samples.set_states(Step(index, state))
            sample = None
            # An edit may leave what raises the next time.
            with contextlib.suppress(Exception):
                sample = self._samples.fetch(index)
            after = stored_values(roots, positions=positions)
            if not number:
                held = tuple(holders(roots, sample, positions=positions))
            for path, value in after.items():
                if before.get(path) != value:
                    changed[path] = value[0]
            moved = rearranged(before, after, certain=True)
            edited |= {
                path: "moved" if kind == "value" and holder_of(path) in moved else kind
                for path, kind in edits(before, after).items()
            }
            before = after
        return changed, edited, held

    def _held_and_overwritten(self, index: int, other: int) -> tuple[str, ...]:
        roots = {"dataset": self._samples.dataset}
        sample = self._samples.make(Step(index))
        later = map(self._samples.make, [Step(other)])
        return tuple(holders(roots, _changing_parts(sample, later), positions={index}))

    def _reseeded(self, trial: Trial) -> tuple[str, ...]:
        """Return generators that are in one state after every sample.

        The sample of the other index counts as well: a seed made of the index is not a
        constant.
        """
        if not self._indices[1:]:
            return ()
        return tuple(
            path
            for path, state in trial.states[0].items()
            if all(states.get(path) == state for states in trial.states)
        )

    def _reseeded_at_start(
        self, trial: Trial, elsewhere: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        """Return global generators that only the first sample of a worker seeds."""
        first, _, later, *_ = trial.states
        return tuple(
            name
            for name in GLOBAL_NAMES
            if first.get(name) == elsewhere.get(name) != later.get(name)
        )

    def _reseeded_by_index(self, trial: Trial) -> tuple[str, ...]:
        """Return global generators that are in a state of its own after each index."""
        *states_of_index, of_other = trial.states
        if not self._indices[1:]:
            return ()
        return tuple(
            path
            for path in GLOBAL_NAMES
            if len({states.get(path) for states in states_of_index}) == 1
            and states_of_index[0].get(path) != of_other.get(path)
        )
