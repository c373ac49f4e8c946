"""Seeds in constructors are noted, and no library fails because of that."""

import random
import sys
import types

import pytest

from dejabatch.observe.seedings import noting_seeds

SEED = random.seed


class Seeds:
    def __init__(self):
        random.seed(3)


def compiled():
    """Make an object as numba does, which knows the original functions only."""
    if random.seed is not SEED:
        raise LookupError
    return "made"


def test_the_seeding_function_is_restored():
    made, _ = noting_seeds(Seeds)
    assert isinstance(made, Seeds)
    assert random.seed is SEED


def test_a_loader_whose_code_numba_compiles_is_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", types.ModuleType("numba"))
    made, _ = noting_seeds(compiled)
    assert made == "made"


def test_an_exception_without_numba_is_raised_at_once(monkeypatch):
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    with pytest.raises(LookupError):
        noting_seeds(compiled)
