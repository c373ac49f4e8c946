"""Headers of observations made by hand, and meetings in stores, without processes."""

import threading
import time

import numpy as np
import pytest
import torch
import torch.distributed as dist
from observations import (
    answers,
    digest,
    epochs,
    facts,
    fetch,
    observation,
    part,
    random_answers,
    ranks,
    split,
)

from dejabatch.checks import RANK_CHECKS, judge
from dejabatch.distributed.header import header_of
from dejabatch.distributed.keys import indices_of
from dejabatch.distributed.meeting import Absent, Meeting, meet
from dejabatch.distributed.record import pack, unpack
from dejabatch.findings import Finding
from dejabatch.observe.experiments.fixed_samples import FixedSamples
from dejabatch.state.fingerprint import fingerprint

ORDER = np.random.default_rng(0).permutation(5000).tolist()


def large():
    """Return the header of a rank that read as much as a header can hold."""
    seen = observation(
        epochs([ORDER, ORDER]),
        facts=facts(length=5000, num_workers=0),
        answers=random_answers("torch"),
    )
    finding = Finding("no-set-epoch", "note", "sampler" * 100, "evidence " * 100)
    fixed = FixedSamples(splits=(split(0, 2),), batches=1250, probes=(b"0" * 16,) * 8)
    return header_of(seen, fixed, rank=1, world_size=2, findings=[finding] * 2)


def test_header_has_at_most_four_kilobytes_and_comes_back():
    header = large()
    packed = pack(header)
    assert len(packed) <= 4096
    back = unpack(packed)
    assert (back.rank, back.samples, back.all_batches) == (1, 5000, 1250)
    assert back.splits == header.splits
    assert back.findings == header.findings
    assert len(back.findings[0].evidence) == 200
    kept = indices_of(back.indices.hashes)
    assert len(set(kept.tolist())) == 160
    assert back.generators == header.generators
    assert list(back.generators) == ["torch"]
    assert (back.random, back.reproducible) == (True, False)


def test_groups_are_the_declared_ones_and_the_other_ranks():
    four = ranks(*(part(rank, [rank]) for rank in range(4)), same_data=[[1, 3]])
    groups = [[header.rank for header in group] for group in four.groups]
    assert groups == [[0], [1, 3], [2]]
    assert [header.rank for header in four.leaders] == [0, 1, 2]


def header_with_numbers(
    rank, names, indices, numbers=None, *, number=int, seen=None, **drawn
):
    """Return the header of a rank whose dataset returns (number, name).

    The number of a sample is its index, unless there are other numbers.
    """
    numbers = indices if numbers is None else numbers
    samples = [(n, names[i]) for n, i in zip(numbers, indices, strict=True)]
    parts = {
        "[0]": [fingerprint(number(n)) for n, _ in samples],
        "[1]": [name for _, name in samples],
    }
    fetches = [fetch(samples, indices=indices, parts=parts)]
    observed = observation(
        fetches, facts=facts(length=len(names)), answers=seen or answers()
    )
    probes = tuple(digest(name) for name in names[:8])
    fixed = FixedSamples(splits=(split(rank, 2),), batches=1, probes=probes, **drawn)
    return header_of(observed, fixed, rank=rank, world_size=2)


def named(*headers):
    """Return the slug, severity and evidence of what is found about the datasets."""
    slugs = ["data-split-twice", "ranks-disagree"]
    found = judge(ranks(*headers), RANK_CHECKS, slugs).findings
    return [(one.slug, one.severity, one.evidence) for one in found]


IN_ORDER = [f"sample {i}" for i in range(16)]
SHUFFLED = [IN_ORDER[i] for i in np.random.default_rng(1).permutation(16)]
SHUFFLED_ANEW = [IN_ORDER[i] for i in np.random.default_rng(2).permutation(16)]
EVEN, ODD = range(0, 16, 2), range(1, 16, 2)


