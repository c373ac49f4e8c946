"""Assert that a resumed run continues where it stopped, in order and augmentation."""

from __future__ import annotations

import itertools
import os
import pickle
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.distributed
from torch.utils.data import DataLoader, IterableDataset

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.loaders import set_counters, unwrap, with_set_epoch
from dejabatch.observe.isolate import Send, run_isolated
from dejabatch.ranks import has_process_group
from dejabatch.state import generators
from dejabatch.state.fingerprint import fingerprint
from dejabatch.testing.indices import IndexedBatch, deliver_indices
from dejabatch.testing.on_ranks import OnRanks

Key = Callable[[Any], Iterable[Any]]

FAILURES: Final = (
    "resume-replays-the-epoch",
    "mid-epoch-resume",
    "resume-loses-an-epoch",
    "augmentation-not-restored",
    "shuffle-buffer-not-restored",
    "ranks-share-one-position",
)
"""Slugs of the failure modes that the assertions name."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 0.
    batches : int
        How many batches of this epoch the loader has delivered; at least 1.

    Examples
    --------
    >>> from dejabatch.testing import Position
    >>> Position(epoch=1, batches=4)
    Position(epoch=1, batches=4)
    """

    epoch: int
    batches: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch, as far as runs are compared.

    Attributes
    ----------
    epoch, number : int
        Its epoch, and its number in the epoch.
    samples : tuple or None
        The identity of each sample, whatever its augmentation; None if unknown.
    content : bytes
        Fingerprint of the batch.
    """

    epoch: int
    number: int
    samples: tuple[Any, ...] | None
    content: bytes


@dataclass(frozen=True, slots=True)
class _Run:
    """The batches that one rank read, and what it saved by step."""

    batches: list[_Batch]
    saved: dict[int, Any]


@dataclass(frozen=True, slots=True)
class _Resumption:
    """Batches of a resumed run by rank, and the step after which the run began."""

    first: int
    ranks: list[list[_Batch]]


@dataclass(frozen=True, slots=True)
class _Saved:
    """The state of a run after so many steps."""

    step: int
    state: Any


def assert_resumable(
    make: Callable[[], Any],
    *,
    save: Callable[[Any, Position], Any] | None = None,
    load: Callable[[Any, Any], Any] | None = None,
    at: Collection[int] | None = None,
    epochs: int = 3,
    augmentation: bool = True,
    key: Key | None = None,
    world_size: int = 1,
    time_limit: float = 120.0,
) -> None:
    """Assert that a loader resumes where it stopped.

    One process reads the loader without interruption, and saves at each stop. For each
    stop another process, with other random states, makes the loader again, loads what was
    saved, and reads the rest. Both must have the same batches.

    Parameters
    ----------
    make : callable
        Returns the loader, as the training program makes it at its start, with its seeds.
    save : callable, optional
        Takes the loader and the `Position`, and returns what the checkpoint stores: any
        object that pickle takes. By default ``loader.state_dict()``.
    load : callable, optional
        Takes a new loader and what `save` returned. If `load` returns a loader, the rest
        of the epoch is read from it, as with accelerate's ``skip_first_batches``. By
        default ``loader.load_state_dict(state)``.
    at : collection of int, optional
        Steps after which to stop; 1 is the first batch of the run. By default the first
        step, the middle and the last batch of the first epoch, and the middle of the
        second epoch. The run that was resumed after the first stop is stopped and resumed
        once more after the last.
    epochs : int
        How many epochs a run has. Before each, ``set_epoch`` of the sampler, the dataset
        and accelerate's loader is called. After the last batch of an epoch, a run resumes
        with the next epoch, as trainers do.
    augmentation : bool
        Whether the samples must be equal, with the random numbers in them. False compares
        the order alone.
    key : callable, optional
        Takes a batch and returns what identifies each of its samples, such as
        ``lambda batch: batch["id"]``. Only loaders of an iterable dataset need it: without
        it, their order cannot be told from their augmentation.
    world_size : int
        How many ranks read, each in a process of its own that has joined a gloo process
        group. Each rank saves and loads its own state.
    time_limit : float
        Seconds that each process may take.

    Raises
    ------
    AssertionError
        If a resumed run differs. The message has for each stop how many samples came
        again and how many never, the first step that differs, and what to do.
    RuntimeError
        If a process raised or took too long. The message has its traceback.
    TypeError, ValueError
        If an argument cannot be used. The message names it.

    Examples
    --------
    A sampler that is seeded by the epoch, and that skips the batches that were read:

    >>> import numpy as np
    >>> from dejabatch.testing import assert_resumable
    >>> from torch.utils.data import DataLoader, Sampler
    >>> class Shuffled(Sampler):
    ...     def __init__(self, length):
    ...         self.length, self.epoch, self.skip = length, 0, 0
    ...
    ...     def set_epoch(self, epoch):
    ...         self.epoch, self.skip = epoch, 0
    ...
    ...     def __iter__(self):
    ...         order = np.random.default_rng(self.epoch).permutation(self.length)
    ...         yield from order[self.skip :].tolist()
    >>> def make():
    ...     return DataLoader(range(40), batch_size=4, sampler=Shuffled(40))
    >>> def save(loader, position):
    ...     return 4 * (position.batches % 10)
    >>> def load(loader, samples):
    ...     loader.sampler.skip = samples
    >>> assert_resumable(make, save=save, load=load)
    >>> assert_resumable(make, save=save, load=lambda loader, samples: None, at=[5])
    Traceback (most recent call last):
        ...
    AssertionError: the resumed run differs from the uninterrupted run at 1 of 1 stops
      stopped after batch 5 of 10 of epoch 0: 20 samples of epoch 0 again, 0 never; ...
    """
    _validate(make, save, load, epochs, world_size, time_limit)
    length, is_stream = _first_epoch(make, world_size, time_limit)
    stops = _stops(at, length, epochs)
    driver = _Driver(make, save or _state_dict, load or _load_state_dict, epochs, key)
    whole = _run(_Uninterrupted(driver, stops), world_size, time_limit)
    resumed: dict[tuple[int, ...], _Resumption] = {}

    def resume(
        after: tuple[int, ...], saved: list[_Run], later: tuple[int, ...]
    ) -> None:
        step = after[-1]
        states = tuple(rank.saved[step] for rank in saved)
        start = _position_of(whole[0].batches, step)
        runs = _run(
            _Resumed(driver, states, start, step, later), world_size, time_limit
        )
        resumed[after] = _Resumption(step, [rank.batches for rank in runs])
        for then in later:
            # A run that lost batches does not come to the second stop.
            if all(then in rank.saved for rank in runs):
                resume((*after, then), runs, ())

    for step in stops:
        # The first resumed run is stopped and resumed once more.
        again = stops[-1:] if step == stops[0] and len(stops) > 1 else ()
        resume((step,), whole, again)
    slug = "shuffle-buffer-not-restored" if is_stream else "mid-epoch-resume"
    references = [rank.batches for rank in whole]
    _compare(references, resumed, (slug,), augmentation=augmentation)


def assert_run_resumable(
    run: Callable[[Path, Callable[[Any], None]], object],
    *,
    at: Collection[int] | None = None,
    epochs: int = 3,
    key: Key | None = None,
    augmentation: bool = True,
    world_size: int = 1,
    time_limit: float = 300.0,
) -> None:
    """Assert that a training program resumes where its checkpoint was written.

    The program trains without interruption in one process. At each stop its folder is
    copied, as it would remain if the process were killed. For each stop another process,
    with other random states, runs the program in the copy.

    Parameters
    ----------
    run : callable
        Takes a folder and a function. Trains, from the checkpoint in the folder if there
        is one, writes its checkpoints there, and calls the function with each batch that
        it has trained on: in a loop, or in a callback of a trainer, such as Lightning's
        ``on_train_batch_end``.
    at : collection of int, optional
        Steps after which to stop, as for `assert_resumable`.
    epochs : int
        How many epochs `run` trains.
    key : callable, optional
        As for `assert_resumable`; without `key`, the order cannot be told from the
        augmentation.
    augmentation : bool
        As for `assert_resumable`.
    world_size : int
        How many ranks run the program in one folder, each in a process of its own that
        has joined a gloo process group. All train on the same number of batches.
    time_limit : float
        Seconds that each process may take.

    Raises
    ------
    AssertionError
        If a resumed run does not train on the rest of the batches. A run may repeat the
        batches since its last checkpoint.
    RuntimeError
        If a process raised or took too long. The message has its traceback.
    ValueError
        If an argument cannot be used. The message names it.

    Examples
    --------
    >>> from dejabatch.testing import assert_run_resumable
    >>> def run(folder, trained_on):
    ...     done = folder / "done"
    ...     first = int(done.read_text()) if done.exists() else 0
    ...     for step in range(first, 12):
    ...         done.write_text(str(step + 1))
    ...         trained_on(step)
    >>> assert_run_resumable(run, epochs=3)
    >>> def starts_again(folder, trained_on):
    ...     for step in range(12):
    ...         trained_on(step)
    >>> assert_run_resumable(starts_again, at=[5])
    Traceback (most recent call last):
        ...
    AssertionError: run started again at step 1 after each of the stops 5: ...
    """
    _validate(run, None, None, epochs, world_size, time_limit, name="run")
    with tempfile.TemporaryDirectory(prefix="dejabatch-") as name:
        folder = Path(name)
        counted = _run(
            _Program(run, folder / "counted", key, ()), world_size, time_limit
        )
        length = _length_of_epoch([len(rank.batches) for rank in counted], epochs)
        stops = _stops(at, length, epochs)
        program = _Program(run, folder / "whole", key, stops)
        whole = _run(program, world_size, time_limit)
        references = [_numbered(rank.batches, length) for rank in whole]
        resumed: dict[tuple[int, ...], _Resumption] = {}
        for step in stops:
            copy = _Program(run, Path(whole[0].saved[step]), key, ())
            runs = _run(copy, world_size, time_limit)
            # A run trains again on what came after its last checkpoint. A run that has
            # fewer batches than are left has lost some, and started at the stop.
            most = max(len(rank.batches) for rank in runs)
            first = min(step, max(0, len(references[0]) - most))
            ranks = [_numbered(rank.batches, length, first) for rank in runs]
            resumed[(step,)] = _Resumption(first, ranks)
    if not any(one.first for one in resumed.values()):
        msg = (
            f"run started again at step 1 after each of the stops {', '.join(map(str, stops))}: "
            "load the checkpoint that the folder has"
        )
        raise AssertionError(msg)
    # A program does not tell whether its dataset is a stream.
    slugs = ("mid-epoch-resume", "shuffle-buffer-not-restored")
    _compare(references, resumed, slugs, augmentation=augmentation)


# The processes -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Driver:
    """A plain training loop, which tells what it reads."""

    make: Callable[[], Any]
    save: Callable[[Any, Position], Any]
    load: Callable[[Any, Any], Any]
    epochs: int
    key: Key | None

    def new_loader(self) -> tuple[Any, bool]:
        """Make a loader in other random states; whether it delivers indices."""
        _reseed()
        loader = self.make()
        return loader, self.key is None and deliver_indices(loader)

    def read(
        self,
        batches: Iterable[Any],
        loader: Any,
        epoch: int,
        first: int,
        step: int,
        stops: Collection[int],
        send: Send,
    ) -> int:
        """Read one epoch, save at the stops, and return the next step."""
        for number, delivered in enumerate(batches, first):
            send(_described(delivered, epoch, number, self.key))
            step += 1
            if step in stops:
                state = self.save(loader, Position(epoch, number + 1))
                # Sending a tensor itself would need this process to live on.
                send(_Saved(step, pickle.dumps(state)))
        return step


@dataclass(frozen=True, slots=True)
class _Uninterrupted:
    """Read all epochs, and save at the stops."""

    driver: _Driver
    stops: tuple[int, ...]

    def __call__(self, send: Send) -> None:
        loader, _ = self.driver.new_loader()
        step = 0
        for epoch in range(self.driver.epochs):
            _set_epoch(loader, epoch)
            step = self.driver.read(loader, loader, epoch, 0, step, self.stops, send)


@dataclass(frozen=True, slots=True)
class _Resumed:
    """Load what was saved, and read the rest."""

    driver: _Driver
    states: tuple[bytes, ...]  # by rank
    start: Position
    step: int
    stops: tuple[int, ...]

    def __call__(self, send: Send) -> None:
        loader, _ = self.driver.new_loader()
        first, step = self.start.batches, self.step
        _set_epoch(loader, self.start.epoch)
        rest = self.driver.load(loader, pickle.loads(self.states[_rank()]))
        batches = loader if rest is None else rest
        for epoch in range(self.start.epoch, self.driver.epochs):
            if epoch > self.start.epoch:
                _set_epoch(loader, epoch)
                first, batches = 0, loader
            step = self.driver.read(
                batches, loader, epoch, first, step, self.stops, send
            )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Read the first epoch of a new loader."""

    make: Callable[[], Any]

    def __call__(self, send: Send) -> None:
        _reseed()
        loader = self.make()
        _set_epoch(loader, 0)
        is_stream = isinstance(
            getattr(unwrap(loader), "dataset", None), IterableDataset
        )
        send((sum(1 for _ in loader), is_stream))


