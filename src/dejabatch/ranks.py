"""The rank of this process in a distributed program."""

import os

import torch.distributed


def has_process_group() -> bool:
    """Return whether this process has joined the default process group."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def rank_and_world_size() -> tuple[int, int]:
    """Return this process's rank and the number of ranks.

    Returns
    -------
    rank, world_size : int
        From torch.distributed where a process group is initialized. Spawned workers have
        no process group. There and elsewhere, the values are read from the environment
        variables ``RANK`` and ``WORLD_SIZE``, which torchrun sets; 0 and 1 if unset.

    Raises
    ------
    ValueError
        If one of the environment variables is not an integer.
    """
    if has_process_group():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
