"""Send objects to a process that shares no memory with this one."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cloudpickle  # type: ignore[import-untyped]  # it has no types
import torch
from torch.utils.data.dataloader import _BaseDataLoaderIter

from dejabatch.state.attributes import attribute
from dejabatch.state.generators import get_state, global_rngs, set_state

_DEEPEST: Final = 8
# A program's number for all workers is small; larger tensors could fill /dev/shm.
_MOST_SHARED_BYTES: Final = 1 << 16


class StoppedIterator:
    """Stands for a running iterator of a loader, whose workers stay where they are."""


class Unpicklable(ValueError):
    """An object cannot be pickled. The message names the attribute that prevents it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A pickled object with the states of this process's global random generators.

    Tensors are copied: the pickles of multiprocessing would share their memory. The copy
    of a small tensor in shared memory is in shared memory of its own.

    Attributes
    ----------
    content : bytes
        The pickle.
    """

    content: bytes

    @classmethod
    def of(cls, value: object, name: str = "loader") -> Packed:
        """Pickle an object by reference to its modules, or else by its code.

        Parameters
        ----------
        value : object
            The object.
        name : str
            The first part of the paths in error messages.

        Raises
        ------
        Unpicklable
            If an attribute cannot be pickled.
        """
        states = {key: get_state(rng) for key, rng in global_rngs().items()}
        errors = []
        picklers = (_ByCode,) if _main_is_interactive() else (_ByReference, _ByCode)
        for pickler in picklers:
            file = io.BytesIO()
            try:
                # The modules of `value` are imported before generators get their states.
                pickler(file, pickle.HIGHEST_PROTOCOL).dump((value, states))
            except Exception as error:  # noqa: BLE001 - pickling runs any code
                errors.append(error)
            else:
                return cls(file.getvalue())
        path, reason = _culprit(name, value, _DEEPEST) or (name, str(errors[-1]))
        msg = (
            f"{path}: it cannot be pickled ({reason}), and without fork a loader is read "
            "in a new process. Make this object when the first sample is made, or pass a "
            "function that makes the loader and all that it needs"
        )
        raise Unpicklable(msg)

    def open(self) -> Any:
        """Return a copy of the object, and set the global generators."""
        value, states = pickle.loads(self.content)
        found = global_rngs()
        for key in states.keys() & found.keys():
            set_state(found[key], states[key])
        return value


def _is_small_and_shared(tensor: torch.Tensor) -> bool:
    if tensor.device.type != "cpu" or tensor.layout is not torch.strided:
        return False
    if tensor.requires_grad:
        return False
    # The method has no types in torch.
    is_shared: bool = tensor.is_shared()  # type: ignore[no-untyped-call]
    return is_shared and tensor.nbytes <= _MOST_SHARED_BYTES


class _Copies:
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _BaseDataLoaderIter):
            return StoppedIterator, ()
        if type(value) is torch.Tensor and _is_small_and_shared(value):
            return torch.Tensor.share_memory_, (value.detach().clone(),)
        inherited: Any = getattr(super(), "reducer_override", None)
        return NotImplemented if inherited is None else inherited(value)


class _ByReference(_Copies, pickle.Pickler):
    pass


class _ByCode(_Copies, cloudpickle.Pickler):  # type: ignore[misc]  # as above
    pass


def _main_is_interactive() -> bool:
    """Return whether the main module is a notebook or a prompt, which has no file."""
    return not hasattr(sys.modules["__main__"], "__file__")


def _culprit(path: str, value: object, deepest: int) -> tuple[str, str] | None:
    """Return the path of the innermost part that cannot be pickled, and the reason."""
    try:
        _ByCode(io.BytesIO(), pickle.HIGHEST_PROTOCOL).dump(value)
    except Exception as error:  # noqa: BLE001 - pickling runs any code
        reason = str(error)
    else:
        return None
    for name, part in _parts(value) if deepest else ():
        if (found := _culprit(path + name, part, deepest - 1)) is not None:
            return found
    return path, reason


def _parts(value: Any) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"[{number}]", part) for number, part in enumerate(value)]
    attributes: Mapping[str, object] = attribute(value, "__dict__", {})
    return [(f".{name}", part) for name, part in attributes.items()]
