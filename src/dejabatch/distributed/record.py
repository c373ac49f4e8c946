"""The record of one rank that all ranks exchange, and the records of all ranks."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from dejabatch.distributed.keys import Keys
from dejabatch.expect import Expect
from dejabatch.findings import Finding
from dejabatch.splits import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One rank's loader, in at most four kilobytes.

    Attributes
    ----------
    rank : int
        The number of the rank.
    host : str
        The name of its machine.
    local_rank, local_world_size : int or None
        The number of the rank on its machine, and the number of ranks there, from
        torchrun's environment variables; None if these are not set.
    dataset, sampler, sampler_path : str
        As in `dejabatch.observe.record.Facts`.
    map_style, data_loader : bool
        As in `dejabatch.observe.record.Facts`.
    length : int or None
        ``len(dataset)``.
    num_workers : int
        Number of workers.
    start_method : str or None
        How workers start.
    replacement : bool
        Whether the sampler draws with replacement.
    splits : tuple of dejabatch.splits.Split
        The objects that split the data between ranks.
    batches, samples : int
        How many were read of the first epoch.
    complete : bool
        Whether the first epoch was read to its end.
    all_batches : int or None
        The number of batches in an epoch: measured if the epoch is complete, else the
        length of the loader; None if unknown.
    order, content, collated : bytes
        Hashes of the indices of the first epoch, of its samples, and of its first
        batches. Empty if unknown.
    ascending : bool
        Whether the indices of the first epoch ascend, apart from a restart at the end.
    probes : tuple of bytes or None
        As in `dejabatch.observe.experiments.fixed_samples.FixedSamples`, shortened.
    indices, contents : Keys or None
        Keys of the first epoch's indices and samples; None if unknown.
    own_index : tuple of str
        Paths of the parts that are a sample's own index. `contents` leave out these
        parts, but not if the samples are random.
    reproducible : bool
        Whether `contents` do not depend on random generators.
    random : bool
        Whether samples are known to depend on random generators.
    generators : mapping of str to tuple of bytes
        Generators that samples depend on, by path, each with its shortened digests at
        the start of the first epoch, by worker.
    findings : tuple of Finding
        The findings about this rank's loader alone.
    incomplete : str
        Why too little was observed for a verdict; empty if enough was.
    """

    rank: int
    host: str = ""
    local_rank: int | None = None
    local_world_size: int | None = None
    dataset: str = ""
    sampler: str = ""
    sampler_path: str = "sampler"
    map_style: bool = True
    data_loader: bool = True
    length: int | None = None
    num_workers: int = 0
    start_method: str | None = None
    replacement: bool = False
    splits: tuple[Split, ...] = ()
    batches: int = 0
    samples: int = 0
    complete: bool = True
    all_batches: int | None = None
    order: bytes = b""
    content: bytes = b""
    collated: bytes = b""
    ascending: bool = False
    probes: tuple[bytes | None, ...] = ()
    indices: Keys | None = None
    contents: Keys | None = None
    own_index: tuple[str, ...] = ()
    reproducible: bool = False
    random: bool = False
    generators: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    incomplete: str = ""

    @property
    def parts(self) -> int:
        """Over how many parts the splits spread the data."""
        product = 1
        for split in self.splits:
            product *= split.parts
        return product

    @property
    def place(self) -> tuple[int, ...]:
        """The part of this rank in each of its splits."""
        return tuple(split.part for split in self.splits)

    @property
    def draws(self) -> int | None:
        """The number of samples in an epoch, or an estimate; None if unknown."""
        if self.complete:
            return self.samples
        if self.all_batches is None or not self.batches:
            return None
        return round(self.all_batches * self.samples / self.batches)


def pack(header: Header) -> bytes:
    """Return a header as bytes."""
    values = [getattr(header, one.name) for one in fields(header)]
    packed = [
        value.pack() if isinstance(value, Keys) else _plain(value) for value in values
    ]
    return pickle.dumps(packed, protocol=5)


def unpack(content: bytes) -> Header:
    """Return the header that `pack` made bytes of."""
    names = [one.name for one in fields(Header)]
    values = dict(zip(names, pickle.loads(content), strict=True))
    for name in ("indices", "contents"):
        if values[name] is not None:
            values[name] = Keys.unpack(values[name])
    values["splits"] = tuple(Split(*one) for one in values["splits"])
    values["findings"] = tuple(Finding(*one) for one in values["findings"])
    return Header(**values)


def _plain(value: object) -> object:
    """Return a value without names of classes, which would be most of the bytes."""
    if isinstance(value, tuple) and value and isinstance(value[0], (Split, Finding)):
        return [tuple(getattr(one, part.name) for part in fields(one)) for one in value]
    return value


@dataclass(frozen=True, slots=True)
class Ranks:
    """The loaders of all ranks.

    Attributes
    ----------
    headers : tuple of Header
        One for each rank, in their order.
    expect : dejabatch.Expect
        The user's expectations.
    """

    headers: tuple[Header, ...]
    expect: Expect = field(default_factory=Expect)

    @property
    def groups(self) -> tuple[tuple[Header, ...], ...]:
        """The ranks that are to read the same data, in groups; a rank alone is a group."""
        declared = self.expect.same_data or ()
        by_rank = {header.rank: header for header in self.headers}
        named = {rank for group in declared for rank in group}
        groups = [tuple(by_rank[r] for r in g if r in by_rank) for g in declared]
        groups += [(header,) for header in self.headers if header.rank not in named]
        return tuple(sorted(filter(None, groups), key=lambda group: group[0].rank))

    @property
    def leaders(self) -> Ranks:
        """The first rank of each group, which are to read different data."""
        return replace(self, headers=tuple(group[0] for group in self.groups))

    def __iter__(self) -> Iterator[Header]:
        """Iterate over the headers."""
        return iter(self.headers)

    def __len__(self) -> int:
        """Return the number of ranks."""
        return len(self.headers)


def say_ranks(ranks: Sequence[int], most: int = 6) -> str:
    """Return ranks in words, such as ``ranks 0, 1 and 3``."""
    shown = [str(rank) for rank in ranks[:most]]
    if len(ranks) > most:
        return f"ranks {', '.join(shown)} and {len(ranks) - most} others"
    if len(shown) == 1:
        return f"rank {shown[0]}"
    return f"ranks {', '.join(shown[:-1])} and {shown[-1]}"
