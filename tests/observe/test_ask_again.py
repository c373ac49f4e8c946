"""A stream depends on a generator if another state gives other samples."""

import pytest

from dejabatch.observe.experiments.ask_again import _are_others

EXPECTED = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"]


@pytest.mark.parametrize(
    ("made", "are_others"),
    [
        ([b"a", b"b", b"c", b"d"], True),
        ([b"0", b"1", b"c", b"d", b"e", b"f", b"g", b"h"], True),  # equal by chance
        (EXPECTED[::-1], False),  # only another order
        ([*EXPECTED[:3], b"d", b"e", b"f", b"g", b"h"], False),
    ],
)
def test_few_samples_may_be_equal_by_chance(made, are_others):
    assert _are_others(made, EXPECTED) is are_others
