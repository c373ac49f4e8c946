"""The user's expectations of a loader, which the loader itself does not show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Your expectations of a loader. None, the default, stands for "not known".

    Attributes
    ----------
    replacement : bool or None
        Whether the sampler may draw an index several times in an epoch and leave others
        out.
    repeats : bool or None
        Whether different indices may have the same sample; for a stream, whether its
        workers may draw from the same samples.
    deterministic : bool or None
        Whether an index is to give the same sample in every epoch, as in validation. A
        random sample is an error if True, and a fixed augmentation if False.
    fixed_order : bool or None
        Whether every epoch is to have the same order.
    same_data : sequence of sequence of int, tuple, or None
        The ranks that hold parts of one model and are to read the same data, in groups
        such as ``[[0, 1], [2, 3]]``; ranks of different groups are to read different
        data. Or a tuple of a :class:`~torch.distributed.device_mesh.DeviceMesh` and the
        name, or names, of its dimensions along which data is to differ, such as
        ``(mesh, "dp")``. None stands for no such groups.

    Raises
    ------
    TypeError
        If a value is of another type.
    ValueError
        If a rank is in two groups of `same_data`, or if the mesh has no such dimension.

    Examples
    --------
    >>> import dejabatch
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(range(4), sampler=[0, 1, 2, 2])
    >>> dejabatch.audit(loader).ok  # it may be meant
    True
    >>> expect = dejabatch.Expect(replacement=False)
    >>> [finding.slug for finding in dejabatch.audit(loader, expect=expect).findings]
    ['sampler-repeats-indices']

    Two models of two ranks each:

    >>> dejabatch.Expect(same_data=[[0, 1], [2, 3]]).same_data
    ((0, 1), (2, 3))
    """

    replacement: bool | None = None
    repeats: bool | None = None
    deterministic: bool | None = None
    fixed_order: bool | None = None
    same_data: Any = None

    def __post_init__(self) -> None:
        """Validate the values, and turn `same_data` into a tuple of tuples of int."""
        for name in ("replacement", "repeats", "deterministic", "fixed_order"):
            value = getattr(self, name)
            if not (value is None or isinstance(value, bool)):
                msg = f"Expect: {name} must be True, False or None, not {value!r}"
                raise TypeError(msg)
        if self.same_data is not None:
            object.__setattr__(self, "same_data", _groups(self.same_data))


def _groups(given: Any) -> tuple[tuple[int, ...], ...]:
    """Return groups of ranks, sorted, from the ways in which a user may give them."""
    if isinstance(given, tuple) and given and hasattr(given[0], "mesh_dim_names"):
        given = _groups_of_mesh(*given)
    try:
        groups = [tuple(sorted(group)) for group in given]
        right = all(type(rank) is int for group in groups for rank in group)
    except TypeError:
        right = False
    if not right:
        msg = (
            "Expect: same_data must be groups of ranks, such as [[0, 1], [2, 3]], or a "
            f"DeviceMesh with the name of its data dimension, not {given!r}"
        )
        raise TypeError(msg)
    ranks = [rank for group in groups for rank in group]
    if len(set(ranks)) < len(ranks):
        twice = next(rank for rank in ranks if ranks.count(rank) > 1)
        msg = f"Expect: same_data has rank {twice} twice"
        raise ValueError(msg)
    return tuple(sorted(filter(None, groups)))


def _groups_of_mesh(mesh: Any, names: str | Sequence[str] = ()) -> Iterable[list[int]]:
    """Return the ranks of a mesh that differ in none of the named dimensions."""
    wanted = (names,) if isinstance(names, str) else tuple(names)
    known = mesh.mesh_dim_names or ()
    if not wanted or not set(wanted) <= set(known):
        msg = f"Expect: same_data: the mesh has the dimensions {known}, not {wanted}"
        raise ValueError(msg)
    data = [known.index(name) for name in wanted]
    others = [axis for axis in range(len(known)) if axis not in data]
    ranks = mesh.mesh.permute(*data, *others).flatten(0, len(data) - 1)
    return cast("list[list[int]]", ranks.reshape(len(ranks), -1).tolist())
