"""Find the torch DataLoader inside the loaders of other libraries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.utils.data import DataLoader, Dataset


def unwrap(loader: object) -> DataLoader[Any] | Iterable[Any]:
    """Return the DataLoader that makes a loader's batches.

    Parameters
    ----------
    loader : object
        A DataLoader, what accelerate, Lightning Fabric or webdataset made of one, or any
        other iterable of batches.

    Returns
    -------
    torch.utils.data.DataLoader or iterable
        The innermost DataLoader; `loader` itself if there is none. What a wrapper does
        with finished batches, such as moving them to a device, is not seen.

    Raises
    ------
    TypeError
        If it is no loader, or several. The message says what to do.
    """
    inner: Any = loader
    while (inside := _inside(inner)) is not None:
        inner = inside
    if isinstance(inner, DataLoader):
        return inner
    name = type(inner).__qualname__
    if several := getattr(inner, "flattened", None):
        msg = f"loader is a {name} of {len(several)} loaders: audit each of loader.flattened"
        raise TypeError(msg)
    if isinstance(inner, Dataset):
        msg = f"loader is the dataset {name}: pass a DataLoader of it"
        raise TypeError(msg)
    if isinstance(inner, Iterable) and not isinstance(inner, (str, bytes, type)):
        return inner
    msg = (
        "loader must be a torch.utils.data.DataLoader, another iterable of batches, or a "
        f"function without arguments that returns one, not {name}"
    )
    raise TypeError(msg)


def _inside(loader: Any) -> Any:
    """Return what a wrapper wraps, or None."""
    attributes = getattr(loader, "__dict__", {})
    # accelerate's DataLoaderShard and DataLoaderDispatcher; Fabric's _FabricDataLoader.
    for name in ("base_dataloader", "_dataloader"):
        if name in attributes:
            return attributes[name]
    # webdataset's WebLoader is a pipeline that begins with the DataLoader.
    pipeline = attributes.get("pipeline")
    if isinstance(pipeline, list) and pipeline and isinstance(pipeline[0], DataLoader):
        return pipeline[0]
    return None
