"""`audit` on every rank inside a program: one verdict, and the group stays whole."""

import os
import time
from functools import partial

import pytest
import torch
import torch.distributed as dist
from rank_loaders import (
    Numbers,
    Stream,
    load,
    one_seed,
    with_sampler,
    without_sampler,
)
from rank_processes import on_ranks, together
from torch.utils.data import DataLoader, IterableDataset, Sampler

import dejabatch
from dejabatch import Expect, audit
from dejabatch import auditing as auditing_module


class BroadcastOrder(Sampler):
    """Let rank 0 shuffle for all ranks, in every epoch."""

    def __init__(self, rank, world, length=48):
        self.rank, self.world, self.length = rank, world, length

    def __iter__(self):
        order = torch.randperm(self.length)
        dist.broadcast(order, 0)
        return iter(order.tolist()[self.rank :: self.world])

    def __len__(self):
        return self.length // self.world


class GatheringStream(IterableDataset):
    """Ask all ranks for their numbers before the first sample."""

    def __init__(self, rank, world):
        self.rank, self.world = rank, world

    def __iter__(self):
        numbers = [None] * self.world
        dist.all_gather_object(numbers, self.rank)
        dist.barrier()
        assert numbers == list(range(self.world))
        yield from (torch.tensor(i) for i in range(self.rank, 24, self.world))


class Raises(Numbers):
    def __getitem__(self, index):
        msg = "no such file"
        raise OSError(msg)


def make_with_collectives():
    """Make a loader as a program that broadcasts its configuration."""
    rank, world = dist.get_rank(), dist.get_world_size()
    settings = [48 if rank == 0 else None]
    dist.broadcast_object_list(settings)
    dist.barrier()
    return load(Numbers(), BroadcastOrder(rank, world, settings[0]))


