"""Find the torch DataLoader inside the loaders of other libraries."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader


def unwrap(loader: object) -> DataLoader[Any]:
    """Return the DataLoader that makes a loader's batches.

    Parameters
    ----------
    loader : object
        A DataLoader, or what accelerate, Lightning Fabric or webdataset made of one.

    Returns
    -------
    torch.utils.data.DataLoader
        The innermost one. What its wrapper does with finished batches, such as moving
        them to a device, is not seen.

    Raises
    ------
    TypeError
        If there is none in it, or several. The message says what to do.
    """
    inner: Any = loader
    while (inside := _inside(inner)) is not None:
        inner = inside
    if isinstance(inner, DataLoader):
        return inner
    if several := getattr(inner, "flattened", None):
        msg = (
            f"loader is a {type(inner).__qualname__} of {len(several)} loaders: audit each "
            "of loader.flattened"
        )
        raise TypeError(msg)
    msg = (
        "loader must be a torch.utils.data.DataLoader or a function without arguments "
        f"that returns one, not {type(inner).__qualname__}"
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
