"""Make batches of chosen samples, to see what a ``collate_fn`` does with them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from typing import Any

from dejabatch.observe.batches import (
    digest_of_parts,
    digests_of_columns,
    equal_views,
    parts_of,
    rows_of,
    small_parts,
    with_part,
)
from dejabatch.observe.experiments.delivered import compare_rows
from dejabatch.observe.experiments.seeding_trace import same_states, states_after
from dejabatch.observe.experiments.trials import OTHER_STATES, Samples, Step
from dejabatch.observe.record import COPIES_IN_BATCH, CopiesInBatch
from dejabatch.state import generators
from dejabatch.state.fingerprint import fingerprint, fingerprints
from dejabatch.state.reach import edits, stored_values

MOST_GENERATORS = 16
"""The number of generators, at most, that are reseeded one at a time."""

_MOST_SAMPLES = 8


class Batches:
    """Batches that a ``collate_fn`` makes in processes of their own.

    Parameters
    ----------
    samples : Samples
        The dataset and the ``collate_fn``.
    indices : list of int
        The samples of the batches.
    in_worker : bool
        Whether this process is a worker.
    """

    def __init__(
        self, samples: Samples, indices: list[int], *, in_worker: bool
    ) -> None:
        self._samples = samples
        self._indices = indices[:_MOST_SAMPLES]
        self._in_worker = in_worker

    def answers(self, index: int) -> Iterator[dict[str, Any]]:
        """Yield answers, which are attributes of `dejabatch.observe.record.Answers`."""
        attempt = self._samples.attempt
        yield {"batch_of_copies": attempt(self._of_copies, index)}
        yield {"overwritten_by_collate": attempt(self._overwritten) or False}
        yield {"equal_views_of_collate": attempt(self._equal_views) or ()}
        yield {"edited_by_collate": attempt(self._edited) or {}}
        yield {"batch_depends_on": attempt(self._depends_on) or ()}
        yield {"repeated_by_collate": attempt(self._repeated_parts) or ()}
        yield {"mixed_up_by_collate": attempt(self._mixed_up) or ()}
        yield self._reseeded()
        if self._in_worker:
            yield {"constant_late_in_collate": attempt(self._constant_late) or ()}

    def _steps(self, state: int = 0) -> list[Step]:
        return [Step(index, state) for index in self._indices]

    def _of_copies(self, index: int) -> CopiesInBatch:
        """Return whether copies of a sample make equal rows, and rows that vary."""
        sample = self._samples.make(Step(index))
        batches = []
        for state in (0, *OTHER_STATES):
            self._samples.set_states(Step(index, state))
            copies = [copy.deepcopy(sample) for _ in range(COPIES_IN_BATCH)]
            batches.append(rows_of(self._samples.collate_fn(copies), COPIES_IN_BATCH))
        return compare_rows(batches)

    def _overwritten(self) -> bool:
        """Return whether a batch changes while the next one is made."""
        half = len(self._indices) // 2
        one, other = (
            [self._samples.make(Step(index)) for index in indices]
            for indices in (self._indices[:half], self._indices[half : 2 * half])
        )
        batch = self._samples.collate_fn(one)
        before = fingerprint(batch)
        _next = self._samples.collate_fn(other)
        return fingerprint(batch) != before

    def _equal_views(self) -> tuple[str, ...]:
        """Return the parts of a batch that are equal, and vary with random numbers."""
        samples = [self._samples.make(step) for step in self._steps()]
        batches = []
        for state in (0, *OTHER_STATES):
            self._samples.set_states(Step(self._indices[0], state))
            batches.append(self._samples.collate_fn(copy.deepcopy(samples)))
        parts = [digest_of_parts(parts_of(batch)) for batch in batches]
        return equal_views(parts, small_parts(batches[0]))

    def _edited(self) -> dict[str, str]:
        """Return what ``collate_fn`` edits, if a sample made again then differs."""
        roots = {"dataset": self._samples.dataset}
        steps = self._steps()
        samples = [self._samples.make(step) for step in steps]
        first = [fingerprint(sample) for sample in samples]
        positions = {step.index for step in steps}
        before = stored_values(roots, positions=positions)
        self._samples.set_states(steps[0])
        self._samples.collate_fn(samples)
        edited = edits(before, stored_values(roots, positions=positions))
        if not edited or [self._samples.digest(step) for step in steps] == first:
            return {}
        return edited

    def _depends_on(self) -> tuple[str, ...]:
        """Return the generators of ``collate_fn`` that change a batch of the same samples."""
        steps = self._steps()
        samples = [self._samples.make(step) for step in steps]

        def batch(state: int, name: str) -> bytes:
            self._samples.set_states(Step(steps[0].index, state, name))
            return fingerprint(self._samples.collate_fn(copy.deepcopy(samples)))

        batch(0, "")
        # The first batch may have made a generator.
        found = self._samples.generators(again=True)
        self._samples.keep_new_states(found)
        names = [name for name in found if name.startswith("collate_fn")]
        if not names:
            return ()
        expected = batch(0, "")
        return tuple(
            name
            for name in names[:MOST_GENERATORS]
            if any(batch(state, name) != expected for state in OTHER_STATES)
        )

    def _repeated_parts(self) -> tuple[str, ...]:
        """Return the parts that all rows have from the sample at one position.

        The batch stays as it is while the other samples exchange such a part, and changes
        when the one sample gets the part of another. A largest or a total of all samples
        changes in neither case.
        """
        samples = [self._samples.make(step) for step in self._steps()]
        if len(samples) < 3:
            return ()
        batch = self._collated(samples)
        columns = digests_of_columns(batch, len(samples))
        if not any(len(set(column)) == 1 for column in columns):
            return ()
        expected = fingerprint(batch)
        first, *others = map(parts_of, samples)
        return tuple(
            path
            for path in first
            if all(path in parts for parts in others)
            and any(
                self._is_of_one(samples, path, position, expected)
                for position in (0, len(samples) - 1)
            )
        )

    def _is_of_one(
        self, samples: list[Any], path: str, position: int, expected: bytes
    ) -> bool:
        values = [parts_of(sample)[path] for sample in samples]
        digests = fingerprints(values)
        others = [row for row in range(len(samples)) if row != position]
        differing = [row for row in others if digests[row] != digests[position]]
        if not differing or len({digests[row] for row in others}) < 2:
            return False

        def changes(taken: dict[int, int]) -> bool:
            given = list(samples)
            for row, other in taken.items():
                given[row] = with_part(samples[row], path, values[other])
            return fingerprint(self._collated(given)) != expected

        rotated = dict(zip(others, [*others[1:], others[0]], strict=True))
        exchanged = {position: differing[0], differing[0]: position}
        return not changes(rotated) and changes(exchanged)

    def _mixed_up(self) -> tuple[str, ...]:
        """Return the parts whose rows are in other orders than those of other parts.

        The row of a part is the only one that changes when a sample gets the part of
        another. The part by which samples are sorted changes more rows.
        """
        samples = [self._samples.make(step) for step in self._steps()]
        orders = {}
        for path in parts_of(samples[0]):
            if all(path in parts_of(sample) for sample in samples):
                order = self._rows_of_part(samples, path)
                if order is not None:
                    orders[path] = order
        return tuple(orders) if len(set(orders.values())) > 1 else ()

    def _rows_of_part(self, samples: list[Any], path: str) -> tuple[int, ...] | None:
        """Return the row that has a part of each sample; None if that is unclear."""
        values = [parts_of(sample)[path] for sample in samples]
        digests = fingerprints(values)
        expected = self._digests_of_rows(samples)
        found = []
        for row in range(len(samples)):
            other = next((n for n, d in enumerate(digests) if d != digests[row]), None)
            if other is None or not expected:
                return None
            given = list(samples)
            given[row] = with_part(samples[row], path, values[other])
            made = self._digests_of_rows(given)
            if len(made) != len(expected):
                return None
            changed = [n for n, digest in enumerate(made) if digest != expected[n]]
            if len(changed) != 1:
                return None
            found += changed
        return tuple(found) if len(set(found)) == len(found) else None

    def _digests_of_rows(self, samples: list[Any]) -> list[tuple[bytes, ...]]:
        columns = digests_of_columns(self._collated(samples), len(samples))
        return list(zip(*columns, strict=True))

    def _collated(self, samples: list[Any]) -> Any:
        self._samples.set_states(Step(self._indices[0]))
        return self._samples.collate_fn(copy.deepcopy(samples))

    def _reseeded(self) -> dict[str, tuple[str, ...]]:
        """Return the generators that ``collate_fn`` seeds, whatever their states.

        The states after a batch are compared with those after other samples, and with
        those after the first batch of another process.
        """
        half = len(self._indices) // 2
        if not half:
            return {}
        one, other = self._indices[:half], self._indices[half : 2 * half]
        attempt = self._samples.attempt
        found = [
            attempt(self._states_after, batches, draws)
            for draws, batches in enumerate([(one, other), (other, one)])
        ]
        if not all(found):
            return {}
        (first, second), (first_of_others, _) = found
        constant = same_states(first, second)
        by_count = same_states(first, first_of_others).of_program
        return {
            "made_alike_by_collate": constant.made_by,
            "reseeded_by_collate": constant.of_program,
            "counted_by_collate": tuple(
                name for name in by_count if name not in constant.of_program
            ),
        }

    def _states_after(
        self, batches: tuple[list[int], list[int]], draws: int
    ) -> list[dict[str, bytes]]:
        """Return the states of global and local generators after each of two batches.

        The batches have other samples, of which a seed may be made, and one size, so that
        as many numbers are drawn. Before each batch, all generators draw other numbers.
        """
        samples, states = self._samples, []
        for number, indices in enumerate(batches):
            batch = [samples.make(Step(index)) for index in indices]
            samples.set_states(Step(indices[0]))
            known = samples.generators(again=True).values()
            collate = functools.partial(samples.collate_fn, batch)
            states.append(states_after(collate, known, advances=2 * draws + number))
        return states

    def _constant_late(self) -> tuple[str, ...]:
        """Return generators that the first batch makes in one state in every process."""
        samples = self._samples
        one = samples.apart(self._states_made, 0)
        if not one:
            return ()
        state = OTHER_STATES[0]
        other = samples.apart_in_another_worker(self._states_made, state)
        return tuple(path for path, digest in one.items() if other.get(path) == digest)

    def _states_made(self, state: int) -> dict[str, bytes]:
        """Return the states of the generators that the first batch makes, by path."""
        samples = self._samples
        batch = [samples.make(step) for step in self._steps(state)]
        known = samples.generators(again=True)
        samples.collate_fn(batch)
        found = samples.generators(again=True)
        return {
            path: generators.digest(generator)
            for path, generator in found.items()
            if path not in known and path.startswith("collate_fn")
        }