@dataclass(frozen=True, slots=True)
class _Program:
    """Run a training program in a folder, and copy the folder at the stops."""

    run: Callable[[Path, Callable[[Any], None]], object]
    folder: Path
    key: Key | None
    stops: tuple[int, ...]

    def __call__(self, send: Send) -> None:
        _reseed()
        self.folder.mkdir(parents=True, exist_ok=True)
        steps = itertools.count(1)

        def trained_on(batch: Any) -> None:
            step = next(steps)
            send(_described(batch, 0, step - 1, self.key))
            if step in self.stops:
                copy = self.folder.with_name(f"stopped-{step}")
                # No rank writes while the folder is copied.
                _wait_for_ranks()
                if _rank() == 0:
                    shutil.copytree(self.folder, copy)
                _wait_for_ranks()
                send(_Saved(step, str(copy)))

        self.run(self.folder, trained_on)


def _rank() -> int:
    return torch.distributed.get_rank() if has_process_group() else 0


def _wait_for_ranks() -> None:
    if has_process_group():
        torch.distributed.barrier()


def _run(
    function: Callable[[Send], None], world_size: int, time_limit: float
) -> list[_Run]:
    """Return by rank which batches were read, and what was saved by step."""
    outcome = run_isolated(OnRanks(function, world_size), time_limit)
    name = "the resumed run" if isinstance(function, _Resumed) else "the run"
    if outcome.out_of_time:
        msg = f"{name} took more than {time_limit:g} seconds; raise time_limit"
        raise RuntimeError(msg)
    if outcome.error is not None:
        msg = f"{name} could not be read.\n{outcome.error}"
        raise RuntimeError(msg)
    runs = [_Run([], {}) for _ in range(world_size)]
    for rank, item in outcome.sent:
        if isinstance(item, _Saved):
            runs[rank].saved[item.step] = item.state
        else:
            runs[rank].batches.append(item)
    return runs


