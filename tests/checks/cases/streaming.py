"""Observations for the checks of section 4_streaming."""

import numpy as np
from observations import answers, digest, facts, fetch, observation, pair, streams

from dejabatch import Expect
from dejabatch.observe.record import EpochEnd, WholeStream

STREAM = facts(map_style=False, length=None, num_workers=2, start_method="fork")
UNBATCHED = facts(
    map_style=False, length=None, num_workers=2, batch_size=None, batched=False
)
SHUFFLED = np.random.default_rng(0).permutation(12).tolist()
SAME = streams(range(12), range(12))
SPLIT = streams(range(0, 24, 2), range(1, 24, 2))
WHOLE = EpochEnd(0, True)


def whole(samples):
    return WholeStream(frozenset(map(digest, samples)), len(samples))


def read(fetches, *, kind=STREAM, **changes):
    return observation(fetches, facts=kind, **changes)


def two_epochs(first, second, **changes):
    return read(
        [*streams(first, epoch=0), *streams(second, epoch=1)],
        **{"kind": facts(map_style=False, length=None, num_workers=1), **changes},
    )


def shards(**changes):
    """Return batches of one label each, in two epochs."""
    batches = [
        fetch(
            [(epoch if changes.get("again") else 0, label, i) for i in range(4)],
            epoch=epoch,
            batch=label,
            labels=[label] * 4,
        )
        for epoch in range(2)
        for label in range(12)
    ]
    changes.pop("again", None)
    return read(batches, **changes)


def of_class(name):
    return (
        facts(map_style=False, length=None, num_workers=2)
        if name is None
        else facts(map_style=False, length=None, num_workers=2, dataset=name)
    )


BROKEN = {
    "an iterator as the dataset": (
        "exhausted-stream",
        read(SAME, kind=facts(map_style=False, one_shot=True)),
        ("error", "dataset.__iter__"),
        "an iterator, which has one pass",
    ),
    "an empty second epoch of a stream": (
        "exhausted-stream",
        read(SAME, ends=[WHOLE, EpochEnd(1, True)]),
        ("error", "dataset.__iter__"),
        "epoch 1, counted from 0, has no batch",
    ),
    "an empty second epoch of batches": (
        "exhausted-stream",
        read(
            SAME,
            kind=facts(map_style=False, data_loader=False),
            ends=[WHOLE, EpochEnd(1, True)],
        ),
        ("error", "loader"),
        "has no batch",
    ),
    "workers with one stream": (
        "stream-not-split-by-worker",
        read(SAME),
        ("error", "dataset.__iter__"),
        "the 2 workers give the same samples",
    ),
    "workers with one stream in another order": (
        "stream-not-split-by-worker",
        read(streams(range(12), [*range(6, 12), *range(6)])),
        ("error", "dataset.__iter__"),
        "the 2 workers give the same samples",
    ),
    "workers with one stream and random numbers of their own": (
        "stream-not-split-by-worker",
        read(
            streams("abcdefgh", "ijklmnop"),
            replay=read(SAME),
            whole_stream=WholeStream(frozenset(), 8),
        ),
        ("warning", "dataset.__iter__"),
        "when their random generators are in the same states",
    ),
    "workers that shuffle differently before they split": (
        "stream-not-split-by-worker",
        read(streams(range(12), range(8, 20)), replay=read(SPLIT)),
        ("error", "dataset.__iter__"),
        "4 samples of an epoch come from more than one worker",
    ),
    "workers that shuffle by the clock before they split": (
        "stream-not-split-by-worker",
        read(
            streams(range(12), range(8, 20)),
            replay=read(streams(range(12), range(6, 18))),
            whole_stream=whole(range(24)),
        ),
        ("error", "dataset.__iter__"),
        "and 4 of the stream's samples come from none",
    ),
    "two of three workers with one stream": (
        "stream-not-split-by-worker",
        read(streams(range(12), range(12, 24), range(12))),
        ("error", "dataset.__iter__"),
        "workers 0 and 2 give the same samples",
    ),
    "workers that leave out the rest of a division": (
        "stream-not-split-by-worker",
        read(SPLIT, whole_stream=whole(range(27))),
        ("warning", "dataset.__iter__"),
        "27 different samples, and the 2 workers together leave out 3 of them",
    ),
    "workers that leave out one sample": (
        "stream-not-split-by-worker",
        read(SPLIT, whole_stream=whole(range(25))),
        ("note", "dataset.__iter__"),
        "leave out 1 of them",
    ),
    "workers whose batches are cut from one shuffled stream": (
        "stream-not-split-by-worker",
        read(streams(range(12), SHUFFLED), kind=UNBATCHED),
        ("error", "dataset.__iter__"),
        "the 2 workers give the same samples",
    ),
    "workers that leave out half of a stream": (
        "data-split-twice",
        read(SPLIT, whole_stream=whole(range(48))),
        ("warning", "dataset.__iter__"),
        "48 different samples, and the 2 workers together yield 24",
    ),
    "one order, said to vary": (
        "stream-with-fixed-shuffle",
        two_epochs(range(12), range(12), expect=Expect(fixed_order=False)),
        ("error", "dataset.__iter__"),
        "both epochs have the same 12 samples in the same order",
    ),
    "an epoch that each new worker counts from the start": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            answers=answers(second_pass_differs=True),
            kind=facts(map_style=False, num_workers=1),
        ),
        ("error", "dataset.__iter__"),
        "a second pass over the dataset in one process has another order",
    ),
    "one order of persistent workers": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12), range(12), restarted=two_epochs(range(12), range(11, -1, -1))
        ),
        ("error", "dataset.__iter__"),
        "with new workers they do not",
    ),
    "one order, shuffled with a new generator in each pass": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12), range(12), answers=answers(seeding_places=("Lines.__iter__",))
        ),
        ("warning", "dataset.__iter__"),
        "in each pass Lines.__iter__ makes or seeds a generator",
    ),
    "an own loader that seeds in each pass": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            answers=answers(seeding_places=("Rows.__iter__",)),
            kind=facts(map_style=False, data_loader=False),
        ),
        ("warning", "loader.__iter__"),
        "in each pass Rows.__iter__ makes or seeds a generator",
    ),
    "an endless stream that seeds in each round": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            answers=answers(
                seeding_places=("Lines.__iter__",), endless=True, starts_over_after=6
            ),
        ),
        ("warning", "dataset.__iter__"),
        "after 6 samples, the same samples come again in the same order",
    ),
    "an endless stream that was shuffled at construction": (
        "stream-with-fixed-shuffle",
        two_epochs(
            [*range(8), *range(4)],
            [*range(8), *range(4)],
            answers=answers(endless=True, starts_over_after=8),
            rebuilt=read(streams([*range(7, -1, -1), 7, 6, 5, 4])),
        ),
        ("warning", "dataset.__init__"),
        "another one when the loader is made again",
    ),
    "a list that was shuffled at construction": (
        "stream-with-fixed-shuffle",
        two_epochs(range(12), range(12), rebuilt=read(streams(range(11, -1, -1)))),
        ("warning", "dataset.__init__"),
        "another one when the loader is made again",
    ),
    "one shard for each batch of a shuffled stream": (
        "one-shard-per-batch",
        shards(again=True),
        ("warning", "dataset.__iter__"),
        "12 of 12 batches have one label only, of 12 labels",
    ),
    "one shard for each batch, said to be shuffled": (
        "one-shard-per-batch",
        shards(expect=Expect(fixed_order=False)),
        ("error", "dataset.__iter__"),
        "one label only",
    ),
    "ranks with one stream": (
        "stream-not-split-by-rank",
        pair(read(SAME), read(SAME)),
        ("error", "dataset.__iter__"),
        "all 24 samples that were read are also in the other",
    ),
}

