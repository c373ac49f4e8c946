"""Observations for the checks of section 1_sample."""

import dataclasses

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
    streams,
)

from dejabatch import Expect
from dejabatch.observe.record import (
    BLANK,
    NO_CONTENT,
    SMALL_CONTENT,
    BegunTwice,
    Draws,
    Ended,
    NestedSubset,
    SetAfterSplit,
)

ORDER = list(range(16))
WORKERS = facts(num_workers=2, start_method="fork")


def same_samples(count=16):
    return [
        fetch(["same"] * 4, batch=start // 4, indices=range(start, start + 4))
        for start in range(0, count, 4)
    ]


def once(**changes):
    return observation(epochs([ORDER]), **changes)


def passed(edited, **changes):
    """Return a stream whose second pass has other samples, and what it edited."""
    kind = facts(map_style=False, length=None, **changes)
    return observation(
        streams(ORDER), facts=kind, answers=answers(edited_by_pass=edited)
    )


def filled(rows):
    """Return a batch of three samples and a missing one, with so many different rows."""
    fetches = [fetch([None, 1, 2, 3], indices=range(4), rows=rows, missing=1)]
    return observation(fetches, answers=answers())


def left_out(samples):
    """Return two epochs with a batch that lacks so many rows."""
    batches = [
        fetch([*range(4)], indices=range(4), epoch=0),
        fetch([4, None], indices=[4, 5], epoch=0, batch=1, missing=1),
        fetch([*range(4)], indices=range(4), epoch=1),
    ]
    batches[1] = dataclasses.replace(batches[1], left_out=samples)
    return observation(batches, answers=answers())


def rebuilt(contents):
    return observation([fetch(contents, indices=ORDER)])


def with_rows(rows, samples):
    return observation([fetch(samples, rows=rows, indices=range(len(samples)))])


def with_length(length, *yielded, complete=True):
    """Return the indices of a sampler that says it has a length, and what it yields."""
    orders = (np.array(ORDER),) * len(yielded)
    return Draws(orders, complete=complete, length=length, yielded=yielded)


CURSOR = {"same_states": b"1", "first": b"0", "other_index_first": b"0"}
EDIT = {"same_states": b"2", "edited_objects": {"dataset.data": "array"}}
BOX = {f"dataset.records[0]['box'][{i}]": "value" for i in range(4)}
NO_EPOCH = {"seeding_places": ("dataset.crop",), "set_epoch_changes_samples": False}
NOISE = tuple(f"{n}".encode() for n in range(1, 9))
KEPT = {
    "other_states_first": (b"0", b"1"),
    "changed_objects": {"dataset.c": "cache"},
    "kept_parts": ("",),
    "fixed_parts": (),
}
LATENT = ("['latent']",)


def with_parts(latents, captions, epoch=0):
    """Return an epoch of samples with a latent and a caption each."""
    return fetch(
        list(zip(latents, captions, strict=True)),
        epoch=epoch,
        indices=ORDER,
        parts={"['latent']": latents, "['caption']": captions},
    )


def captioned(latents, **changes):
    """Return two epochs with one latent and two captions for each index."""
    fetches = [
        with_parts(latents, [f"{i} {e}" for i in ORDER], epoch=e) for e in range(2)
    ]
    return observation(fetches, **changes)


def shared(contents, **changes):
    """Return one epoch with these contents."""
    changes.setdefault("answers", answers())
    return observation([fetch(ORDER, indices=ORDER, contents=contents)], **changes)


def described(details, parts=None, contents=None):
    """Return images, by default each under four indices, with small parts of their own."""
    contents = contents or [i // 4 for i in ORDER]
    one = fetch(
        ORDER, indices=ORDER, contents=contents, details=details, parts=parts or {}
    )
    return observation([one], answers=answers())


def pairs(negatives, items=ORDER, **changes):
    """Return items, each with another item as its negative."""
    parts = {"['item']": items, "['negative']": negatives}
    return observation(
        [fetch(list(zip(items, negatives, strict=True)), indices=ORDER, parts=parts)],
        answers=answers(fixed_parts=tuple(parts)),
        **changes,
    )


# Eleven and twelve of the sixteen items.
NEGATIVES = [3, 3, 9, 12, 1, 1, 14, 5, 5, 0, 8, 8, 2, 15, 3, 7]
OTHER_NEGATIVES = [11, 6, 6, 4, 10, 13, 13, 10, 4, 11, 6, 2, 9, 3, 1, 10]


def row(number):
    """Return the digest of a row of a table."""
    return SMALL_CONTENT + bytes(10) + bytes([number])


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
    "rows of a table that all come twice": (
        "indices-share-a-sample",
        shared([row(i // 2) for i in ORDER]),
        ("warning", "dataset.__getitem__"),
        "16 indices have 8 different contents",
    ),
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
    "a queue of a library without workers": (
        "stateful-cursor",
        once(answers=answers(**CURSOR), facts=facts(dataset_library="library")),
        ("note", "dataset.__getitem__"),
        "for index 0 and 1",
    ),
    "a queue of a library in workers": (
        "stateful-cursor",
        once(
            answers=answers(**CURSOR),
            facts=facts(dataset_library="library", num_workers=2),
        ),
        ("error", "dataset.__getitem__"),
        "for index 0 and 1",
    ),
    "a counter out of sight": (
        "stateful-cursor",
        once(answers=answers(**CURSOR)),
        ("error", "dataset.__getitem__"),
        "the second call returns another",
    ),
    "a length that counts batches": (
        "wrong-length",
        once(answers=answers(items_in_store=500)),
        ("warning", "dataset.__len__"),
        "of the 500 items that it holds",
    ),
    "a length that leaves items out": (
        "wrong-length",
        once(answers=answers(items_in_store=24)),
        ("note", "dataset.__len__"),
        "other samples for the indices 16 to 23 of the 24 items",
    ),
    "a length that leaves the last item out": (
        "wrong-length",
        once(answers=answers(items_in_store=17)),
        ("warning", "dataset.__len__"),
        "another sample for the index 16 of the 17 items",
    ),
    "a length that leaves the last window out": (
        "wrong-length",
        once(answers=answers(one_more_fits=True)),
        ("note", "dataset.__len__"),
        "another sample of the same shapes for the index 16, but none for 17",
    ),
    "a table that leaves the last item out": (
        "wrong-length",
        once(answers=answers(without_last=("dataset.texts",))),
        ("warning", "dataset.texts"),
        "samples read each item of dataset.texts but the last",
    ),
    "a sampler with a length of its own": (
        "wrong-length",
        once(draws=with_length(24, 21, 21)),
        ("warning", "sampler"),
        "the length is 24, and an epoch has 21 batches",
    ),
    "a sampler that estimates its length": (
        "wrong-length",
        once(draws=with_length(24, 23, 25)),
        ("note", "sampler"),
        "the length is 24, and an epoch has 23 to 25 batches",
    ),
    "a length of indices": (
        "wrong-length",
        once(draws=with_length(16, 8, 8), facts=facts(batched=False)),
        ("warning", "sampler"),
        "the length is 16, and an epoch has 8 indices",
    ),
    "a sampler of a library with a length of its own": (
        "wrong-length",
        once(draws=with_length(24, 12), facts=facts(sampler_library="lhotse")),
        ("note", "sampler"),
        "the length is 24, and an epoch has 12 batches",
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
    "a buffer of collate_fn": (
        "reused-buffer",
        once(answers=answers(overwritten_by_collate=True)),
        ("warning", "collate_fn"),
        "the content of a batch changed when collate_fn made the next one",
    ),
    "a buffer of collate_fn in workers": (
        "reused-buffer",
        once(answers=answers(overwritten_by_collate=True), facts=WORKERS),
        ("error", "collate_fn"),
        "the content of a batch changed",
    ),
    "a seed without the epoch that is set": (
        "augmented-once",
        once(answers=answers(**NO_EPOCH), facts=facts(dataset_has_set_epoch=True)),
        ("warning", "dataset.crop"),
        "set_epoch of the dataset changes no sample, and dataset.crop makes or seeds",
    ),
    "a seed without the epoch that is set, where samples should vary": (
        "augmented-once",
        once(
            answers=answers(**NO_EPOCH),
            facts=facts(dataset_has_set_epoch=True),
            expect=Expect(deterministic=False),
        ),
        ("warning", "dataset.crop"),
        "set_epoch of the dataset changes no sample",
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
    "numbers of a list": (
        "inplace-edit-of-stored-data",
        once(answers=answers(same_states=b"2", edited_objects=BOX)),
        ("error", "dataset.records[0]['box']"),
        "dataset.records[0]['box'] has changed",
    ),
    "a list that is rotated": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                same_states=b"2", edited_objects={"dataset.negatives[0]": "moved"}
            )
        ),
        ("note", "dataset.negatives"),
        "dataset.negatives has changed",
    ),
    "an edited result of a cached function": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                same_states=b"2", changed_objects={"type(dataset).load": "cache"}
            )
        ),
        ("error", "type(dataset).load"),
        "gives another sample the second time",
    ),
    "a key that is gone": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                same_states=b"2",
                edited_objects={"dataset.rows[0]": "container"},
                error_again="KeyError: 'label'",
            )
        ),
        ("error", "dataset.rows[0]"),
        "index 0 raises KeyError: 'label' the second time",
    ),
    "an attribute of a record": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                same_states=b"2", edited_objects={"dataset.r[0].box[1]": "replaced"}
            )
        ),
        ("error", "dataset.r[0].box[1]"),
        "has changed",
    ),
    "a list that collate_fn pads": (
        "inplace-edit-of-stored-data",
        once(answers=answers(edited_by_collate={"dataset.rows[0]": "container"})),
        ("error", "dataset.rows[0]"),
        "collate_fn edits dataset.rows[0]",
    ),
    "a batch that is filled with copies": (
        "error-fallback-sample",
        filled(rows=3),
        ("error", "collate_fn"),
        "1 of 4 samples are None",
    ),
    "records that a pass over a stream edits": (
        "inplace-edit-of-stored-data",
        passed(BOX),
        ("error", "dataset.records[0]['box']"),
        "a second pass yields other samples",
    ),
    "arrays that a pass edits in workers that stay": (
        "inplace-edit-of-stored-data",
        passed({"dataset.rows[0]": "array"}, num_workers=2, persistent_workers=True),
        ("error", "dataset.rows[0]"),
        "a second pass yields other samples",
    ),
    "a part that was drawn at construction": (
        "augmented-once",
        captioned(
            [f"latent {i}" for i in ORDER],
            answers=random_answers("torch", fixed_parts=LATENT),
            rebuilt=captioned([f"latent {i}" if i % 2 else f"new {i}" for i in ORDER]),
        ),
        ("warning", "dataset.__init__"),
        "the random generators, but 8 of 16 are new",
    ),
    "the largest part, said to be random": (
        "augmented-once",
        captioned(
            ORDER,
            answers=random_answers("torch", fixed_parts=LATENT, largest_part=LATENT[0]),
            expect=Expect(deterministic=False),
        ),
        ("warning", "dataset.__init__"),
        "part ['latent'] of index 0 is the same whatever the random generators",
    ),
    "a generator made of the index, said to be random": (
        "augmented-once",
        once(
            answers=answers(seeding_places=("dataset.transform.__call__",)),
            rebuilt=rebuilt(ORDER),
            expect=Expect(deterministic=False),
        ),
        ("error", "dataset.transform.__call__"),
        "makes or seeds a generator from a number that is the same in every epoch",
    ),
    "a cached part": (
        "cached-augmentation",
        once(answers=answers(**KEPT | {"kept_parts": LATENT})),
        ("error", "dataset.c"),
        "part ['latent'] of index 0 is random the first time",
    ),
    "a fallback without an exception": (
        "error-fallback-sample",
        once(answers=answers(swallowed_errors={5: ""})),
        ("error", "dataset.__getitem__"),
        "asks itself for another index than 5",
    ),
    "one draw for the list of indices": (
        "one-draw-for-the-whole-batch",
        once(answers=answers(getitems_of_copies="rows vary together")),
        ("warning", "dataset.__getitems__"),
        "dataset.__getitems__ makes 7 equal rows",
    ),
    "one draw in the loader's own __iter__": (
        "one-draw-for-the-whole-batch",
        once(
            answers=answers(batch_of_copies="rows are fixed"),
            delivered_copies="rows vary together",
        ),
        ("warning", "loader.__iter__"),
        "loader.__iter__ makes 7 equal rows",
    ),
    "contents of other indices": (
        "indices-share-a-sample",
        shared([i // 2 for i in ORDER]),
        ("warning", "dataset.__getitem__"),
        "16 indices have 8 different contents",
    ),
    "references to one object": (
        "indices-share-a-sample",
        shared(
            [i // 4 for i in ORDER],
            facts=facts(repeated_references={"dataset.graphs": 4}),
        ),
        ("warning", "dataset.graphs"),
        "16 indices have 4 different contents; dataset.graphs holds 4 objects under 16",
    ),
    "an index for each content, said to be so": (
        "indices-share-a-sample",
        shared([0, 0, *ORDER[2:]], expect=Expect(repeats=False)),
        ("error", "dataset.__getitem__"),
        "16 indices have 15 different contents",
    ),
    "random samples of few contents in each epoch": (
        "indices-share-a-sample",
        shared(
            [i % 8 for i in ORDER],
            answers=random_answers(
                "torch", contents={i: digest(i // 4) for i in range(16)}
            ),
        ),
        ("warning", "dataset.__getitem__"),
        "the 16 samples of an epoch have 8 different contents",
    ),
    "random samples of one stored item": (
        "indices-share-a-sample",
        shared(
            ORDER,
            answers=random_answers(
                "torch", contents={i: digest(i // 4) for i in range(16)}
            ),
        ),
        ("note", "dataset.__getitem__"),
        "16 indices have 4 different contents",
    ),
    "drawn at construction": (
        "augmented-once",
        once(answers=answers(), rebuilt=rebuilt([f"other {i}" for i in range(16)])),
        ("warning", "dataset.__init__"),
        "16 of 16 are new when the loader is made again",
    ),
    "the only part of a dictionary, drawn at construction": (
        "augmented-once",
        once(
            answers=answers(fixed_parts=("['tokens']",)),
            rebuilt=rebuilt([f"other {i}" for i in range(16)]),
            resembling={"['tokens']": True},
        ),
        ("warning", "dataset.__init__"),
        "16 of 16 are new when the loader is made again",
    ),
    "few of many negatives, some drawn for both": (
        "augmented-once",
        pairs(
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0],
            items=[i // 4 for i in ORDER],
            rebuilt=pairs(
                [5, 1, 9, 10, 6, 5, 1, 0, 10, 3, 2, 1, 14, 13, 9, 2],
                items=[i // 4 for i in ORDER],
            ),
            resembling={LATENT[0]: True},
        ),
        ("warning", "dataset.__init__"),
        "part ['negative'] of each sample",
    ),
    "negatives that were drawn at construction": (
        "augmented-once",
        pairs(NEGATIVES, rebuilt=pairs(OTHER_NEGATIVES), resembling={LATENT[0]: True}),
        ("warning", "dataset.__init__"),
        "part ['negative'] of each sample is the same",
    ),
    "a few negatives that were drawn at construction": (
        "augmented-once",
        pairs(
            NEGATIVES,
            rebuilt=pairs([*NEGATIVES[:8], *OTHER_NEGATIVES[8:]]),
            resembling={"['negative']": False},
        ),
        ("warning", "dataset.__init__"),
        "8 of 16 are new when the loader is made again",
    ),
    "random numbers beside a number of the sample": (
        "augmented-once",
        pairs(
            NEGATIVES,
            rebuilt=pairs(OTHER_NEGATIVES),
            resembling={"['negative']": False, "['item']": False},
        ),
        ("note", "dataset.__init__"),
        "and none resembles the earlier one",
    ),
    "questions about images": (
        "indices-share-a-sample",
        described([f"what is {i}" for i in ORDER]),
        ("note", "dataset.__getitem__"),
        "samples with one content differ in small parts",
    ),
    "short captions of some images, told apart": (
        "indices-share-a-sample",
        described(
            [f"caption {i}" if i in {0, 1, 2, 13, 14, 15} else "" for i in ORDER],
            contents=[*ORDER[:13], 0, 1, 2],
        ),
        ("note", "dataset.__getitem__"),
        "samples with one content differ in small parts",
    ),
    "candidates for a history": (
        "indices-share-a-sample",
        described([NO_CONTENT] * 16, parts={"['item']": [i % 15 for i in ORDER]}),
        ("note", "dataset.__getitem__"),
        "differ in small parts",
    ),
    "equal contents with a number for each index": (
        "indices-share-a-sample",
        described([NO_CONTENT] * 16, parts={"['id']": ORDER}),
        ("warning", "dataset.__getitem__"),
        "16 indices have 4 different contents",
    ),
    "validation samples that vary": (
        "split-shares-transform",
        observation(
            [
                fetch([(epoch, i) for i in ORDER], epoch=epoch, indices=ORDER)
                for epoch in range(2)
            ],
            answers=random_answers("torch"),
            expect=Expect(deterministic=True),
        ),
        ("error", "dataset"),
        "16 of 16 indices have another sample in the second epoch",
    ),
    "data that are random as a whole": (
        "augmented-once",
        once(
            answers=answers(),
            rebuilt=rebuilt([f"other {i}" for i in range(16)]),
            resembling={"": False},
        ),
        ("note", "dataset.__init__"),
        "and none resembles the earlier one",
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
    "random numbers kept beside others": (
        "cached-augmentation",
        once(answers=random_answers("torch", kept_in_store=("dataset.mixed[0]",))),
        ("warning", "dataset.mixed"),
        "draws random numbers into dataset.mixed[0], and later samples, which vary",
    ),
    "random numbers of an attribute kept in workers that end": (
        "cached-augmentation",
        once(
            answers=random_answers("torch", kept_in_store=("dataset.noise",)),
            facts=WORKERS,
        ),
        ("note", "dataset.noise"),
        "until its worker ends",
    ),
    "three equal views": (
        "one-draw-for-the-whole-batch",
        once(
            answers=random_answers("torch", equal_views=("[0][0]", "[0][1]", "[0][2]"))
        ),
        ("warning", "dataset.__getitem__"),
        "the parts [0][0], [0][1] and [0][2] vary with random numbers, and are always",
    ),
    "an input and its targets": (
        "one-draw-for-the-whole-batch",
        once(answers=random_answers("torch", equal_views=("[0]", "[1]", "[2]"))),
        ("note", "dataset.__getitem__"),
        "the parts [0], [1] and [2] vary",
    ),
    "two equal views of a collate_fn": (
        "one-draw-for-the-whole-batch",
        once(
            answers=random_answers("torch", equal_views_of_collate=("['x1']", "['x2']"))
        ),
        ("note", "collate_fn"),
        "the parts ['x1'] and ['x2'] vary",
    ),
    "samples that batches leave out": (
        "error-fallback-sample",
        left_out(2),
        ("note", "collate_fn"),
        "2 of 6 samples of an epoch are None, and their batches have fewer rows",
    ),
    "an attribute that one half sets for both": (
        "split-shares-transform",
        once(set_after_split=(SetAfterSplit("dataset.dataset.transform", 2),)),
        ("warning", "dataset.dataset.transform"),
        "got another value after the split: all 2 subsets",
    ),
    "a cache on the disk": (
        "cached-augmentation",
        once(answers=answers(**KEPT, writes_files=True), facts=WORKERS),
        ("error", "dataset.c"),
        "index 0 is random the first time",
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
    "a fallback to a random index": (
        "error-fallback-sample",
        once(answers=answers(other_labels=(3, 11))),
        ("warning", "dataset.__getitem__"),
        "the label of index 3 and 1 others depends on random numbers",
    ),
    "an index with samples of others": (
        "error-fallback-sample",
        once(answers=answers(other_samples=(3,))),
        ("warning", "dataset.__getitem__"),
        "the sample of index 3 depends on random numbers, and all other indices",
    ),
    "an endless stream with a length": (
        "wrong-length",
        observation(
            streams(range(4)),
            facts=facts(map_style=False, length=60),
            answers=answers(endless=True, first_in_new_process=None),
        ),
        ("note", "dataset.__iter__"),
        "the length of the dataset is 60, and a pass over it never ends",
    ),
    "collate that mixes parts up": (
        "collate-repeats-one-sample",
        observation(
            [fetch(["a", "b"], rows=2, indices=[0, 1])],
            answers=answers(mixed_up_by_collate=("['id']", "['label']")),
        ),
        ("error", "collate_fn"),
        "sample['id'] and sample['label'] of one sample are in different rows",
    ),
    "collate of a part of one sample": (
        "collate-repeats-one-sample",
        observation(
            [fetch(["a", "b"], rows=2, indices=[0, 1])],
            answers=answers(repeated_by_collate=("['label']",)),
        ),
        ("error", "collate_fn"),
        "the batch has sample['label'] of one sample in all rows",
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
    "a transform whose result is not used": (
        "transform-that-does-nothing",
        once(answers=answers(ignored_transforms=("dataset.flip",))),
        ("warning", "dataset.flip"),
        "dataset.flip changes its input at random, and index 0 is the same",
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
    "few random samples that start over": (
        "wrong-length",
        observation(
            [fetch([i % 8 for i in range(16)], indices=ORDER)],
            answers=random_answers("torch", periods=(9,)),
        ),
        ("warning", "dataset.__len__"),
        "index i + 8 give the same sample when the random generators",
    ),
    "random samples that start over": (
        "wrong-length",
        once(answers=random_answers("torch", periods=(2, 9))),
        ("note", "dataset.__len__"),
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
    "a missing sample that becomes a row of zeros": (
        "error-fallback-sample",
        filled(rows=4),
    ),
    "batches that could not be taken apart in another making": (
        "augmented-once",
        captioned(
            [f"latent {i}" for i in ORDER],
            answers=random_answers("torch", fixed_parts=LATENT),
            rebuilt=rebuilt([f"latent {i} and more" for i in ORDER]),
        ),
    ),
    "an item that counts the passes": (
        "inplace-edit-of-stored-data",
        passed({"dataset.stats['epoch']": "value"}),
    ),
    "arrays that a pass edits in workers that end": (
        "inplace-edit-of-stored-data",
        passed({"dataset.rows[0]": "array"}, num_workers=2),
    ),
    "a cache that grows": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                same_states=b"2",
                changed_objects={"dataset.recent": "container"},
                edited_objects={"dataset.recent": "container"},
            )
        ),
    ),
    "a buffer that other samples fill": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                same_states=b"2",
                after_other_index=b"3",
                changed_objects={"dataset.last": "value"},
                edited_objects={"dataset.last": "replaced"},
            )
        ),
    ),
    "a part that moved to another index": (
        "augmented-once",
        captioned(
            ORDER,
            answers=random_answers("torch", fixed_parts=LATENT),
            rebuilt=captioned(ORDER[::-1]),
        ),
    ),
    "a part that varies between epochs": (
        "augmented-once",
        observation(
            [with_parts([f"{i} {e}" for i in ORDER], ORDER, epoch=e) for e in range(2)],
            answers=answers(fixed_parts=LATENT),
            rebuilt=captioned([f"new {i}" for i in ORDER]),
        ),
    ),
    "labels that another split has": (
        "augmented-once",
        captioned(
            [i % 2 for i in ORDER],
            answers=random_answers("torch", fixed_parts=LATENT),
            rebuilt=captioned([2 + i % 2 for i in ORDER]),
        ),
    ),
    "rows of a table of which some are equal": (
        "indices-share-a-sample",
        shared([row(i % 12) for i in ORDER]),
    ),
    "blank images": (
        "indices-share-a-sample",
        shared([BLANK if i % 2 else i for i in ORDER]),
    ),
    "two of sixteen": (
        "indices-share-a-sample",
        shared([0, 0, *ORDER[2:]]),
    ),
    "a content for several indices, as expected": (
        "indices-share-a-sample",
        shared([i // 2 for i in ORDER], expect=Expect(repeats=True)),
    ),
    "a list of references that is repeated": (
        "indices-share-a-sample",
        shared(
            [i % 4 for i in ORDER],
            facts=facts(repeated_references={"dataset.files": 4}),
        ),
    ),
    "a dataset that is repeated": (
        "indices-share-a-sample",
        shared([i % 8 for i in ORDER], facts=facts(repeats_a_dataset=(8,))),
    ),
    "a sampler with the right length": (
        "wrong-length",
        once(answers=answers(), draws=with_length(12, 12, 12)),
    ),
    "a sampler without a length": (
        "wrong-length",
        once(answers=answers(), draws=with_length(None, 12)),
    ),
    "an endless sampler": (
        "wrong-length",
        once(answers=answers(), draws=with_length(12, 40, complete=False)),
    ),
    "a repeated dataset has the right length": (
        "wrong-length",
        observation(
            [fetch([i % 8 for i in range(16)], indices=ORDER)],
            answers=answers(),
            facts=facts(repeats_a_dataset=(8,)),
        ),
    ),
    "a list that repeats has the right length": (
        "wrong-length",
        observation(
            [
                fetch(
                    [i % 8 for i in range(16)],
                    indices=ORDER,
                    contents=[i % 8 for i in range(16)],
                )
            ],
            answers=answers(length_is_stored=True),
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
    "random numbers kept, as expected": (
        "cached-augmentation",
        once(
            answers=random_answers("torch", kept_in_store=("dataset.mixed[0]",)),
            expect=Expect(deterministic=True),
        ),
    ),
    "numbers that the first sample draws into a cache": (
        "inplace-edit-of-stored-data",
        once(answers=answers(**EDIT | {"kept_in_store": ("dataset.mixed[0]",)})),
    ),
    "a cache that keeps a part": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                same_states=b"2",
                changed_objects={"dataset.read": "cache"},
                kept_parts=LATENT,
            )
        ),
    ),
    "samples that a row of zeros stands for": (
        "error-fallback-sample",
        left_out(0),
    ),
    "few samples drawn again by seed and index": (
        "indices-share-a-sample",
        shared(
            [i % 12 for i in ORDER],
            answers=answers(seeding_places=("dataset.pick",)),
        ),
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
    "partners that change places at construction": (
        "augmented-once",
        pairs(list(range(16)), rebuilt=pairs([*range(8, 16), *range(8)])),
    ),
    "random crops that a cache keeps, said to be deterministic": (
        "split-shares-transform",
        observation(
            [fetch(ORDER, epoch=epoch, indices=ORDER) for epoch in range(2)],
            answers=random_answers("torch"),
            expect=Expect(deterministic=True),
        ),
    ),
    "random samples of which nothing is said": (
        "split-shares-transform",
        observation(
            [fetch([(e, i) for i in ORDER], epoch=e, indices=ORDER) for e in range(2)],
            answers=random_answers("torch"),
        ),
    ),
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
    "a seed with the epoch that is set": (
        "augmented-once",
        once(
            answers=answers(**NO_EPOCH | {"set_epoch_changes_samples": True}),
            facts=facts(dataset_has_set_epoch=True),
        ),
        "the dataset has a set_epoch",
    ),
    "a part that the loader's own __iter__ draws": (
        "augmented-once",
        once(
            answers=answers(),
            rebuilt=rebuilt([f"other {i}" for i in range(16)]),
            begun_twice=BegunTwice(changed=("dataset.negatives",)),
        ),
        "the loader's own __iter__ changes dataset.negatives",
    ),
    "random numbers kept by a dataset with epochs": (
        "cached-augmentation",
        once(
            answers=random_answers("torch", kept_in_store=("dataset.mixed[0]",)),
            facts=facts(dataset_has_epoch=True),
        ),
        "knows of epochs",
    ),
    "random numbers without an effect": (
        "transform-that-does-nothing",
        once(answers=answers(drawn_from=("torch",))),
        "index 0 draws from torch, and is the same from 8 other states",
    ),
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
    "a generator in compiled code": (
        "inplace-edit-of-stored-data",
        once(
            answers=answers(
                **EDIT, unreachable_generators=("imgaug",), after_other_index=b"9"
            )
        ),
        "imgaug may draw",
    ),
    "state out of reach": (
        "inplace-edit-of-stored-data",
        once(answers=answers(same_states=b"2")),
        "what it depends on is out of reach",
    ),
    "another subset each time": (
        "augmented-once",
        once(
            answers=answers(),
            facts=facts(subset=b"1"),
            rebuilt=observation(
                [fetch([f"new {i}" for i in ORDER], indices=ORDER)],
                facts=facts(subset=b"2"),
            ),
        ),
        "another random subset",
    ),
    "a generator made of the index": (
        "augmented-once",
        once(answers=answers(seeding_places=("dataset.__getitem__",)), rebuilt=once()),
        r"dataset.__getitem__ makes the same .* pass expect=Expect\(deterministic=False\)",
    ),
    "no contents": (
        "indices-share-a-sample",
        shared([NO_CONTENT] * 16),
        "a content to compare",
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
    "a random transform of two loaders that shuffle": (
        "split-shares-transform",
        pair(
            once(facts=facts(shuffles=True)),
            once(answers=random_answers("torch"), facts=facts(shuffles=True)),
            shared=[TRANSFORM],
        ),
        ("warning", TRANSFORM[1]),
        "both loaders shuffle, which is right if both train",
    ),
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
        "a change of it changes both",
    ),
    "a transform on the subset of one loader": (
        "split-shares-transform",
        once(facts=facts(unused_attributes=("transform",))),
        ("error", "dataset.transform"),
        "never uses its attribute transform",
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