def _first_epoch(
    make: Callable[[], Any], world_size: int, time_limit: float
) -> tuple[int, bool]:
    """Return how many batches the first epoch has, and whether it is a stream's."""
    outcome = run_isolated(OnRanks(_Counted(make), world_size), time_limit)
    if len(outcome.sent) < world_size:
        why = outcome.error or f"it took more than {time_limit:g} seconds"
        msg = f"make: the loader's first epoch could not be read.\n{why}"
        raise RuntimeError(msg)
    counts = sorted({count for _, (count, _) in outcome.sent})
    _, (length, is_stream) = outcome.sent[0]
    if len(counts) > 1:
        msg = f"make: the ranks' first epochs have between {counts[0]} and {counts[-1]} batches"
        raise ValueError(msg)
    if length == 0:
        msg = "make: the loader's first epoch has no batch"
        raise ValueError(msg)
    return length, is_stream


def _length_of_epoch(counts: Sequence[int], epochs: int) -> int:
    """Return how many batches an epoch has, by the batches that each rank trained on."""
    if len(set(counts)) > 1:
        msg = f"run trained on {min(counts)} to {max(counts)} batches by rank, not on as many on each"
        raise ValueError(msg)
    count = counts[0]
    if count < epochs or count % epochs:
        msg = f"run trained on {count} batches, which are not {epochs} equal epochs"
        raise ValueError(msg)
    return count // epochs


