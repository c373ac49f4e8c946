"""Observations for the checks of section 3_order, and for no-set-epoch."""

import numpy as np
from observations import (
    answers,
    digest,
    epochs,
    facts,
    fetch,
    observation,
    pair,
    random_answers,
)

from dejabatch import Expect
from dejabatch.observe.record import BLANK, BegunTwice, Draws, EpochEnd, NestedSubset

ORDER = list(range(16))
SHUFFLED = np.random.default_rng(0).permutation(16).tolist()
OTHERWISE = np.random.default_rng(1).permutation(16).tolist()
TWICE = [0, 0, 1, 1, *range(2, 14)]
# The batches of SHUFFLED, in another order.
MOVED = [*SHUFFLED[8:], *SHUFFLED[:8]]
MANY_TWICE = [0, 0, 0, 1, 1, *range(2, 13)]
WHOLE = EpochEnd(0, True)


def read(*orders, **changes):
    return observation(epochs(orders), **changes)


def stored(contents, order=ORDER, *, epochs=2, **changes):
    """Return epochs in this order, whose samples have these contents by index."""
    changes.setdefault("answers", answers())
    orders = [ORDER, order][:epochs]
    return observation(
        [
            fetch(
                [contents[i] for i in one],
                epoch=epoch,
                indices=one,
                contents=[contents[i] for i in one],
            )
            for epoch, one in enumerate(orders)
        ],
        **changes,
    )


def drawn_from_few(*epochs_of_contents, **changes):
    """Return epochs in which each index has another content each time."""
    fetches = [
        fetch(contents, epoch=epoch, indices=ORDER, contents=contents)
        for epoch, contents in enumerate(epochs_of_contents)
    ]
    return observation(fetches, answers=random_answers("torch"), **changes)


def named(names, **changes):
    """Return two epochs of random images, each with a fixed name."""
    return observation(
        [
            fetch(
                [(epoch, i) for i in ORDER],
                epoch=epoch,
                indices=ORDER,
                parts={"['image']": [(epoch, i) for i in ORDER], "['name']": names},
            )
            for epoch in range(2)
        ],
        answers=random_answers("torch", fixed_parts=("['name']",)),
        **changes,
    )


def drawn_in_order(length, sampler="mine.Batches"):
    """Return epochs with the first indices of sixteen, in batches of four."""
    order = np.arange(length)
    return read(
        order.tolist(),
        order.tolist(),
        facts=facts(sampler=sampler),
        draws=Draws((order,) * 4, complete=True),
    )


def leaves_out(*never, held, epochs=24):
    """Return epochs that leave out others each time, and some indices always."""
    drawn = []
    for number in range(epochs):
        order = np.random.default_rng(number).permutation(16)
        drawn.append(order[~np.isin(order, [*never, number % 12])])
    return read(
        drawn[0].tolist(),
        drawn[1].tolist(),
        facts=facts(sampler="mine.Buckets"),
        draws=Draws(tuple(drawn), complete=True, held=np.array(held)),
    )


def delivers(
    batches,
    *,
    inside=(ORDER, ORDER),
    states=("one", "other"),
    sampler_epoch=None,
    num_batches=None,
    **changes,
):
    """Return a loader of an `__iter__` of its own, which delivers these batches."""
    fetches = [
        fetch(
            [content], epoch=epoch, batch=batch, census={"torch": digest(states[epoch])}
        )
        for epoch, contents in enumerate(batches)
        for batch, content in enumerate(contents)
    ]
    ends = [
        EpochEnd(epoch, True, states_before={"torch": digest(f"before {epoch}")})
        for epoch in range(len(batches))
    ]
    outer = facts(map_style=False, data_loader=False, num_batches=num_batches)
    delivered = observation(fetches, ends=ends, facts=outer)
    own = facts(own_iter=True, sampler_epoch=sampler_epoch)
    return read(*inside, delivered=delivered, facts=own, **changes)


