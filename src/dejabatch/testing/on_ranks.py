"""Run a function in several processes that have joined one process group."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
import torch.distributed

from dejabatch.observe.children import default_method
from dejabatch.observe.isolate import Send


@dataclass(frozen=True, slots=True)
class OnRanks:
    """Call a function on each rank, and send pairs of the rank and what it sends.

    Each rank is a process of its own, which has joined a gloo group and has the
    environment variables of torchrun. A single rank runs here, without a group.
    """

    function: Callable[[Send], None]
    world_size: int

    def __call__(self, send: Send) -> None:
        """Run all ranks to their end; raise if one fails."""
        if self.world_size == 1:
            self.function(lambda item: send((0, item)))
            return
        context: Any = multiprocessing.get_context(default_method())
        with tempfile.TemporaryDirectory(prefix="dejabatch-") as folder:
            processes, ranks = [], {}
            for rank in range(self.world_size):
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(
                    target=_run_rank,
                    args=(self.function, rank, self.world_size, folder, sender),
                )
                process.start()
                # The receiver reaches its end only if no other process has the sender.
                sender.close()
                processes.append(process)
                ranks[receiver] = rank
            try:
                _forward(ranks, send)
            except BaseException:
                # The others may wait for a rank that has failed.
                for process in processes:
                    process.kill()
                raise
            finally:
                for process in processes:
                    process.join()
        for rank, process in enumerate(processes):
            if process.exitcode:
                msg = f"rank {rank} ended with exit code {process.exitcode}"
                raise RuntimeError(msg)


def _forward(ranks: dict[Connection, int], send: Send) -> None:
    """Send what the ranks send, until all have ended."""
    while ranks:
        for connection in wait([*ranks]):
            assert isinstance(connection, Connection)
            try:
                item, failure = connection.recv()
            except EOFError:
                connection.close()
                del ranks[connection]
                continue
            if failure is not None:
                msg = f"rank {ranks[connection]} failed\n{failure}"
                raise RuntimeError(msg)
            send((ranks[connection], item))


def _run_rank(
    function: Callable[[Send], Any],
    rank: int,
    world_size: int,
    folder: str,
    sender: Connection,
) -> None:
    names = {"RANK": rank, "LOCAL_RANK": rank}
    names |= {"WORLD_SIZE": world_size, "LOCAL_WORLD_SIZE": world_size}
    os.environ.update({name: str(value) for name, value in names.items()})
    # Accelerate and Lightning ask for the address, although the group exists.
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"})
    # OpenMP's threads do not survive a fork.
    torch.set_num_threads(1)
    path = f"{folder}/store"
    store = torch.distributed.FileStore(path, world_size)  # type: ignore[attr-defined]
    try:
        torch.distributed.init_process_group(
            "gloo", store=store, rank=rank, world_size=world_size
        )
        function(lambda item: sender.send((item, None)))
        # A rank that leaves breaks the connections of ranks that still use them.
        store.set(f"done-{rank}", "")
        store.wait([f"done-{one}" for one in range(world_size)])
        torch.distributed.destroy_process_group()
    except Exception:  # noqa: BLE001 - the parent raises it
        sender.send((None, traceback.format_exc()))
    sender.close()