def outcome(make, **arguments):
    """Return the slugs that an audit names, or its error."""
    try:
        report = audit(make, time_limit=30, **arguments)
    except (RuntimeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return [f.slug for f in report.findings if f.severity != "note"]


def ordinary_program(rank, world):
    auditing_module.PATIENCE = 30  # the machine may be busy
    state = torch.get_rng_state()
    made = []

    def factory():
        made.append(1)
        torch.rand(3)
        return make_with_collectives()

    found = {
        "broken": outcome(without_sampler(rank, world)),
        "factory": outcome(factory),
        "called": len(made),
        "stream": outcome(load(GatheringStream(rank, world))),
        "workers": outcome(one_seed(rank, world)),
        "seeds in a function": outcome(partial(one_seed, rank, world)),
        "chosen": outcome(without_sampler(rank, world), checks=["wrong-rank"]),
        "still": together(rank),
    }
    torch.set_rng_state(state)
    report = audit(partial(with_sampler, rank, world))
    found["untouched"] = torch.equal(state, torch.get_rng_state())
    found["asks for a function"] = "audit a function" in str(report)
    found["first lines"] = str(report).splitlines()[:2]
    found["headers"] = None if report.ranks is None else len(report.ranks)
    return found


def test_all_ranks_get_one_verdict():
    results = on_ranks(2, ordinary_program, timeout=200)
    headers = [result.pop("headers") for result in results]
    assert headers == [2, None]
    assert results[0] == results[1]
    assert results[0] == {
        "broken": ["no-distributed-sampler"],
        "factory": [],
        "called": 1,
        "stream": [],
        "workers": ["ranks-augment-alike"],
        "seeds in a function": ["ranks-augment-alike"],
        "chosen": [],
        "still": 1,
        "untouched": True,
        "asks for a function": False,
        # The loader does not show the call of set_epoch.
        "first lines": ["dejabatch: 1 note", "ranks: 2 ranks were compared"],
    }


def program_with_errors(rank, world):
    auditing_module.PATIENCE = 30
    raising = Raises() if rank == 1 else Numbers()
    empty = range(0) if rank == 1 else range(16)
    return {
        "no loader": outcome(None if rank == 1 else with_sampler(rank, world)),
        "raises": outcome(load(raising)),
        "empty": outcome(load(Stream(empty))),
        "argument": outcome(with_sampler(rank, world), checks=["no-such-check"]),
        "still": together(rank),
    }


def test_every_rank_hears_of_an_error_of_one():
    zero, one = on_ranks(2, program_with_errors, timeout=200)
    assert zero["no loader"].startswith(
        "RankError: rank 1: TypeError: loader must be a"
    )
    assert one["no loader"].startswith("TypeError: loader must be a torch")
    assert "RankError: rank 1: RuntimeError: loader: it could not be" in zero["raises"]
    assert "no such file" in zero["raises"]
    assert "no such file" in one["raises"]
    assert zero["empty"] == one["empty"] == ["ranks-of-different-lengths"]
    assert zero["argument"].startswith("ValueError: checks: no-such-check cannot be")
    assert (zero["still"], one["still"]) == (1, 1)


def program_of_rank_0(rank, world):
    """Audit on rank 0 alone, then on all ranks."""
    auditing_module.PATIENCE = 0.5
    notes = ()
    if rank == 0:
        notes = audit(with_sampler(rank, world)).notes
        start = time.monotonic()
        assert audit(with_sampler(rank, world), ranks=False).notes == ()
        assert time.monotonic() - start < 30
    total = together(rank)
    auditing_module.PATIENCE = 30
    later = outcome(without_sampler(rank, world))
    return notes, total, later


def test_rank_0_alone_is_audited_alone_and_says_who_is_missing():
    (notes, *zero), (none, *one) = on_ranks(2, program_of_rank_0, timeout=200)
    assert notes == (
        (
            "rank 0 of 2 was audited alone: rank 1 did not call audit within 0.5 "
            "seconds. To compare ranks, call audit on every rank, after "
            "torch.distributed.barrier()"
        ),
    )
    assert none == ()
    assert zero == one == [1, ["no-distributed-sampler"]]


def dying_program(rank, world):
    auditing_module.PATIENCE = 30

    def make():
        if rank == 1:
            os._exit(3)
        return with_sampler(rank, world)

    start = time.monotonic()
    try:
        audit(make, time_limit=6)
    except RuntimeError as error:
        return str(error), time.monotonic() - start
    return "no error", 0


def test_a_rank_that_dies_is_named_in_time():
    (text, seconds), gone = on_ranks(2, dying_program)
    assert gone == "died"
    assert text.startswith(
        "rank 1 sent nothing in time: a loader waits, or a rank died"
    )
    assert seconds < 6 + 10


class WaitsForAll(IterableDataset):
    """Call a collective in one of two ranks only."""

    def __init__(self, rank):
        self.rank = rank

    def __iter__(self):
        if self.rank == 0:
            dist.barrier()
        yield from (torch.tensor(i) for i in range(24))


def hanging_program(rank, world):
    auditing_module.PATIENCE = 30
    start = time.monotonic()
    try:
        audit(load(WaitsForAll(rank)), time_limit=8)
        text = ""
    except RuntimeError as error:
        text = str(error)
    return text, time.monotonic() - start, together(rank)


def test_a_loader_that_waits_for_ever_is_named_in_time():
    (text, seconds, total), (other, _, total_1) = on_ranks(2, hanging_program)
    assert text
    assert other.startswith("rank 0: RuntimeError")
    assert seconds < 8 + 10
    assert total == total_1 == 1


def test_unknown_ranks_and_groups_are_refused():
    with pytest.raises(TypeError, match=r"same_data must be groups of ranks"):
        Expect(same_data=3)
    with pytest.raises(TypeError, match=r"same_data must be groups of ranks"):
        Expect(same_data=[["a"]])
    with pytest.raises(ValueError, match="rank 1 twice"):
        Expect(same_data=[[0, 1], [1, 2]])


def test_check_of_ranks_needs_ranks():
    loader = DataLoader(range(4))
    with pytest.raises(ValueError, match=r"wrong-rank shows between ranks"):
        audit(loader, checks=["wrong-rank"])


def mesh_program(rank, world):
    from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415

    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
    groups = [
        Expect(same_data=(mesh, names)).same_data
        for names in ("dp", "tp", ("dp", "tp"))
    ]
    try:
        Expect(same_data=(mesh, "pp"))
    except ValueError as error:
        return groups, str(error)
    return groups, ""


def test_groups_of_a_device_mesh():
    for groups, error in on_ranks(4, mesh_program):
        assert groups == [
            ((0, 1), (2, 3)),
            ((0, 2), (1, 3)),
            ((0,), (1,), (2,), (3,)),
        ]
        assert "has the dimensions ('dp', 'tp'), not ('pp',)" in error


def test_a_single_process_does_not_wait():
    start = time.monotonic()
    assert dejabatch.audit(DataLoader(range(8)), epochs=1).notes == ()
    assert time.monotonic() - start < 60
