"""Snapshot the memory that child processes share with this process, and restore it."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dejabatch.state.reach import is_a, memory_address, walk

_MOST_BYTES = 2**30


class SharedMemory:
    """A snapshot of the shared memory that some objects can reach.

    In-place edits in a child process reach two kinds of memory: tensors in shared memory,
    such as those that a spawned worker was given, and files that are mapped for writing.
    Blocks are copied from the smallest to the largest, up to 1 GiB in all.

    Parameters
    ----------
    roots : mapping of str to object
        Where the walk to tensors and arrays starts, by the name that begins each path.
    walked : iterable of tuple of str and object, optional
        The result of the walk, if it has been made already.
    """

    def __init__(
        self,
        roots: Mapping[str, object],
        *,
        walked: Iterable[tuple[str, object]] | None = None,
    ) -> None:
        blocks: dict[int, npt.NDArray[np.uint8]] = {}
        if walked is None:
            walked = walk(roots, every_item=True)
        for _, value in walked:
            address = memory_address(value)
            if address is not None and address not in blocks:
                block = _shared_block(value)
                if block is not None:
                    blocks[address] = block
        self._copies = []
        bytes_left = _MOST_BYTES
        for block in sorted(blocks.values(), key=len):
            bytes_left -= len(block)
            if bytes_left >= 0:
                self._copies.append((block, block.copy()))

    def restore(self) -> None:
        """Write the snapshot back to the blocks that have changed."""
        for block, copy in self._copies:
            if not np.array_equal(block, copy):
                block[...] = copy


def _shared_block(value: Any) -> npt.NDArray[np.uint8] | None:
    """Return the whole block of shared memory behind a tensor or array.

    Parameters
    ----------
    value : torch.Tensor or numpy.ndarray
        A view of any part of the block.

    Returns
    -------
    numpy.ndarray or None
        The block itself, uint8 of shape (bytes,); None for memory that is private,
        read-only or not contiguous.
    """
    if is_a(value, torch.Tensor):
        if value.device.type != "cpu" or not value.is_shared():
            return None
        storage = value.untyped_storage()
        block: npt.NDArray[np.uint8] = (
            torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
        )
        return block
    while is_a(value.base, np.ndarray):
        value = value.base
    if not is_a(value.base, (mmap.mmap, memoryview, ctypes.Array)):
        return None
    if not value.flags.writeable or not value.flags.c_contiguous:
        return None
    return value.reshape(-1).view(np.uint8)  # type: ignore[no-any-return]