RIGHT = {
    "windows of one recording that overlap": (
        "stream-not-split-by-worker",
        read(streams(range(24), range(3, 27)), kind=UNBATCHED),
    ),
    "samples drawn from a large stream": (
        "stream-not-split-by-worker",
        read(streams(range(12), range(8, 20)), whole_stream=whole(range(10, 30))),
    ),
    "two epochs of a stream": ("exhausted-stream", two_epochs(range(12), range(12))),
    "an iterator that is reset at its end": (
        "exhausted-stream",
        two_epochs(
            range(12),
            range(12),
            kind=facts(map_style=False, data_loader=False, one_shot=True),
        ),
    ),
    "an iterator that each new worker copies": (
        "exhausted-stream",
        two_epochs(
            range(4),
            range(4),
            kind=facts(map_style=False, num_workers=1, one_shot=True),
        ),
    ),
    "a split stream": ("stream-not-split-by-worker", read(SPLIT)),
    "a split stream in the same states": (
        "stream-not-split-by-worker",
        read(SPLIT, replay=read(SPLIT)),
    ),
    "workers with one stream, as expected": (
        "stream-not-split-by-worker",
        read(streams(range(12), range(12, 24), range(12)), expect=Expect(repeats=True)),
    ),
    "workers that draw the same shards by chance": (
        "stream-not-split-by-worker",
        read([*SAME, *streams(range(12), range(20, 32), epoch=1)]),
    ),
    "workers of which two draw the same shard by chance": (
        "stream-not-split-by-worker",
        read(
            [
                *streams(range(12), range(12, 24), range(12)),
                *streams(range(12), range(12, 24), range(24, 36), epoch=1),
            ]
        ),
    ),
    "workers that make other samples": (
        "stream-not-split-by-worker",
        read(SPLIT, whole_stream=whole(range(1, 27))),
    ),
    "workers that yield the whole stream": (
        "data-split-twice",
        read(SPLIT, whole_stream=whole(range(24))),
    ),
    "workers that leave out the last batch": (
        "data-split-twice",
        read(SPLIT, whole_stream=whole(range(26))),
    ),
    "workers that make samples of their own": (
        "data-split-twice",
        read(SPLIT, whole_stream=whole(range(20, 80))),
    ),
    "a stream with some samples twice": (
        "stream-not-split-by-worker",
        read(streams(range(12), range(8, 20)), replay=read(streams("abc", "cde"))),
    ),
    "a stream that draws with replacement": (
        "stream-not-split-by-worker",
        read(streams([0, 0, 1, 1, 2, 3], [2, 2, 3, 3, 4, 4]), replay=read(SPLIT)),
    ),
    "workers that draw with replacement from the same states": (
        "stream-not-split-by-worker",
        read(streams([0, 0, 1, 1, 2, 3], [4, 5, 5, 6, 6, 7]), replay=read(SAME)),
    ),
    "blank samples": (
        "stream-not-split-by-worker",
        read(streams(["blank"] * 6, ["blank"] * 6)),
    ),
    "samples drawn at random, as expected": (
        "stream-not-split-by-worker",
        read(
            streams("abcdefgh", "ijklmnop"),
            replay=read(SAME),
            expect=Expect(repeats=True),
        ),
    ),
    "workers that draw half of the random windows each": (
        "stream-not-split-by-worker",
        read(
            streams("abcdefgh", "ijklmnop"),
            replay=read(SAME),
            whole_stream=WholeStream(frozenset(), 16),
        ),
    ),
    "two orders of a stream": (
        "stream-with-fixed-shuffle",
        two_epochs(range(12), range(11, -1, -1)),
    ),
    "one order in workers of a loader that sets the epoch itself": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            answers=answers(second_pass_differs=True),
            kind=facts(map_style=False, num_workers=1, own_iter=True),
            delivered=two_epochs(range(12), range(11, -1, -1)),
        ),
    ),
    "one order, as expected": (
        "stream-with-fixed-shuffle",
        two_epochs(range(12), range(12), expect=Expect(fixed_order=True)),
    ),
    "shards, as expected": (
        "one-shard-per-batch",
        shards(expect=Expect(fixed_order=True)),
    ),
    "labels that are mixed": (
        "one-shard-per-batch",
        read(
            [
                fetch([(batch, i) for i in range(4)], batch=batch, labels=[0, 1, 2, 3])
                for batch in range(4)
            ]
        ),
    ),
    "streams of two ranks": (
        "stream-not-split-by-rank",
        pair(read(streams(range(12))), read(streams(range(12, 24)))),
    ),
    "streams of two classes": (
        "stream-not-split-by-rank",
        pair(read(SAME), read(SAME, kind=of_class("mine.Other"))),
    ),
}

