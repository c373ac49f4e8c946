"""Make a loader deliver the dataset's indices beside each batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from dejabatch.loaders import unwrap


@dataclass(frozen=True, slots=True)
class IndexedBatch:
    """A batch, and the dataset's indices from which it was made.

    Attributes
    ----------
    indices : tuple of object
        The sampler's indices, one for each sample.
    batch : object
        The batch of the loader's own ``collate_fn``.
    """

    indices: tuple[Any, ...]
    batch: Any


def deliver_indices(loader: Any) -> bool:
    """Replace a loader's dataset and ``collate_fn``, so that it yields `IndexedBatch`.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        A DataLoader, or a wrapper of one. It must not have been iterated yet.

    Returns
    -------
    bool
        Whether the loader yields `IndexedBatch` from now on. False if its dataset is
        iterable, or if it is not a DataLoader: the loader is then unchanged.
    """
    inner = unwrap(loader)
    if not isinstance(inner, DataLoader) or isinstance(inner.dataset, IterableDataset):
        return False
    for one in {id(each): each for each in (loader, inner)}.values():
        if isinstance(one, DataLoader):
            # The loader's __setattr__ forbids to change the dataset.
            one.__dict__["dataset"] = _indexed(one.dataset)
            one.__dict__["collate_fn"] = _Collate(
                one.collate_fn, batched=one.batch_sampler is not None
            )
    return True


@dataclass(frozen=True, slots=True)
class _Sample:
    index: Any
    sample: Any


def _indexed(dataset: Any) -> _Indexed:
    together = callable(getattr(dataset, "__getitems__", None))
    return (_IndexedTogether if together else _Indexed)(dataset)


class _Indexed:
    """A dataset whose samples know their index, and which is otherwise the same object.

    Attributes are read from the dataset and stored in it, since a ``worker_init_fn`` may
    do either with ``get_worker_info().dataset``.
    """

    def __init__(self, dataset: Any) -> None:
        object.__setattr__(self, "_dataset", dataset)

    def __getitem__(self, index: Any) -> _Sample:
        return _Sample(index, self._dataset[index])

    def __len__(self) -> int:
        return len(self._dataset)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_dataset"), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._dataset, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _indexed, (self._dataset,)


class _IndexedTogether(_Indexed):
    """The same for a dataset that makes the samples of a batch together."""

    def __getitems__(self, indices: Sequence[Any]) -> list[_Sample]:
        samples = self._dataset.__getitems__(indices)
        return [
            _Sample(index, sample)
            for index, sample in zip(indices, samples, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Collate:
    collate_fn: Callable[[Any], Any]
    batched: bool

    def __call__(self, samples: Any) -> IndexedBatch:
        if not self.batched:
            return IndexedBatch((samples.index,), self.collate_fn(samples.sample))
        indices = tuple(one.index for one in samples)
        return IndexedBatch(indices, self.collate_fn([one.sample for one in samples]))
