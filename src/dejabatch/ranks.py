"""Which of the processes of a distributed program this one is."""

import os

import torch.distributed


def rank_and_world_size() -> tuple[int, int]:
    """Return the rank and the number of ranks.

    Returns
    -------
    rank, world_size : int
        Those of torch.distributed where it is initialised, which spawned workers are not.
        Otherwise those of the variables ``RANK`` and ``WORLD_SIZE``, which torchrun sets;
        0 and 1 without them.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