@pytest.mark.parametrize("number", [int, np.int64, torch.tensor])
def test_samples_with_their_own_index_are_compared_without_it(number):
    two = [
        header_with_numbers(0, SHUFFLED, EVEN, number=number),
        header_with_numbers(1, SHUFFLED_ANEW, ODD, number=number),
    ]
    both = {SHUFFLED[i] for i in EVEN} & {SHUFFLED_ANEW[i] for i in ODD}
    assert len(both) > 2
    ((slug, severity, evidence),) = named(*two)
    assert (slug, severity) == ("ranks-disagree", "error")
    assert evidence.startswith(f"{len(both)} of {16 - len(both)} samples")


def test_parts_of_a_dataset_with_their_own_index_are_split_twice():
    shards = [[f"{rank}/{i}" for i in range(16)] for rank in range(2)]
    two = [header_with_numbers(r, shards[r], (EVEN, ODD)[r]) for r in range(2)]
    ((slug, severity, _),) = named(*two)
    assert (slug, severity) == ("data-split-twice", "error")


ORDERS = [(SHUFFLED, EVEN), (SHUFFLED_ANEW, ODD)]


def test_random_samples_with_their_own_index_are_not_compared():
    two = [
        header_with_numbers(
            rank,
            names,
            indices,
            seen=random_answers("torch"),
            drawn={i: digest((i, names[i])) for i in indices},
        )
        for rank, (names, indices) in enumerate(ORDERS)
    ]
    assert all(header.reproducible for header in two)
    ((slug, severity, _),) = named(*two)
    assert (slug, severity) == ("ranks-disagree", "warning")


def test_number_that_is_the_index_on_one_rank_only_is_not_left_out_there_alone():
    two = [
        header_with_numbers(
            rank, names, indices, [IN_ORDER.index(names[i]) for i in indices]
        )
        for rank, (names, indices) in enumerate([(IN_ORDER, EVEN), (SHUFFLED, ODD)])
    ]
    assert [header.own_index for header in two] == [("[0]",), ()]
    ((slug, severity, _),) = named(*two)
    assert (slug, severity) == ("ranks-disagree", "warning")


def test_samples_of_their_own_index_alone_are_kept():
    numbers = fetch(EVEN, indices=EVEN, parts={"[0]": [fingerprint(i) for i in EVEN]})
    header = header_of(observation([numbers]), FixedSamples(), rank=0, world_size=2)
    assert header.own_index == ()
    assert len(header.contents.hashes) == len(EVEN)


def stores(kind, folder, number):
    """Return connections to one store."""
    if kind == "file":
        return [dist.FileStore(str(folder / "store"), number) for _ in range(number)]
    first = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    return [first, *(first.clone() for _ in range(number - 1))]


def in_threads(function, number):
    """Return what a function returns for each rank."""
    results = [None] * number

    def run(rank):
        results[rank] = function(rank)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("kind", ["tcp", "file"])
def test_ranks_meet_again_and_again_and_name_who_is_missing(kind, tmp_path):
    connections = stores(kind, tmp_path, 3)

    def come(rank):
        first = meet(connections[rank], rank, 3, 30)
        first.publish(f"word/{rank}", b"hello")
        words = [
            first.read(f"word/{other}", time.monotonic() + 30) for other in range(3)
        ]
        # Rank 2 does not come to the second meeting.
        second = None if rank == 2 else meet(connections[rank], rank, 3, 0.3)
        first.publish(f"done/{rank}", b"1")
        for other in range(3):
            first.read(f"done/{other}", time.monotonic() + 30)
        return words, second, meet(connections[rank], rank, 3, 30)

    for words, second, third in in_threads(come, 3):
        assert words == [b"hello"] * 3
        assert second in (None, Absent((2,)))
        assert isinstance(third, Meeting)


def test_reading_ends_at_the_deadline(tmp_path):
    (store,) = stores("file", tmp_path, 1)
    meeting = meet(store, 0, 1)
    assert meeting.read("nothing", time.monotonic() + 0.1) is None
