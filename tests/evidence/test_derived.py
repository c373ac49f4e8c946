"""Facts derived from hand-made observations."""

import numpy as np
import pytest
from observations import (
    answers,
    epochs,
    facts,
    fetch,
    observation,
    pair,
    random_answers,
    streams,
    worker_runs,
)

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import changed
from dejabatch.evidence.facts import complete_epochs, iterable_style, map_style
from dejabatch.evidence.generators import repeated, reseeded_globals
from dejabatch.evidence.labels import grouped_labels
from dejabatch.evidence.orders import empty_epochs, repeated_order, streams_coincide
from dejabatch.findings import CannotTell
from dejabatch.observe.record import EpochEnd

SHUFFLED = np.random.default_rng(0).permutation(16).tolist()
PLACES = [(epoch, worker) for epoch in range(2) for worker in range(2)]


def derived(derive, seen):
    return Evidence(seen).of(derive)


@pytest.mark.parametrize(
    ("states", "axes"),
    [
        (dict.fromkeys(PLACES, ("a", "b")), {"worker", "epoch"}),
        ({(e, w): (f"a{e}", f"b{e}") for e, w in PLACES}, {"worker"}),
        ({(e, w): (f"a{w}", f"b{w}") for e, w in PLACES}, {"epoch"}),
        ({(e, w): (f"a{e}{w}", f"b{e}{w}") for e, w in PLACES}, None),
        (dict.fromkeys(PLACES, ("a", "a")), None),
    ],
    ids=["both", "worker", "epoch", "neither", "never drawn from"],
)
def test_generators_repeat_along_axes(states, axes):
    found = derived(repeated, worker_runs("dataset.rng", states))
    assert found == ({} if axes is None else {"dataset.rng": axes})


def test_one_worker_in_two_epochs_with_one_order_is_undecided():
    states = {(epoch, 0): ("a", "b") for epoch in range(2)}
    indices = {key: [0, 1] for key in states}
    seen = worker_runs("dataset.rng", states, indices=indices)
    with pytest.raises(CannotTell, match="or is seeded for each sample"):
        derived(repeated, seen)
    depends = random_answers("dataset.rng")
    seen = worker_runs("dataset.rng", states, indices=indices, answers=depends)
    assert derived(repeated, seen) == {"dataset.rng": {"epoch"}}


def test_global_generators_by_axis():
    seen = worker_runs("torch", {(e, w): (f"a{w}", f"b{w}") for e, w in PLACES})
    assert derived(reseeded_globals, seen) == {"worker": [], "epoch": ["torch"]}


def test_repeated_order_is_returned_unless_it_ascends():
    assert derived(repeated_order, observation(epochs([SHUFFLED] * 2))).tolist() == (
        SHUFFLED
    )
    assert derived(repeated_order, observation(epochs([range(16)] * 2))) is None
    # As of one rank of several, which starts over at its end.
    padded = [*range(2, 14), 0, 1]
    assert derived(repeated_order, observation(epochs([padded] * 2))) is None


def test_orders_are_compared_as_far_as_both_were_read():
    seen = observation(epochs([SHUFFLED, SHUFFLED[:12]]))
    assert derived(repeated_order, seen).tolist() == SHUFFLED[:12]


def test_only_an_epoch_after_a_full_one_is_empty():
    ends = [EpochEnd(epoch, True) for epoch in range(3)]
    assert derived(empty_epochs, observation(epochs([range(8)]), ends=ends)) == [1, 2]
    assert derived(empty_epochs, observation(ends=ends)) == []


def test_streams_of_one_class_coincide_if_all_samples_do():
    stream = facts(map_style=False)

    def seen(samples, kind=stream):
        return observation(streams(samples), facts=kind)

    assert derived(streams_coincide, pair(seen("abc"), seen("abc")))
    assert not derived(streams_coincide, pair(seen("abc"), seen("abe")))
    assert not derived(streams_coincide, pair(seen("aaa"), seen("aaa")))
    assert not derived(
        streams_coincide, pair(seen("abc", facts()), seen("abc", facts()))
    )


@pytest.mark.parametrize(
    ("labels", "grouped"),
    [
        ([[0] * 8, [1] * 8, [2] * 8], True),
        ([[0] * 4, [1] * 4], False),  # by chance once in 64
        ([[0, 1] * 4, [1, 0] * 4], False),
        ([[0] * 63 + [1], [0] * 64], False),  # one label is nearly all there is
    ],
    ids=["grouped", "few", "alternating", "rare"],
)
def test_labels_are_grouped_beyond_chance(labels, grouped):
    batches = [
        fetch(range(len(batch)), batch=number, labels=batch)
        for number, batch in enumerate(labels)
    ]
    assert (derived(grouped_labels, observation(batches)) is not None) == grouped


def test_shortest_path_of_a_kind_is_where_it_changed():
    seen = answers(
        changed_objects={"dataset.a.b": "array", "dataset.c": "value", "d.e": "array"}
    )
    assert changed(seen, "array") == "d.e"
    assert changed(seen, "array", "value") == "d.e"
    assert changed(seen, "cache") is None


def test_facts_say_why_a_check_does_not_apply():
    stream = observation(facts=facts(map_style=False))
    with pytest.raises(CannotTell, match="the dataset is iterable"):
        map_style(stream)
    with pytest.raises(CannotTell, match="the dataset is not iterable"):
        iterable_style(observation())
    with pytest.raises(CannotTell, match="could not be made"):
        map_style(observation(facts=None))
    with pytest.raises(CannotTell, match="to its end"):
        complete_epochs(observation(epochs([range(4)]), complete=False))
