"""A process group of the forked children of all ranks.

The threads of a group do not survive a fork, so a collective in a child would wait for
ever. The children of all ranks therefore make a group of their own, in which samplers,
datasets and accelerate can broadcast. The group of the program is not touched.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from torch.distributed import distributed_c10d
from torch.distributed.distributed_c10d import PrefixStore

# The copy of the program's group would end threads that exist in the parent only.
_never_deleted: Final[list[Any]] = []


def join_group_of_children(
    store: Any, name: str, rank: int, world_size: int, seconds: float
) -> None:
    """Replace the default group of this forked process by one of all such processes.

    Parameters
    ----------
    store : torch.distributed.Store
        The store of the parents, by a connection that the parent does not use. The
        connection must be older than the fork: the thread that serves the store holds a
        lock of the C library while it accepts a connection, and a process that is forked
        at that time waits for ever when it opens one.
    name : str
        Name of the group, which was not used before.
    rank, world_size : int
        The number of this rank, and of all ranks.
    seconds : float
        How long a collective may take.

    Notes
    -----
    Subgroups that objects of the parent hold cannot be used in the child.
    """
    c10d: Any = distributed_c10d
    world = c10d._world
    tables = [
        getattr(world, table)
        for table in (
            "pg_map",
            "pg_names",
            "pg_group_ranks",
            "pg_backend_config",
            "pg_to_tag",
            "tags_to_pg",
            "pg_coalesce_state",
        )
        if hasattr(world, table)
    ]
    _never_deleted.append([world.default_pg, *map(dict, tables)])
    c10d._update_default_pg(None)
    for table in tables:
        table.clear()
    world.group_count = 0
    c10d._unregister_all_process_groups()
    c10d.init_process_group(
        "gloo",
        store=PrefixStore(name, store),
        rank=rank,
        world_size=world_size,
        timeout=datetime.timedelta(seconds=seconds),
    )