def numbered(contents, loader):
    """Return samples whose small parts are those of this loader alone."""
    samples = [(loader, number) for number in range(len(contents))]
    indices = range(len(contents))
    return observation([fetch(samples, indices=indices, contents=contents)])


def blank_beside(own):
    """Return four blank samples, and twelve that are this loader's own."""
    samples = ["blank" if i < 4 else (own, i) for i in ORDER]
    contents = [BLANK if i < 4 else (own, i) for i in ORDER]
    return observation([fetch(samples, indices=ORDER, contents=contents)])


def nested(indices, inner_indices):
    subset = NestedSubset(
        "dataset.indices",
        np.array(indices, np.int64),
        np.array(inner_indices, np.int64),
    )
    return read(ORDER, nested_subsets=(subset,))


def grouped(labels, **changes):
    """Return batches of four samples with these labels."""
    return observation(
        [
            fetch(
                [(batch, i) for i in range(4)],
                batch=batch,
                indices=range(4 * batch, 4 * batch + 4),
                labels=labels[4 * batch : 4 * batch + 4],
            )
            for batch in range(len(labels) // 4)
        ],
        **changes,
    )


SORTED = [label for label in range(12) for _ in range(4)]
MIXED = np.random.default_rng(0).permutation(SORTED).tolist()
# Every third index below 300, and of these again every index below 100.
INNER = list(range(0, 300, 3))


def cycled(passed=ORDER, *, dataset="itertools.cycle", **changes):
    """Return two passes over `passed`, in batches of four."""
    kind = facts(map_style=False, data_loader=False, dataset=dataset)
    batches = [passed[4 * (i % 4) :][:4] for i in range(8)]
    fetches = [fetch(batch, batch=i) for i, batch in enumerate(batches)]
    return observation(fetches, facts=kind, **changes)


BROKEN = {
    "batches of itertools.cycle": (
        "itertools-cycle",
        cycled(rebuilt=cycled(SHUFFLED)),
        ("error", "loader"),
        "repeats the first 4 batches; when the loader is made again, it has others",
    ),
    "a wrapper that holds a cycle": (
        "itertools-cycle",
        read(ORDER, facts=facts(own_iter=True, shuffled_cycles=("unlabelled",))),
        ("warning", "loader.unlabelled"),
        "over a DataLoader that shuffles",
    ),
    "one pass of itertools.cycle": (
        "itertools-cycle",
        cycled(),
        ("warning", "loader"),
        "itertools.cycle repeats the first 4 batches",
    ),
    "a list of indices that is reused": (
        "batch-sampler-reuses-its-list",
        read(
            ORDER,
            facts=facts(num_workers=2, sampler_path="batch_sampler"),
            ends=[EpochEnd(0, True, list_reused=True)],
        ),
        ("error", "batch_sampler"),
        "yields one object again and again",
    ),
    "a weight for each class": (
        "class-weights-as-sample-weights",
        read(ORDER, facts=facts(num_weights=3)),
        ("error", "sampler.weights"),
        "3 weights for 16 samples, so that only indices 0 to 2",
    ),
    "no full batch": (
        "drop-last",
        observation(facts=facts(drop_last=True), ends=[WHOLE]),
        ("error", "drop_last"),
        "fewer samples than batch_size",
    ),
    "workers that each drop a batch": (
        "drop-last",
        observation(
            [
                fetch([(worker, i) for i in range(3)], batch=worker, worker=worker)
                for worker in range(2)
            ],
            facts=facts(drop_last=True, map_style=False, num_workers=2),
        ),
        ("error", "drop_last"),
        "6 of 6 samples are dropped in each epoch, because each of 2 workers",
    ),
    "an iterator as the sampler": (
        "one-shot-sampler",
        read(ORDER, facts=facts(one_shot=True, sampler="builtins.range_iterator")),
        ("error", "sampler"),
        "a builtins.range_iterator, which has one pass",
    ),
    "an empty second epoch": (
        "one-shot-sampler",
        read(ORDER, ends=[WHOLE, EpochEnd(1, True)]),
        ("error", "sampler"),
        "epoch 1, counted from 0, has no batch",
    ),
    "an order drawn at construction": (
        "order-fixed-at-construction",
        read(SHUFFLED, SHUFFLED, rebuilt=read(OTHERWISE)),
        ("error", "sampler"),
        "2 epochs have the same 16 indices",
    ),
    "a fixed order, said to vary": (
        "order-fixed-at-construction",
        read(SHUFFLED, SHUFFLED, expect=Expect(fixed_order=False)),
        ("error", "sampler"),
        "2 epochs have the same 16 indices",
    ),
    "samples shuffled at construction": (
        "order-fixed-at-construction",
        stored(ORDER, rebuilt=stored(SHUFFLED, epochs=1)),
        ("warning", "dataset.__init__"),
        "change places when the loader is made again",
    ),
    "the beginning of a long list shuffled at construction": (
        "order-fixed-at-construction",
        stored(ORDER, rebuilt=stored([*SHUFFLED[:10], *range(90, 96)], epochs=1)),
        ("warning", "dataset.__init__"),
        "indices change places",
    ),
    "random samples with names that are shuffled at construction": (
        "order-fixed-at-construction",
        named(ORDER, rebuilt=named(SHUFFLED)),
        ("warning", "dataset.__init__"),
        "part ['name'] of the samples of",
    ),
    "samples shuffled at construction, said to vary": (
        "order-fixed-at-construction",
        stored(
            ORDER,
            rebuilt=stored(SHUFFLED, epochs=1),
            expect=Expect(fixed_order=False),
        ),
        ("error", "dataset.__init__"),
        "every epoch has the same order",
    ),
    "a last batch that is never drawn": (
        "sampler-repeats-indices",
        drawn_in_order(13),
        ("note", "sampler"),
        "every epoch has the indices 0 to 12, and the last 3 of 16 are in no batch",
    ),
    "groups that are never drawn": (
        "sampler-repeats-indices",
        leaves_out(13, 14, held=range(16)),
        ("warning", "sampler"),
        "81% or more of the 16 indices each, and none draws 2 of them, such as 13",
    ),
    "indices that the sampler does not know": (
        "sampler-repeats-indices",
        leaves_out(13, 14, held=range(12)),
        ("note", "sampler"),
        "none draws 2 of them",
    ),
    "batches cut at construction": (
        "order-fixed-at-construction",
        read(SHUFFLED, MOVED, rebuilt=read(OTHERWISE)),
        ("warning", "sampler"),
        "4 batches hold the same indices in every epoch",
    ),
    "an epoch as long as the dataset drawn with replacement": (
        "sampler-repeats-indices",
        read(TWICE, facts=facts(draws_with_replacement=True)),
        ("warning", "sampler"),
        "indices more than once",
    ),
    "indices drawn twice, said to be drawn once": (
        "sampler-repeats-indices",
        read(TWICE, expect=Expect(replacement=False)),
        ("error", "sampler"),
        "an epoch of 16 samples has 2 indices more than once and leaves out 2 of 16",
    ),
    "a last batch that is filled, said to be drawn once": (
        "sampler-repeats-indices",
        read([*ORDER, 0, 1], expect=Expect(replacement=False)),
        ("error", "sampler"),
        "an epoch of 18 samples has 2 indices more than once",
    ),
    "batches that share as many indices with each next one": (
        "sampler-repeats-indices",
        observation(
            [
                fetch(range(3 * b, 3 * b + 4), batch=b, indices=range(3 * b, 3 * b + 4))
                for b in range(5)
            ],
            facts=facts(sampler="mine.Batches", length=24),
        ),
        ("warning", "sampler"),
        "an epoch of 20 samples has 4 indices more than once",
    ),
    "an evaluation without its last samples": (
        "drop-last",
        read(
            ORDER[:12],
            ORDER[:12],
            facts=facts(drop_last=True, length=15),
            expect=Expect(deterministic=True),
        ),
        ("error", "drop_last"),
        "3 of 15 samples come in no epoch",
    ),
    "indices of the whole dataset": (
        "subset-of-a-subset",
        nested(INNER[:33], INNER),
        ("error", "dataset.indices"),
        "needs positions in that subset",
    ),
    "indices that are not positions": (
        "subset-of-a-subset",
        nested([297], INNER),
        ("error", "dataset.indices"),
        "needs positions in that subset",
    ),
    "sorted labels of random samples": (
        "sorted-without-shuffle",
        grouped(SORTED, answers=random_answers("torch")),
        ("warning", "sampler"),
        "12 of 12 batches have one label only, of 12 labels",
    ),
    "sorted labels, said to be shuffled": (
        "sorted-without-shuffle",
        grouped(SORTED, expect=Expect(fixed_order=False)),
        ("error", "sampler"),
        "one label only",
    ),
    "sorted labels, of which the last batch is dropped": (
        "sorted-without-shuffle",
        grouped(SORTED, facts=facts(drop_last=True)),
        ("warning", "sampler"),
        "one label only",
    ),
    "a sampler at epoch 0": (
        "no-set-epoch",
        read(SHUFFLED, SHUFFLED, facts=facts(sampler_epoch=0)),
        ("note", "sampler"),
        "set_epoch was not called",
    ),
    "a sampler at epoch 0, said to shuffle": (
        "no-set-epoch",
        read(
            SHUFFLED,
            SHUFFLED,
            facts=facts(sampler_epoch=0),
            expect=Expect(fixed_order=False),
        ),
        ("error", "sampler"),
        "2 epochs have the same order",
    ),
    "indices in both loaders": (
        "samples-in-both-loaders",
        pair(read(ORDER), read(ORDER), common=12, drawn=(16, 14)),
        ("error", "dataset"),
        "12 of the 14 indices of one dataset that this loader draws are also drawn by",
    ),
    "indices drawn twice in a sampler of one's own": (
        "sampler-repeats-indices",
        read(MANY_TWICE, facts=facts(sampler="mine.Sampler")),
        ("warning", "sampler"),
        "an epoch of 16 samples has 2 indices more than once and leaves out 3 of 16",
    ),
    "indices drawn twice beyond the epochs that were read": (
        "sampler-repeats-indices",
        read(
            ORDER[:4],
            complete=False,
            draws=Draws((np.array(MANY_TWICE),), complete=True),
            expect=Expect(replacement=False),
        ),
        ("error", "sampler"),
        "leaves out 3 of 16",
    ),
    "one batch several times": (
        "loader-repeats-batches",
        delivers([[0, 0, 0, 1, 1, 1, 2, 2]]),
        ("warning", "loader.__iter__"),
        "3 of 8 batches of an epoch are different",
    ),
    "one batch alone": (
        "loader-repeats-batches",
        delivers([[0, 0, 0, 0]]),
        ("error", "loader.__iter__"),
        "all 4 batches of an epoch are one and the same",
    ),
    "a last batch that is lost": (
        "loader-repeats-batches",
        delivers([[0, 1, 2], [0, 1, 2]], num_batches=4),
        ("error", "loader.__iter__"),
        "each epoch has 4 batches, as `len(loader)` says, and the loader delivers 3",
    ),
    "one batch several times, of any iterable": (
        "loader-repeats-batches",
        observation(
            [fetch([b // 2], batch=b) for b in range(8)],
            facts=facts(map_style=False, data_loader=False),
        ),
        ("warning", "loader.__iter__"),
        "4 of 8 batches of an epoch are different",
    ),
    "a batch that is lost": (
        "loader-repeats-batches",
        delivers([[0, 1, 2, 2]]),
        ("error", "loader.__iter__"),
        "1 of 4 batches of an epoch come again",
    ),
    "one epoch again": (
        "loader-repeats-batches",
        delivers([[3, 1, 2], [3, 1, 2]], inside=[SHUFFLED, ORDER]),
        ("error", "loader.__iter__"),
        "all 3 batches of the second epoch are those of the first",
    ),
    "the batches of one epoch again, in another order": (
        "loader-repeats-batches",
        delivers([[3, 1, 2], [2, 3, 1]], inside=[SHUFFLED, OTHERWISE]),
        ("error", "loader.__iter__"),
        "all 3 batches of the second epoch are those of the first in another order",
    ),
    "a loader that makes a generator alike": (
        "loader-repeats-batches",
        delivers(
            [[3, 1, 2], [4, 5, 6]], begun_twice=BegunTwice((), ("Masks.__iter__",))
        ),
        ("warning", "loader.__iter__"),
        "Masks.__iter__ makes a generator in the same state in every epoch",
    ),
    "a loader that seeds": (
        "loader-repeats-batches",
        delivers([[3, 1, 2], [1, 3, 2]], states=["seeded", "seeded"]),
        ("error", "loader.__iter__"),
        "torch is in the same state after the first batch of every epoch",
    ),
    "contents in both loaders": (
        "samples-in-both-loaders",
        pair(read(ORDER), read(ORDER[:4])),
        ("warning", "dataset"),
        "4 of the 4 different samples that were read are also in the other",
    ),
    "contents in both loaders under other numbers": (
        "samples-in-both-loaders",
        pair(numbered(ORDER, "a"), numbered(ORDER[:4], "b")),
        ("warning", "dataset"),
        "which gave 16, with other labels, numbers or names",
    ),
}

RIGHT = {
    "a loader that makes a generator alike, as expected": (
        "loader-repeats-batches",
        delivers(
            [[3, 1, 2], [4, 5, 6]],
            begun_twice=BegunTwice((), ("Masks.__iter__",)),
            expect=Expect(deterministic=True),
        ),
    ),
    "indices that two epochs leave out by chance": (
        "sampler-repeats-indices",
        leaves_out(13, held=range(16), epochs=2),
    ),
    "indices that some epochs leave out": (
        "sampler-repeats-indices",
        leaves_out(held=range(16)),
    ),
    "one order of a shuffling sampler with a set_epoch": (
        "reseed-every-epoch",
        read(
            SHUFFLED,
            SHUFFLED,
            facts=facts(shuffles=True, sampler_epoch=0, sampler_has_set_epoch=True),
        ),
    ),
    "the same batches in any pass of itertools.cycle": (
        "itertools-cycle",
        cycled(rebuilt=cycled()),
    ),
    "batches of another iterator": (
        "itertools-cycle",
        cycled(dataset="builtins.generator"),
    ),
    "lists of their own": (
        "batch-sampler-reuses-its-list",
        read(ORDER, facts=facts(num_workers=2)),
    ),
    "a reused list without workers": (
        "batch-sampler-reuses-its-list",
        read(ORDER, ends=[EpochEnd(0, True, list_reused=True)]),
    ),
    "a weight for each sample": (
        "class-weights-as-sample-weights",
        read(ORDER, facts=facts(num_weights=16)),
    ),
    "one dropped batch": ("drop-last", read(ORDER, facts=facts(drop_last=True))),
    "a dropped batch that is another in each epoch": (
        "drop-last",
        read(
            SHUFFLED[:13],
            OTHERWISE[:13],
            facts=facts(drop_last=True),
            expect=Expect(deterministic=True),
        ),
    ),
    "one dropped batch of a stream": (
        "drop-last",
        observation(
            [fetch(range(4), batch=0), fetch(range(4, 7), batch=1)],
            facts=facts(drop_last=True, map_style=False),
        ),
    ),
    "two full epochs": ("one-shot-sampler", read(ORDER, ORDER)),
    "two orders": ("order-fixed-at-construction", read(SHUFFLED, OTHERWISE)),
    "an ascending order": ("order-fixed-at-construction", read(ORDER, ORDER)),
    "sorted by length": (
        "order-fixed-at-construction",
        read(SHUFFLED, SHUFFLED, rebuilt=read(SHUFFLED)),
    ),
    "samples shuffled at construction, and again by the loader": (
        "order-fixed-at-construction",
        stored(ORDER, SHUFFLED, rebuilt=stored(SHUFFLED, epochs=1)),
    ),
    "samples shuffled by a generator of their own": (
        "order-fixed-at-construction",
        stored(ORDER, rebuilt=stored(ORDER, epochs=1)),
    ),
    "samples that are random as a whole": (
        "order-fixed-at-construction",
        stored(ORDER, rebuilt=stored(range(50, 66), epochs=1)),
    ),
    "samples that are drawn from a few contents": (
        "order-fixed-at-construction",
        drawn_from_few(ORDER, SHUFFLED, rebuilt=drawn_from_few(SHUFFLED)),
    ),
    "a first part of the samples for training": (
        "sampler-repeats-indices",
        drawn_in_order(12),
    ),
    "a last batch that torch's sampler drops": (
        "sampler-repeats-indices",
        drawn_in_order(13, sampler="torch.utils.data.sampler.SequentialSampler"),
    ),
    "batches of samples of one length": (
        "order-fixed-at-construction",
        read(SHUFFLED, MOVED, rebuilt=read(MOVED)),
    ),
    "a single batch that another epoch has as well": (
        "order-fixed-at-construction",
        read(SHUFFLED, [*SHUFFLED[:4], *SHUFFLED[:3:-2], *SHUFFLED[-2:3:-2]]),
    ),
    "a fixed order, as expected": (
        "order-fixed-at-construction",
        read(SHUFFLED, SHUFFLED, expect=Expect(fixed_order=True)),
    ),
    "a sampler with set_epoch is reported elsewhere": (
        "order-fixed-at-construction",
        read(SHUFFLED, SHUFFLED, facts=facts(sampler_epoch=0)),
    ),
    "all indices": ("sampler-repeats-indices", read(ORDER)),
    "a wrapper of fewer batches": (
        "loader-repeats-batches",
        delivers([[0, 1, 2], [0, 1, 2]], num_batches=3),
    ),
    "an endless loader": ("loader-repeats-batches", delivers([[0, 1, 2, 0, 1, 2]])),
    "batches that come several times inside": (
        "loader-repeats-batches",
        delivers([[0, 0, 0, 1, 1, 1]], inside=[[0] * 12 + [1] * 12]),
    ),
    "two equal batches": ("loader-repeats-batches", delivers([[0, 1, 1, 2, 3, 4]])),
    "a batch several times, as expected": (
        "loader-repeats-batches",
        delivers([[0, 0, 0, 1, 1, 1]], expect=Expect(repeats=True)),
    ),
    "two epochs that are equal inside": (
        "loader-repeats-batches",
        delivers([[3, 1, 2], [3, 1, 2]], inside=[SHUFFLED, SHUFFLED]),
    ),
    "a loader that draws": (
        "loader-repeats-batches",
        delivers([[3, 1, 2], [1, 3, 2]], states=["drawn", "drawn later"]),
    ),
    "blank samples in two loaders": (
        "samples-in-both-loaders",
        pair(*(blank_beside(own) for own in ("a", "b"))),
    ),
    "templates in two loaders, with texts of their own": (
        "samples-in-both-loaders",
        pair(numbered([0, 0, 0, 1, 1, 2], "a"), numbered([0, 1, 2], "b")),
    ),
    "one sample of many in two loaders": (
        "samples-in-both-loaders",
        pair(read(ORDER), read([0, *range(20, 60)])),
    ),
    "a subset of the indices": ("sampler-repeats-indices", read(ORDER[:12])),
    "all indices and one again": ("sampler-repeats-indices", read([*ORDER, 0])),
    "replacement": (
        "sampler-repeats-indices",
        read(TWICE, facts=facts(replacement=True)),
    ),
    "padding of ranks": (
        "sampler-repeats-indices",
        read(TWICE, facts=facts(num_replicas=2)),
    ),
    "replacement, as expected": (
        "sampler-repeats-indices",
        read(TWICE, expect=Expect(replacement=True)),
    ),
    "positions in the inner subset": (
        "subset-of-a-subset",
        nested(range(0, 100, 2), INNER),
    ),
    "few positions that are indices by chance": (
        "subset-of-a-subset",
        nested([0, 3], INNER),
    ),
    "no subset": ("subset-of-a-subset", read(ORDER)),
    "mixed labels": (
        "sorted-without-shuffle",
        grouped(MIXED, answers=random_answers("torch")),
    ),
    "sorted labels of a shuffling sampler": (
        "sorted-without-shuffle",
        grouped(SORTED, answers=random_answers("torch"), facts=facts(shuffles=True)),
    ),
    "labels that a batch sampler groups in an order that varies": (
        "sorted-without-shuffle",
        grouped(
            SORTED,
            answers=random_answers("torch"),
            draws=Draws((np.arange(48), np.arange(48)[::-1]), complete=True),
        ),
    ),
    "labels that a batch sampler groups anew after set_epoch": (
        "sorted-without-shuffle",
        grouped(
            SORTED,
            answers=random_answers("torch"),
            draws=Draws(
                (np.arange(48),), complete=True, after_set_epoch=np.arange(48)[::-1]
            ),
        ),
    ),
    "sorted labels, as expected": (
        "sorted-without-shuffle",
        grouped(SORTED, expect=Expect(fixed_order=True)),
    ),
    "a loader that sets the epoch itself": (
        "no-set-epoch",
        delivers(
            [[0, 1, 2], [2, 0, 1]],
            inside=(SHUFFLED, SHUFFLED),
            sampler_epoch=0,
        ),
    ),
    "a sampler at a later epoch": (
        "no-set-epoch",
        read(SHUFFLED, SHUFFLED, facts=facts(sampler_epoch=3)),
    ),
    "a sampler without set_epoch": ("no-set-epoch", read(SHUFFLED, SHUFFLED)),
    "a sampler at epoch 0, as expected": (
        "no-set-epoch",
        read(
            SHUFFLED,
            SHUFFLED,
            facts=facts(sampler_epoch=0),
            expect=Expect(fixed_order=True),
        ),
    ),
    "different samples in two loaders": (
        "samples-in-both-loaders",
        pair(read(ORDER[:8]), read(ORDER[8:])),
    ),
    "random samples that are equal by chance": (
        "samples-in-both-loaders",
        pair(read(ORDER), read(ORDER, answers=random_answers("torch")), common=0),
    ),
}

OPEN = {
    "one batch alone, also inside": (
        "loader-repeats-batches",
        delivers([[0, 0, 0, 0]], inside=[[0] * 16]),
        "fewer than three batches that differ",
    ),
    "last batches that are filled": (
        "sampler-repeats-indices",
        read([*ORDER[:-1], 0], facts=facts(sampler="mine.Groups")),
        "1 indices more than once and leaves out 1 of 16",
    ),
    "a loader that may set the epoch": (
        "no-set-epoch",
        delivers([[0, 1, 2]] * 2, inside=(SHUFFLED, SHUFFLED), sampler_epoch=0),
        "may call set_epoch",
    ),
    "a sampler of a library that repeats indices": (
        "sampler-repeats-indices",
        read(
            MANY_TWICE,
            facts=facts(sampler="library.Sampler", sampler_library="library"),
        ),
        r"2 indices more than once.*Expect\(replacement=True\)",
    ),
    "an empty second epoch of a sampler without an end": (
        "one-shot-sampler",
        read(
            ORDER,
            ends=[EpochEnd(0, False), EpochEnd(1, True)],
            draws=Draws((np.array(ORDER),), complete=False),
        ),
        "no epoch with batches was read to its end",
    ),
    "no batch sampler": (
        "batch-sampler-reuses-its-list",
        read(ORDER, facts=facts(batched=False)),
        "no batch sampler",
    ),
    "no weights": ("class-weights-as-sample-weights", read(ORDER), "Weighted"),
    "nothing dropped": ("drop-last", read(ORDER), "not set"),
    "no whole epoch to drop from": (
        "drop-last",
        read(ORDER, complete=False, facts=facts(drop_last=True, map_style=False)),
        "to its end",
    ),
    "a stream without batch_size": (
        "drop-last",
        read(ORDER, facts=facts(drop_last=True, map_style=False, batch_size=None)),
        "no batch_size",
    ),
    "a stream has no sampler": (
        "one-shot-sampler",
        read(ORDER, facts=facts(map_style=False)),
        "no sampler",
    ),
    "one epoch may be the only one": (
        "one-shot-sampler",
        read(ORDER),
        "fewer than two epochs",
    ),
    "epochs without an end": (
        "one-shot-sampler",
        read(ORDER, ORDER, complete=False),
        "to its end",
    ),
    "a fixed order of a loader": (
        "order-fixed-at-construction",
        read(SHUFFLED, SHUFFLED),
        "audit a function",
    ),
    "batches of a loader that only change places": (
        "order-fixed-at-construction",
        read(SHUFFLED, MOVED),
        "audit a function",
    ),
    "one order": (
        "order-fixed-at-construction",
        read(SHUFFLED),
        "fewer than two epochs",
    ),
    "a list that may be meant": (
        "sampler-repeats-indices",
        read(TWICE, facts=facts(given_indices=True)),
        r"Expect\(replacement=True\) if that is meant",
    ),
    "tasks that are drawn one by one": (
        "sampler-repeats-indices",
        observation(
            [
                fetch(task, batch=b, indices=task)
                for b, task in enumerate([[0, 1, 2], [2, 3, 4], [0, 5, 6], [2, 7, 8]])
            ],
            facts=facts(sampler="mine.Tasks"),
        ),
        r"Expect\(replacement=True\) if that is meant",
    ),
    "replacement that may be meant": (
        "sampler-repeats-indices",
        read(TWICE, facts=facts(draws_with_replacement=True, sampler_holds_items=True)),
        r"Expect\(replacement=True\) if that is meant",
    ),
    "a short epoch drawn with replacement": (
        "sampler-repeats-indices",
        read(TWICE, facts=facts(draws_with_replacement=True, length=64)),
        r"Expect\(replacement=True\) if that is meant",
    ),
    "repeated augmentation": (
        "sampler-repeats-indices",
        read([i // 3 for i in ORDER]),
        r"Expect\(replacement=True\) if that is meant",
    ),
    "torch's own iteration": (
        "loader-repeats-batches",
        read(ORDER),
        "what torch's own DataLoader does",
    ),
    "two batches": ("loader-repeats-batches", delivers([[0, 0]]), "three batches"),
    "two ranks": (
        "samples-in-both-loaders",
        pair(*(read(ORDER, facts=facts(num_replicas=2)) for _ in "ab"), common=16),
        "two ranks",
    ),
    "a dataset without a length": (
        "sampler-repeats-indices",
        read(TWICE, facts=facts(length=None)),
        "a length",
    ),
    "part of an epoch": (
        "sampler-repeats-indices",
        read(TWICE, complete=False),
        "to its end",
    ),
    "a stream has no subsets": (
        "subset-of-a-subset",
        read(ORDER, facts=facts(map_style=False)),
        "iterable",
    ),
    "sorted labels that may be meant": (
        "sorted-without-shuffle",
        grouped(SORTED),
        r"Expect\(fixed_order=False\) if it is for training",
    ),
    "no labels": ("sorted-without-shuffle", read(ORDER), "as a label is"),
    "one label": ("sorted-without-shuffle", grouped([1] * 8), "two labels"),
    "one epoch of a sampler with set_epoch": (
        "no-set-epoch",
        read(SHUFFLED, facts=facts(sampler_epoch=0)),
        "fewer than two epochs",
    ),
}
