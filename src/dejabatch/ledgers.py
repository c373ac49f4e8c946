"""Write down what a run reads, batch by batch, and compare two runs."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from dejabatch.ranks import rank_and_world_size
from dejabatch.state.fingerprint import fingerprint

T = TypeVar("T")


class ledger(Generic[T]):
    """Iterate a loader, and append a hash of each batch to a file.

    The file survives a crash of the program: each line is handed to the system before the
    batch is used. A resumed run appends to the same file, or writes another one. All
    ranks may share a file.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader or iterable
        The loader whose batches are written down.
    path : str or os.PathLike
        Path of the file, which is created, or continued.
    epoch : int
        Number of the first epoch. Each iteration of the ledger is one epoch.

    Raises
    ------
    TypeError
        If `loader` is not iterable.
    OSError
        If the file cannot be written; raised by the first iteration.

    Notes
    -----
    A line has the rank, the epoch, the number of the batch and the batch's fingerprint of
    128 bits, with spaces between them. The fingerprint of a tensor or array above 64 KiB
    takes 509 pieces of 64 bytes at even distances: two batches that differ only between
    them have one fingerprint.

    Examples
    --------
    >>> from pathlib import Path
    >>> from dejabatch import ledger
    >>> from torch.utils.data import DataLoader
    >>> loader = ledger(DataLoader(range(8), batch_size=4), "run.ledger")
    >>> len(list(loader))
    2
    >>> [line.split()[:3] for line in Path("run.ledger").read_text().splitlines()]
    [['0', '0', '0'], ['0', '0', '1']]
    """

    def __init__(
        self, loader: Any, path: str | os.PathLike[str], *, epoch: int = 0
    ) -> None:
        if not isinstance(loader, Iterable):
            msg = f"loader must be iterable, not {type(loader).__qualname__}"
            raise TypeError(msg)
        self.loader: Iterable[T] = loader
        self.path = Path(path)
        self.epoch = epoch

    def __iter__(self) -> Iterator[T]:
        """Yield the batches of one epoch, after each was written down."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        rank, _ = rank_and_world_size()
        numbers = itertools.count()
        # One write for each line: the ranks' lines do not mix in a file opened to append.
        with self.path.open("ab", buffering=0) as file:

            def append(batch: T) -> T:
                digest = fingerprint(batch, sparse=True).hex()
                file.write(f"{rank} {epoch} {next(numbers)} {digest}\n".encode())
                return batch

            # A loop's variable would keep the batch until the next batch is here.
            yield from map(append, self.loader)

    def __len__(self) -> int:
        """Return the loader's length."""
        return len(self.loader)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the loader, such as its sampler."""
        if name == "loader":  # copy and pickle ask before there is one
            raise AttributeError(name)
        return getattr(self.loader, name)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a ledger.

    Attributes
    ----------
    rank, epoch, batch : int
        Which batch.
    digest : str
        Its fingerprint, 32 hexadecimal digits.
    """

    rank: int
    epoch: int
    batch: int
    digest: str

    def __str__(self) -> str:
        return f"batch {self.batch} of epoch {self.epoch}"


def read_ledger(path: str | os.PathLike[str]) -> dict[int, list[Line]]:
    """Return the lines of a ledger by rank.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is not a ledger. The message names the line.
    """
    ranks: dict[int, list[Line]] = {}
    text = Path(path).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        try:
            rank, epoch, batch, digest = line.split()
            found = Line(int(rank), int(epoch), int(batch), digest)
        except ValueError as error:
            msg = f"{path}:{number} is not a line of a ledger: {line!r}"
            raise ValueError(msg) from error
        ranks.setdefault(found.rank, []).append(found)
    return ranks


def differences(
    a: dict[int, list[Line]], b: dict[int, list[Line]]
) -> dict[int, str | None]:
    """Compare two runs, or a run with one that was resumed from its middle.

    Parameters
    ----------
    a, b : dict of int to list of Line
        By rank; `b` may begin at any batch of `a`.

    Returns
    -------
    dict of int to str or None
        By rank: where the runs part, and how many batches come again or never; None if
        `b` has the batches of `a`, from its first batch on.
    """
    return {
        rank: _difference(a.get(rank, []), b.get(rank, []))
        for rank in sorted(a.keys() | b.keys())
    }


def _difference(a: Sequence[Line], b: Sequence[Line]) -> str | None:
    if not a or not b:
        return "only one of the runs has this rank"
    first = next(
        (number for number, line in enumerate(a) if line.digest == b[0].digest), None
    )
    if first is None:
        return f"no batch of the first run is {b[0]} of the second run"
    expected = a[first : first + len(b)]
    pairs = zip(expected, b, strict=False)
    place = next(
        (i for i, (one, two) in enumerate(pairs) if one.digest != two.digest), None
    )
    if place is None:
        if len(b) > len(expected):
            return f"the second run goes on after {a[-1]}, where the first run ends"
        return None
    read = Counter(line.digest for line in (*a[:first], *b))
    whole = Counter(line.digest for line in a[: first + len(b)])
    again, never = (read - whole).total(), (whole - read).total()
    return (
        f"the runs part at {expected[place]}, after {place} equal batches; of "
        f"{len(b)} batches, {again} are not in the first run or come again, and {never} "
        "never come"
    )