def _reseed() -> None:
    """Put the global generators in states that no other process has."""
    for generator in generators.global_rngs().values():
        entropy = int.from_bytes(os.urandom(16), "little")
        generators.reseed(generator, np.random.SeedSequence(entropy))


def _set_epoch(loader: Any, epoch: int) -> None:
    set_counters(loader, epoch)
    inner = unwrap(loader)
    if isinstance(inner, DataLoader):
        for target in with_set_epoch(inner).values():
            target.set_epoch(epoch)


def _described(delivered: Any, epoch: int, number: int, key: Key | None) -> _Batch:
    batch = delivered
    samples: tuple[Any, ...] | None = None
    if isinstance(delivered, IndexedBatch):
        samples, batch = tuple(map(repr, delivered.indices)), delivered.batch
    elif key is not None:
        samples = tuple(fingerprint(one) for one in key(delivered))
    return _Batch(epoch, number, samples, fingerprint(batch))


def _state_dict(loader: Any, _position: Position) -> Any:
    return loader.state_dict()


def _load_state_dict(loader: Any, state: Any) -> None:
    loader.load_state_dict(state)


# Stops -------------------------------------------------------------------------------


def _middle(length: int) -> int:
    return (length + 1) // 2


def _stops(at: Collection[int] | None, length: int, epochs: int) -> tuple[int, ...]:
    total = length * epochs
    if at is None:
        middle = _middle(length)
        found = {1, middle, length, length + middle}
        return tuple(sorted(step for step in found if step < total))
    wrong = [step for step in at if not 0 < step < total]
    if wrong or not len(at):
        msg = (
            f"at must be steps from 1 to {total - 1}, since {epochs} epochs have {total} "
            f"batches, not {sorted(at)!r}"
        )
        raise ValueError(msg)
    return tuple(sorted(set(at)))


