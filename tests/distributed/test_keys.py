"""Counts of what ranks have in common, without processes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejabatch.distributed.keys import (
    ALL,
    Keys,
    hash_digests,
    hash_indices,
    indices_of,
    keys_of,
    overlap,
)

INDICES = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20)


def keys(indices, most=1000):
    return keys_of(hash_indices(np.array(indices, np.int64)), most)


@given(INDICES)
def test_hashes_of_indices_can_be_inverted(indices):
    assert indices_of(hash_indices(np.array(indices, np.int64))).tolist() == indices


@given(st.lists(st.lists(st.integers(0, 30)), min_size=1, max_size=5))
def test_counts_are_exact_if_all_keys_are_kept(parts):
    seen = overlap([keys(part) for part in parts])
    everything = [index for part in parts for index in part]
    sets = [set(part) for part in parts]
    assert seen.exact
    assert seen.distinct == len(set(everything))
    assert seen.repeated == len(everything) - len(set(everything))
    assert seen.shared == sum(sum(i in s for s in sets) > 1 for i in set(everything))
    assert seen.never(31) == 31 - len(set(everything))


def test_packed_keys_have_nine_bytes_each_and_come_back():
    packed = keys([5, 5, 9]).pack()
    back = Keys.unpack(packed)
    assert len(packed[0]) + len(packed[1]) == 18
    assert sorted(indices_of(back.hashes).tolist()) == [5, 9]
    assert (sorted(back.counts.tolist()), back.bound) == ([1, 2], ALL)


def test_a_rank_with_few_samples_keeps_all_and_another_sets_the_threshold():
    large, small = keys(range(10_000), 100), keys(range(50), 100)
    assert (large.bound < ALL, small.bound) == (True, ALL)
    seen = overlap([large, small])
    assert not seen.exact
    assert seen.distinct == pytest.approx(10_000, rel=0.3)
    assert seen.say(seen.distinct).startswith("about ")


def test_digests_with_one_content_have_one_hash():
    digests = np.array([[1] * 16, [2] * 16, [1] * 16], np.uint8)
    one, other, again = hash_digests(digests)
    assert one == again
    assert one != other


def test_estimates_for_4096_ranks():
    """2 % of the samples of 4096 ranks are also on the next rank."""
    ranks, samples, most = 4096, 500, 32
    own = np.arange(ranks * samples).reshape(ranks, samples)
    own[:, :10] = np.roll(own, -1, axis=0)[:, -10:]
    seen = overlap([keys(part, most) for part in own])
    shared = seen.shared / seen.distinct
    assert shared == pytest.approx(10 / 490, rel=0.1)
    assert seen.distinct == pytest.approx(ranks * 490, rel=0.02)
    assert seen.never(ranks * samples) == pytest.approx(ranks * 10, rel=0.35)