OPEN = {
    f"{slug} of a map-style dataset": (
        slug,
        observation(SAME),
        "not iterable",
    )
    for slug in (
        "exhausted-stream",
        "stream-not-split-by-worker",
        "stream-with-fixed-shuffle",
        "one-shard-per-batch",
    )
} | {
    "an iterator that may have no end": (
        "exhausted-stream",
        read(
            SAME,
            kind=facts(map_style=False, length=None, one_shot=True),
            complete=False,
        ),
        "no pass was read to its end",
    ),
    "a stream without a second epoch": ("exhausted-stream", read(SAME), "two epochs"),
    "one worker": (
        "stream-not-split-by-worker",
        read(streams(range(12))),
        "two workers",
    ),
    "noise without an end": (
        "stream-not-split-by-worker",
        read(streams("abcdefgh", "ijklmnop"), replay=read(SAME), complete=False),
        "not read to its end",
    ),
    "few samples": (
        "stream-with-fixed-shuffle",
        two_epochs(range(9), range(9)),
        "ten samples",
    ),
    "one order that may be meant": (
        "stream-with-fixed-shuffle",
        two_epochs(range(12), range(12)),
        r"Expect\(fixed_order=False\)",
    ),
    "an endless stream that seeds once": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            answers=answers(seeding_places=("Lines.__iter__",), endless=True),
        ),
        r"Expect\(fixed_order=False\)",
    ),
    "an endless stream without a shuffle": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            answers=answers(endless=True, starts_over_after=6),
        ),
        r"Expect\(fixed_order=False\)",
    ),
    "an epoch that the loop may set": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            answers=answers(seeding_places=("Lines.__iter__",)),
            kind=facts(map_style=False, num_workers=1, dataset_has_epoch=True),
        ),
        r"Expect\(fixed_order=False\)",
    ),
    "a set_epoch that the loop calls": (
        "stream-with-fixed-shuffle",
        two_epochs(
            range(12),
            range(12),
            kind=facts(map_style=False, num_workers=1, dataset_has_set_epoch=True),
        ),
        "set_epoch",
    ),
    "shards that may be meant": (
        "one-shard-per-batch",
        shards(),
        r"Expect\(fixed_order=False\) if it is for training",
    ),
    "batches without a loader": (
        "one-shard-per-batch",
        read(SAME, kind=facts(map_style=False, data_loader=False)),
        "not iterable",
    ),
}