def _position_of(reference: Sequence[_Batch], step: int) -> Position:
    """Return where a run continues after a step: the next epoch after the last batch."""
    following = reference[step]
    return Position(following.epoch, following.number)


def _numbered(batches: Sequence[_Batch], length: int, first: int = 0) -> list[_Batch]:
    return [
        _Batch(*divmod(step, length), batch.samples, batch.content)
        for step, batch in enumerate(batches, first)
    ]


# Comparison --------------------------------------------------------------------------


def _compare(
    references: Sequence[Sequence[_Batch]],
    resumed: dict[tuple[int, ...], _Resumption],
    slugs: tuple[str, ...],
    *,
    augmentation: bool,
) -> None:
    """Raise if a resumed run, from its first step on, differs from the uninterrupted.

    `slugs` are the failure modes of a wrong order that repeats no epoch.
    """
    differences = {}
    for stops, one in resumed.items():
        for rank, reference in enumerate(references):
            found = _difference(
                reference, one.first, one.ranks[rank], slugs, augmentation=augmentation
            )
            if found is not None:
                other = _rank_with_same_batches(references, one, rank)
                if other is not None:
                    text = f"rank {rank} reads the batches of rank {other}; {found[1]}"
                    found = ("ranks-share-one-position",), text
                elif len(references) > 1:
                    found = found[0], f"rank {rank}: {found[1]}"
                differences[stops] = found
                break
    if not differences:
        return
    head = (
        f"the resumed run differs from the uninterrupted run at {len(differences)} of "
        f"{len(resumed)} stops"
    )
    lines = [
        f"  stopped after {_named(references[0], stops)}: {text}"
        for stops, (_, text) in differences.items()
    ]
    named = (slug for found, _ in differences.values() for slug in found)
    for slug in dict.fromkeys(named):
        mode = FAILURE_MODES[slug]
        lines += [f"{mode.title}: {mode.fix}", f"  {mode.url}"]
    raise AssertionError("\n".join([head, *lines]))


def _rank_with_same_batches(
    references: Sequence[Sequence[_Batch]], resumed: _Resumption, rank: int
) -> int | None:
    """Return a rank whose batches this rank has since it resumed, and not before."""
    mine = [batch.content for batch in resumed.ranks[rank]]
    for other, batches in enumerate(resumed.ranks):
        same = other != rank and mine == [batch.content for batch in batches]
        expected = [[b.content for b in references[one]] for one in (rank, other)]
        if mine and same and expected[0] != expected[1]:
            return other
    return None


def _named(reference: Sequence[_Batch], stops: tuple[int, ...]) -> str:
    names = []
    for step in stops:
        last = reference[step - 1]
        length = sum(batch.epoch == last.epoch for batch in reference)
        names.append(f"batch {last.number + 1} of {length} of epoch {last.epoch}")
    return ", then after ".join(names)


