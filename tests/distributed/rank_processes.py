"""Start the ranks of a program as processes with a gloo group on loopback."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist


def on_ranks(
    world_size: int,
    function: Callable[..., Any],
    *arguments: Any,
    timeout: float = 120,
    group: bool = True,
) -> list[Any]:
    """Return what a function returns on each rank; "died" for a rank that ended early.

    The store is in this process, as torchrun has it in its agent, so that it outlives
    each rank. Without `group`, the ranks have the environment that torchrun gives them.
    """
    context = multiprocessing.get_context("forkserver")
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    ranks = []
    for rank in range(world_size):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=_run,
            args=(store.port, rank, world_size, group, function, arguments, sender),
        )
        process.start()
        sender.close()
        ranks.append((process, receiver))
    deadline = time.monotonic() + timeout
    answers = []
    for _, receiver in ranks:
        if not receiver.poll(max(0, deadline - time.monotonic())):
            answers.append("out of time")
            continue
        try:
            answers.append(receiver.recv())
        except EOFError:
            answers.append("died")
    for process, receiver in ranks:
        process.join(5)
        process.kill()
        process.join()
        receiver.close()
    for answer in answers:
        assert not isinstance(answer, _Raised), answer.text
    return answers


class _Raised:
    def __init__(self, text: str) -> None:
        self.text = text


def _run(port, rank, world_size, group, function, arguments, sender) -> None:
    # Workers of the loaders would import torch again, as a fork server has it.
    multiprocessing.set_start_method("fork", force=True)
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "LOCAL_WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }
    if group:
        seconds = datetime.timedelta(seconds=60)
        dist.init_process_group("gloo", timeout=seconds)
    try:
        sender.send(function(rank, world_size, *arguments))
    except BaseException:  # noqa: BLE001 - the test gets the traceback
        sender.send(_Raised(f"rank {rank}: {traceback.format_exc()}"))
    sender.close()


def together(rank: int) -> int:
    """Return the sum of all ranks' numbers, to show that the group still works."""
    total = torch.tensor([rank])
    dist.all_reduce(total)
    return int(total)
