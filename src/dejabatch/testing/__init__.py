"""Assertions about loaders, for test suites."""

from dejabatch.testing.assertions import (
    assert_covers,
    assert_disjoint,
    assert_epochs_differ,
    assert_healthy,
    assert_independent_workers,
    assert_no_duplicates,
    assert_ranks_disjoint,
    assert_same_for_num_workers,
)
from dejabatch.testing.resuming import (
    Position,
    assert_resumable,
    assert_run_resumable,
)

__all__ = [
    "Position",
    "assert_covers",
    "assert_disjoint",
    "assert_epochs_differ",
    "assert_healthy",
    "assert_independent_workers",
    "assert_no_duplicates",
    "assert_ranks_disjoint",
    "assert_resumable",
    "assert_run_resumable",
    "assert_same_for_num_workers",
]