def _difference(
    reference: Sequence[_Batch],
    step: int,
    batches: Sequence[_Batch],
    slugs: tuple[str, ...],
    *,
    augmentation: bool,
) -> tuple[tuple[str, ...], str] | None:
    """Return failure modes and a sentence, or None if the rest of a run is equal."""
    expected = reference[step:]
    epochs = sorted({batch.epoch for batch in expected})
    lengths = {
        epoch: tuple(
            sum(batch.epoch == epoch for batch in run) for run in (expected, batches)
        )
        for epoch in epochs
    }
    at_epoch_end = step > 0 and reference[step - 1].epoch != reference[step].epoch
    for epoch, (wanted, got) in lengths.items():
        if got == 0 and (at_epoch_end or epoch != epochs[0]):
            text = f"epoch {epoch} has 0 of {wanted} batches"
            return ("resume-loses-an-epoch",), text
    known = all(batch.samples is not None for batch in (*expected, *batches))
    identity = _samples_of if known else _content_of
    first = _first_difference(expected, batches, identity)
    if first is None:
        same = _first_difference(expected, batches, _content_of)
        if same is None or not augmentation:
            return None
        text = (
            f"the order is the same; the samples differ from step {step + same + 1} on"
        )
        return ("augmentation-not-restored",), text
    epoch = expected[min(first, len(expected) - 1)].epoch
    before = [b for b in reference[:step] if b.epoch == epoch]
    whole = Counter(_each(b for b in reference if b.epoch == epoch))
    seen = Counter(_each([*before, *(b for b in batches if b.epoch == epoch)]))
    again, never = (seen - whole).total(), (whole - seen).total()
    text = f"{again} samples of epoch {epoch} again, {never} never"
    if not again and not never:
        text = f"epoch {epoch} has the same samples in another order"
    text += f"; first difference at step {step + first + 1}"
    if wrong := [e for e, (wanted, got) in lengths.items() if wanted != got]:
        wanted, got = lengths[wrong[0]]
        text += f"; epoch {wrong[0]} has {got} of the {wanted} batches that are left"
    if _replays(reference, batches, identity):
        return ("resume-replays-the-epoch",), text
    return slugs, text


def _replays(
    reference: Sequence[_Batch],
    batches: Sequence[_Batch],
    identity: Callable[[_Batch], Any],
) -> bool:
    """Return whether a resumed run repeats the order of the first epoch."""
    first_epoch = [identity(batch) for batch in reference if batch.epoch == 0]
    resumed = [identity(batch) for batch in batches]
    epochs = {batch.epoch for batch in batches}
    replays = any(
        [identity(b) for b in batches if b.epoch == epoch] == first_epoch
        for epoch in epochs - {0}
    )
    return replays or resumed[: len(first_epoch)] == first_epoch


def _first_difference(
    expected: Sequence[_Batch],
    batches: Sequence[_Batch],
    identity: Callable[[_Batch], Any],
) -> int | None:
    pairs = zip(expected, batches, strict=False)
    for number, (one, other) in enumerate(pairs):
        if (one.epoch, identity(one)) != (other.epoch, identity(other)):
            return number
    if len(expected) != len(batches):
        return min(len(expected), len(batches))
    return None


def _samples_of(batch: _Batch) -> Any:
    return batch.samples


def _content_of(batch: _Batch) -> Any:
    return batch.content


def _each(batches: Iterable[_Batch]) -> Iterator[Any]:
    for batch in batches:
        if batch.samples is None:
            yield batch.content
        else:
            yield from batch.samples


def _validate(
    make: Any,
    save: Any,
    load: Any,
    epochs: Any,
    world_size: Any,
    time_limit: Any,
    name: str = "make",
) -> None:
    """Validate the arguments; raise an error that names the wrong one."""
    if not callable(make) or isinstance(make, DataLoader):
        msg = f"{name} must be a function, not {type(make).__qualname__}"
        raise TypeError(msg)
    if (save is None) != (load is None):
        msg = "save and load belong together: pass both, or neither"
        raise ValueError(msg)
    if not isinstance(epochs, int) or epochs < 2:
        msg = f"epochs must be an integer of at least 2, not {epochs!r}"
        raise ValueError(msg)
    if not isinstance(world_size, int) or world_size < 1:
        msg = f"world_size must be an integer of at least 1, not {world_size!r}"
        raise ValueError(msg)
    if not time_limit > 0:
        msg = f"time_limit must be a number of seconds above 0, not {time_limit!r}"
        raise ValueError(msg)
