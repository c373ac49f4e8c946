"""Observations for the checks of section 1_sample."""

import numpy as np
from observations import (
    answers,
    epochs,
    facts,
    fetch,
    observation,
    pair,
    random_answers,
    streams,
)

from dejabatch import Expect
from dejabatch.observe.record import Ended, EpochEnd, NestedSubset

ORDER = list(range(16))
WORKERS = facts(num_workers=2, start_method="fork")


def same_samples(count=16):
    return [
        fetch(["same"] * 4, batch=start // 4, indices=range(start, start + 4))
        for start in range(0, count, 4)
    ]


def once(**changes):
    return observation(epochs([ORDER]), **changes)


def rebuilt(contents):
    return observation([fetch(contents, indices=ORDER)])


def with_rows(rows, samples):
    return observation([fetch(samples, rows=rows, indices=range(len(samples)))])


CURSOR = {"same_states": b"1", "first": b"0", "other_index_first": b"0"}
EDIT = {"same_states": b"2", "changed_objects": {"dataset.data": "array"}}
NOISE = tuple(f"{n}".encode() for n in range(1, 9))
KEPT = {"other_states_first": (b"0", b"1"), "changed_objects": {"dataset.c": "cache"}}


def raised(**changes):
    """Return an exception of the dataset in the second epoch."""
    plain = {
        "reason": "raised",
        "error": "KeyError: 'label'",
        "where": "dataset",
        "lines": ("train.py:8 in __getitem__: row.pop('label')",),
        "epoch": 1,
        "batch": 2,
        "index": 9,
        "worker": 1,
    }
    return Ended(**plain | changes)


BROKEN = {
    "an exception of a worker in the second epoch": (
        "error-in-a-later-epoch",
        once(ended=raised()),
        ("error", "dataset"),
        "counted from 0\ntrain.py:8 in __getitem__: row.pop('label')",
    ),
    "an exception of collate_fn in the main process": (
        "error-in-a-later-epoch",
        once(ended=raised(where="collate_fn", index=None, worker=-1)),
        ("error", "collate_fn"),
        "KeyError: 'label' in batch 2",
    ),
    "an exception of an iterable of batches": (
        "error-in-a-later-epoch",
        once(ended=raised(where="", index=None, worker=-1)),
        ("error", "loader"),
        "in batch 2 of epoch 1",
    ),
    "one sample for all indices": (
        "getitem-ignores-index",
        observation(same_samples()),
        ("error", "dataset.__getitem__"),
        "16 different indices",
    ),
    "a counter": (
        "stateful-cursor",
        once(answers=answers(**CURSOR, changed_objects={"dataset.n": "value"})),
        ("error", "dataset.n"),
        "for index 0 and 1",
    ),
    "a counter out of sight": (
        "stateful-cursor",
        once(answers=answers(**CURSOR)),
        ("error", "dataset.__getitem__"),
        "the second call returns another",
    ),
    "a buffer": (
        "reused-buffer",
        once(answers=answers(overwritten=True, held_by_dataset=("dataset.buffer",))),
        ("error", "dataset.buffer"),
        "when the next sample was made",
    ),
    "a buffer without batches": (
        "reused-buffer",
        once(facts=facts(batched=False), answers=answers(overwritten=True)),
        ("warning", "dataset.__getitem__"),
        "when the next sample was made",
    ),
    "a buffer of a stream": (
        "reused-buffer",
        observation(
            streams(range(4)),
            facts=facts(map_style=False),
            answers=answers(overwritten=True, first_in_new_process=None),
        ),
        ("error", "dataset.__iter__"),
        "when the next sample was made",
    ),
    "an edited array": (
        "inplace-edit-of-stored-data",
        once(answers=answers(**EDIT)),
        ("error", "dataset.data"),
        "dataset.data has changed",
    ),
    "drawn at construction": (
        "augmented-once",
        once(answers=answers(), rebuilt=rebuilt([f"other {i}" for i in range(16)])),
        ("warning", "dataset.__init__"),
        "none of 16 samples comes back",
    ),
    "drawn at construction, said to be random": (
        "augmented-once",
        once(answers=answers(), expect=Expect(deterministic=False)),
        ("error", "dataset.__init__"),
        "index 0 is the same",
    ),
    "a cache": (
        "cached-augmentation",
        once(answers=answers(**KEPT)),
        ("error", "dataset.c"),
        "index 0 is random the first time, and the same each of the 8 times",
    ),
    "a cache of workers that end": (
        "cached-augmentation",
        once(answers=answers(**KEPT), facts=WORKERS),
        ("note", "dataset.c"),
        "until its worker ends",
    ),
    "collate of one sample": (
        "collate-repeats-one-sample",
        with_rows(1, ["a", "b", "c"]),
        ("error", "collate_fn"),
        "up to 3 different samples",
    ),
    "a fallback": (
        "error-fallback-sample",
        once(answers=answers(swallowed_errors={5: "OSError", 7: "OSError"})),
        ("error", "dataset.__getitem__"),
        "catches the OSError that index 5 raises",
    ),
    "one draw for a batch": (
        "one-draw-for-the-whole-batch",
        once(answers=answers(batch_of_copies="rows vary together")),
        ("warning", "collate_fn"),
        "7 equal rows of 7 copies",
    ),
    "transforms without effect": (
        "transform-that-does-nothing",
        once(answers=answers(idle_transforms=("dataset.crop", "dataset.flip"))),
        ("warning", "dataset.crop"),
        "so did dataset.flip",
    ),
    "two ways to a sample": (
        "getitems-bypass",
        once(answers=answers(by_getitem=b"other")),
        ("error", "dataset.__getitems__"),
        "dataset[0] differs",
    ),
    "samples that start over": (
        "wrong-length",
        observation(
            [fetch([i % 8 for i in range(16)], indices=ORDER)], answers=answers()
        ),
        ("warning", "dataset.__len__"),
        "index i and index i + 8 give the same sample, and the length",
    ),
    "random samples that start over": (
        "wrong-length",
        once(answers=random_answers("torch", periods=(2, 9))),
        ("warning", "dataset.__len__"),
        "index i + 9 give the same sample when the random generators",
    ),
}

RIGHT = {
    "a loader that is read to its end": ("error-in-a-later-epoch", once()),
    "a loader that is slow": (
        "error-in-a-later-epoch",
        once(ended=Ended(reason="out of time", epoch=1, batch=2)),
    ),
    "a worker that died": (
        "error-in-a-later-epoch",
        once(ended=Ended(reason="worker died", error="killed by SIGKILL")),
    ),
    "an exception that a nested subset explains": (
        "error-in-a-later-epoch",
        once(
            ended=raised(error="IndexError: 9"),
            nested_subsets=(
                NestedSubset(
                    "dataset.indices", np.arange(30, 60, 3), np.arange(0, 60, 3)
                ),
            ),
        ),
    ),
    "different samples": ("getitem-ignores-index", once()),
    "one sample, as expected": (
        "getitem-ignores-index",
        observation(same_samples(), expect=Expect(repeats=True)),
    ),
    "a random first sample": (
        "stateful-cursor",
        once(answers=random_answers("torch")),
    ),
    "a counter is not an edit": (
        "inplace-edit-of-stored-data",
        once(answers=answers(**CURSOR, changed_objects={"dataset.n": "array"})),
    ),
    "a generator in compiled code": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                **EDIT, unreachable_generators=("numba",), after_other_index=b"9"
            )
        ),
    ),
    "samples of their own": ("reused-buffer", once(answers=answers())),
    "a sample that changes by itself": (
        "reused-buffer",
        once(answers=answers(overwritten=True, same_states=b"2")),
    ),
    "fixed samples": (
        "augmented-once",
        once(answers=answers(), rebuilt=rebuilt(ORDER)),
    ),
    "fixed samples, as expected": (
        "augmented-once",
        once(
            answers=answers(),
            rebuilt=rebuilt([f"other {i}" for i in ORDER]),
            expect=Expect(deterministic=True),
        ),
    ),
    "random samples": ("augmented-once", once(answers=random_answers("torch"))),
    "seeded for each sample": (
        "augmented-once",
        once(
            answers=answers(reseeded=("torch",)),
            rebuilt=rebuilt([f"other {i}" for i in ORDER]),
        ),
    ),
    "a cache of raw data": (
        "cached-augmentation",
        once(answers=random_answers("torch")),
    ),
    "a cache, as expected": (
        "cached-augmentation",
        once(answers=answers(**KEPT), expect=Expect(deterministic=True)),
    ),
    "rows of their own": ("collate-repeats-one-sample", with_rows(3, ["a", "b", "c"])),
    "an overwritten buffer": (
        "collate-repeats-one-sample",
        observation(
            [fetch(["a", "b"], rows=1, indices=[0, 1])],
            answers=answers(overwritten=True),
        ),
    ),
    "no error": ("error-fallback-sample", once(answers=answers())),
    "rows that vary": (
        "one-draw-for-the-whole-batch",
        once(answers=answers(batch_of_copies="rows differ")),
    ),
    "rows that are fixed": (
        "one-draw-for-the-whole-batch",
        once(answers=answers(batch_of_copies="rows are fixed")),
    ),
    "transforms with an effect": (
        "transform-that-does-nothing",
        once(answers=answers()),
    ),
    "one way to a sample": ("getitems-bypass", once(answers=answers(by_getitem=b"0"))),
    "unique samples": ("wrong-length", once(answers=answers())),
    "equal neighbours": (
        "wrong-length",
        observation(
            [fetch([i // 2 for i in range(16)], indices=ORDER)], answers=answers()
        ),
    ),
    "seven repeated samples": ("wrong-length", once(answers=answers(periods=(7,)))),
    "samples that start over, as expected": (
        "wrong-length",
        observation(
            [fetch([i % 8 for i in range(16)], indices=ORDER)],
            answers=answers(),
            expect=Expect(repeats=True),
        ),
    ),
}

OPEN = {
    "no indices": ("getitem-ignores-index", observation([fetch(["a"])]), "integer"),
    "one index for each worker": (
        "getitem-ignores-index",
        observation([fetch(["a"], worker=w, indices=[w]) for w in range(2)]),
        "two different indices",
    ),
    "no content": (
        "getitem-ignores-index",
        observation(same_samples(), opaque_types=("mine.Opaque",)),
        r"mine\.Opaque, whose content cannot be read",
    ),
    "not asked again": ("stateful-cursor", once(), "no sample was made again"),
    "asked in vain": (
        "inplace-edit-of-stored-data",
        once(answers=answers(first_in_new_process=None, error="it took too long")),
        "it took too long",
    ),
    "never the same": (
        "stateful-cursor",
        once(answers=answers(first_in_new_process=b"9")),
        "differs each time",
    ),
    "one index": (
        "stateful-cursor",
        once(answers=answers(**CURSOR, other=0)),
        "only one index",
    ),
    "a hidden generator": (
        "stateful-cursor",
        once(answers=answers(**CURSOR, unreachable_generators=("imgaug",))),
        "imgaug may draw",
    ),
    "batches of one": (
        "reused-buffer",
        observation([fetch(["a"], indices=[0])], answers=answers(overwritten=True)),
        "every batch has one sample",
    ),
    "a loader, not a function": (
        "augmented-once",
        once(answers=answers()),
        "audit a function",
    ),
    "an epoch that only the loop sets": (
        "augmented-once",
        once(answers=answers(), facts=facts(dataset_has_set_epoch=True)),
        "set_epoch",
    ),
    "an epoch without an end": (
        "augmented-once",
        observation(
            epochs([ORDER]),
            ends=[EpochEnd(0, False)],
            answers=answers(),
            rebuilt=rebuilt([f"other {i}" for i in ORDER]),
        ),
        "to its end",
    ),
    "rows that were not counted": (
        "collate-repeats-one-sample",
        with_rows(None, ["a", "b"]),
        "taken apart",
    ),
    "an iterable dataset": (
        "error-fallback-sample",
        observation(streams(range(4)), facts=facts(map_style=False), answers=answers()),
        "iterable",
    ),
    "a refused question": (
        "transform-that-does-nothing",
        once(answers=answers(idle_transforms=None)),
        "could not be asked",
    ),
    "unclear rows": (
        "one-draw-for-the-whole-batch",
        once(answers=answers(batch_of_copies="rows are unclear")),
        "a part for each sample",
    ),
    "different each time": (
        "getitems-bypass",
        once(answers=answers(same_states=b"2", by_getitem=b"3")),
        "each time",
    ),
    "a stream has no length": (
        "wrong-length",
        once(facts=facts(length=None)),
        "with a length",
    ),
}

TRANSFORM = ("dataset.dataset.transform", "dataset.dataset.transform", "mine")
RANDOM = once(answers=random_answers("torch"))

BROKEN |= {
    "a transform of both halves": (
        "split-shares-transform",
        pair(once(), RANDOM, shared=[TRANSFORM]),
        ("error", TRANSFORM[0]),
        "samples change with torch",
    ),
    "a fixed transform of both halves": (
        "split-shares-transform",
        pair(once(), once(answers=answers()), shared=[TRANSFORM]),
        ("note", TRANSFORM[0]),
        "neither can be augmented without the other",
    ),
    "a transform on a subset": (
        "split-shares-transform",
        pair(once(), once(facts=facts(unused_attributes=("transform",)))),
        ("error", "dataset.transform"),
        "never uses its attribute transform",
    ),
}

RIGHT |= {
    f"{name} of both halves": (
        "split-shares-transform",
        pair(once(), RANDOM, shared=[(f"dataset.{name}",) * 3]),
    )
    for name in ("target_transform", "files", "transform.size")
}
