"""Read attributes of the user's objects."""

from __future__ import annotations

from typing import Any


def attribute(value: object, name: str, default: Any = None) -> Any:
    """Return an attribute, or a default if reading the attribute raises.

    An own ``__getattr__`` may raise any exception for a name that it does not know.
    """
    try:
        return getattr(value, name, default)
    except Exception:  # noqa: BLE001 - the code is the user's
        return default
