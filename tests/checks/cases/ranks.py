"""Headers of ranks for the checks of section 6_ranks and for split streams."""

import dataclasses

from observations import digest, part, ranks, split, stream_part

from dejabatch.distributed.keys import keys_of

ORDER = [5, 2, 11, 0, 7, 14, 9, 3, 1, 12, 6, 15, 4, 10, 8, 13]
OTHER = [3, 9, 0, 12, 15, 1, 6, 10, 2, 8, 14, 5, 11, 7, 13, 4]
HALVES = ORDER[0::2], ORDER[1::2]
OTHER_PROBES = tuple(digest(f"other {i}") for i in range(8))
SHARD = "batch_sampler"
SAMPLES = [f"sample {i}" for i in range(12)]


def halves(*orders, replicas=2, places=(0, 1), **changes):
    """Return two ranks with a DistributedSampler each."""
    return [
        part(rank, order, splits=(split(place, replicas),), **changes)
        for rank, (order, place) in enumerate(zip(orders, places, strict=True))
    ]


def twice(rank, order, **changes):
    """Return a rank whose part is split once more by accelerate."""
    inner = split(rank, 2, "batch_sampler.batch_sampler.sampler")
    outer = split(rank, 2, SHARD, "BatchSamplerShard")
    return part(rank, order, splits=(outer, inner), **changes)


def four(places, replicas, orders, **changes):
    """Return four ranks whose samplers have places of their own."""
    return [
        part(rank, orders[place], splits=(split(place, replicas),), **changes)
        for rank, place in enumerate(places)
    ]


def read_in_part(header, *, kept=3):
    """Return a header of an epoch that was not read to its end, with few keys."""
    indices = keys_of(header.indices.hashes, kept)
    return dataclasses.replace(header, indices=indices, complete=False)


FOURTHS = [ORDER[i::4] for i in range(4)]
STATES = (b"state 0", b"state 1")

BROKEN = {
    "shuffled epochs of everything": (
        "no-distributed-sampler",
        ranks(part(0, ORDER), part(1, OTHER)),
        ("error", "sampler"),
        "each of the 2 ranks has all 16 indices; the sampler is a torch",
    ),
    "the same epochs on three ranks": (
        "no-distributed-sampler",
        ranks(*(part(rank, ORDER) for rank in range(3))),
        ("error", "sampler"),
        "each of the 3 ranks has all 16 indices, in the same order",
    ),
    "a dispatcher that gives the same to all": (
        "no-distributed-sampler",
        ranks(*(stream_part(r, SAMPLES, data_loader=False) for r in range(2))),
        ("error", "loader"),
        "the 2 ranks read the same 12 samples",
    ),
    "LOCAL_RANK on two machines": (
        "wrong-rank",
        ranks(
            *(
                dataclasses.replace(header, local_rank=header.rank % 2)
                for header in four((0, 1, 0, 1), 4, FOURTHS, batch_size=1)
            )
        ),
        ("error", "sampler"),
        (
            "ranks 0 and 2 read the same 4 samples; ranks 1 and 3 read the same 4 "
            "samples; the parts of the DistributedSampler are 0, 1, 0, 1 of 4, which is "
            "LOCAL_RANK; 8 of 16 indices are on no rank"
        ),
    ),
    "LOCAL_RANK and the number of GPUs of a machine": (
        "wrong-rank",
        ranks(
            *(
                dataclasses.replace(header, local_rank=header.rank % 2)
                for header in four((0, 1, 0, 1), 2, HALVES)
            )
        ),
        ("error", "sampler"),
        "which is LOCAL_RANK",
    ),
    "a sampler made before the group": (
        "wrong-rank",
        ranks(*(part(r, ORDER, splits=(split(0, 1),)) for r in range(2))),
        ("warning", "sampler"),
        "is made for 1 rank of 1",
    ),
    "twice as many parts as ranks": (
        "wrong-rank",
        ranks(*halves(*FOURTHS[:2], replicas=4, batch_size=1)),
        ("error", "sampler"),
        "splits into 4 parts, for 2 ranks: 8 of 16 indices are on no rank",
    ),
    "a sampler of one's own that has rank 0 everywhere": (
        "wrong-rank",
        ranks(*(part(rank, HALVES[0], batch_size=1) for rank in range(2))),
        ("error", "sampler"),
        "ranks 0 and 1 read the same 8 samples; 8 of 16 indices are on no rank",
    ),
    "two models of two ranks, not declared": (
        "wrong-rank",
        ranks(*four((0, 0, 1, 1), 2, HALVES)),
        ("note", "sampler"),
        "Expect(same_data=[[0, 1], [2, 3]])",
    ),
    "repeated augmentation by a sampler that knows its rank": (
        "wrong-rank",
        ranks(
            *(
                part(
                    r,
                    HALVES[0],
                    contents=[(r, i) for i in range(8)],
                    splits=(split(r, 2),),
                    random=True,
                )
                for r in range(2)
            )
        ),
        ("note", "sampler"),
        "with different augmentations",
    ),
    "a DistributedSampler inside accelerate's split": (
        "data-split-twice",
        ranks(twice(0, ORDER[0:4]), twice(1, ORDER[4:8])),
        ("error", "batch_sampler.batch_sampler.sampler"),
        (
            "BatchSamplerShard (batch_sampler) into 2 and DistributedSampler "
            "(batch_sampler.batch_sampler.sampler) into 2 parts; 8 of 16 indices"
        ),
    ),
    "a stream split twice": (
        "data-split-twice",
        ranks(
            *(
                stream_part(
                    r,
                    SAMPLES[3 * r : 3 * r + 3],
                    splits=(
                        split(r, 2, "dataset", "IterableDatasetShard"),
                        split(r, 2, "dataset.dataset", "shard"),
                    ),
                )
                for r in range(2)
            )
        ),
        ("error", "dataset.dataset"),
        "IterableDatasetShard (dataset) into 2 and shard (dataset.dataset) into 2 parts",
    ),
    "a sampler over a part of one's own": (
        "data-split-twice",
        ranks(
            *(
                part(
                    r,
                    range(4),
                    contents=[(r, i) for i in range(4)],
                    length=8,
                    probes=tuple(digest((r, i)) for i in range(8)),
                    splits=(split(r, 2),),
                )
                for r in range(2)
            )
        ),
        ("error", "sampler"),
        "rank 0 reads 4 of the 8 samples that it holds",
    ),
    "twelve draws from ten": (
        "padded-evaluation",
        ranks(
            *(
                part(r, [r, r + 3, r + 6, i], length=10, batch_size=2)
                for r, i in enumerate((9, 0, 1))
            )
        ),
        ("warning", "sampler"),
        "12 samples are drawn from 10: 2 of them repeat",
    ),
    "records in another order on each rank": (
        "ranks-disagree",
        ranks(
            *halves(range(0, 16, 2), range(1, 16, 2))[:1],
            part(
                1,
                range(1, 16, 2),
                contents=[0, 2, 4, 5, 7, 9, 11, 13],
                probes=OTHER_PROBES,
                splits=(split(1, 2),),
            ),
        ),
        ("error", "dataset"),
        "3 of 13 samples are on several ranks: 8 of 8 indices are other samples",
    ),
    "random samples of different datasets": (
        "ranks-disagree",
        ranks(
            *halves(*HALVES, random=True, reproducible=False)[:1],
            part(
                1,
                HALVES[1],
                probes=OTHER_PROBES,
                splits=(split(1, 2),),
                reproducible=False,
            ),
        ),
        ("warning", "dataset"),
        "and the DistributedSampler splits the indices",
    ),
    "datasets of different lengths": (
        "ranks-disagree",
        ranks(part(0, ORDER[:12], length=12), part(1, ORDER[6:], length=10)),
        ("error", "dataset"),
        "6 of 16 samples are on several ranks: len(dataset) is 10 on one rank and 12",
    ),
    "a sampler seeded by the rank": (
        "ranks-disagree",
        ranks(*halves(ORDER[0::2], OTHER[1::2])),
        ("error", "sampler"),
        "indices are on several ranks, and",
    ),
    "a batch more on one rank": (
        "ranks-of-different-lengths",
        ranks(part(0, ORDER[:9]), part(1, ORDER[9:])),
        ("warning", "sampler"),
        "rank 1 has 2 batches in an epoch and rank 0 has 3",
    ),
    "a stream that ends while the other goes on": (
        "ranks-of-different-lengths",
        ranks(
            stream_part(0, SAMPLES[:4]),
            stream_part(1, SAMPLES[4:], complete=False, all_batches=None),
        ),
        ("warning", "dataset.__iter__"),
        "rank 0 has 1 batches in an epoch and rank 1 has 2 or more",
    ),
    "a rank without samples": (
        "ranks-of-different-lengths",
        ranks(part(0, ORDER), part(1, [])),
        ("error", "sampler"),
        "rank 1 has 0 batches",
    ),
    "an unpadded evaluation": (
        "ranks-of-different-lengths",
        ranks(part(0, range(9)), part(1, range(9, 16))),
        ("note", "sampler"),
        "rank 1 has 2 batches in an epoch and rank 0 has 3",
    ),
    "ranks of one model with different indices": (
        "model-parallel-ranks-differ",
        ranks(*halves(*HALVES), same_data=[[0, 1]]),
        ("error", "sampler"),
        "ranks 0 and 1 read different batches: 0 of 16 indices",
    ),
    "two models whose data are split for four ranks": (
        "model-parallel-ranks-differ",
        ranks(*four(range(4), 4, FOURTHS), same_data=[[0, 1], [2, 3]]),
        ("error", "sampler"),
        "ranks 0 and 1 read different batches: 0 of 8 indices",
    ),
    "ranks of one model with different augmentation": (
        "model-parallel-ranks-differ",
        ranks(
            part(0, ORDER, generators={"torch": STATES}),
            part(1, ORDER, contents=OTHER),
            same_data=[[0, 1]],
        ),
        ("error", "dataset"),
        "the same indices and different samples: torch differs",
    ),
    "ranks of one model that collate differently": (
        "model-parallel-ranks-differ",
        ranks(part(0, ORDER), part(1, ORDER, collated=b"other"), same_data=[[0, 1]]),
        ("error", "collate_fn"),
        "make different batches of the same samples",
    ),
    "ranks of one model with different streams": (
        "model-parallel-ranks-differ",
        ranks(
            stream_part(0, SAMPLES[:6]), stream_part(1, SAMPLES[6:]), same_data=[[0, 1]]
        ),
        ("error", "dataset.__iter__"),
        "ranks 0 and 1 read different samples",
    ),
    "one seed on all ranks": (
        "ranks-augment-alike",
        ranks(*halves(*HALVES, generators={"torch": STATES}, num_workers=2)),
        ("warning", "torch"),
        "workers of ranks 0 and 1 start the epoch with 2 equal states of it",
    ),
    "worker 1 of a rank is worker 0 of the next": (
        "ranks-augment-alike",
        ranks(
            *halves(HALVES[0], [], generators={"np.random": STATES}, num_workers=2)[:1],
            part(1, HALVES[1], generators={"np.random": (b"state 1", b"state 2")}),
        ),
        ("warning", "np.random"),
        "start the epoch with 1 equal state of it",
    ),
    "one stream on all ranks": (
        "stream-not-split-by-rank",
        ranks(stream_part(0, SAMPLES), stream_part(1, SAMPLES[::-1])),
        ("error", "dataset.__iter__"),
        "each of 2 ranks reads the same 12 samples",
    ),
}

SPLIT = ranks(*halves(*HALVES))
PADDED = ranks(*halves([*HALVES[0], ORDER[1]], [*HALVES[1], ORDER[0]]))
MODELS = ranks(*four((0, 0, 1, 1), 2, HALVES), same_data=[[0, 1], [2, 3]])
WINDOWS = ranks(
    part(0, ORDER[:6], replacement=False), part(1, [*ORDER[4:7], *ORDER[9:12]])
)
RESAMPLED = ranks(
    stream_part(0, [*SAMPLES[:3], SAMPLES[0]]), stream_part(1, SAMPLES[2:6])
)
OWN_SHARDS = ranks(
    *(
        part(r, ORDER, contents=[(r, i) for i in ORDER], probes=probes)
        for r, probes in enumerate((part(0, [0]).probes, OTHER_PROBES))
    )
)
SEVERAL_TIMES = ranks(*halves(ORDER[:7], ORDER[6::-1], random=True))

RIGHT = {
    "no-distributed-sampler, a split by indices": ("no-distributed-sampler", SPLIT),
    "no-distributed-sampler, declared replicas": ("no-distributed-sampler", MODELS),
    "no-distributed-sampler, windows drawn at random": (
        "no-distributed-sampler",
        WINDOWS,
    ),
    "no-distributed-sampler, shards of their own": (
        "no-distributed-sampler",
        OWN_SHARDS,
    ),
    "no-distributed-sampler, draws with replacement": (
        "no-distributed-sampler",
        ranks(part(0, ORDER, replacement=True), part(1, ORDER, replacement=True)),
    ),
    "no-distributed-sampler, another dispatcher": (
        "no-distributed-sampler",
        ranks(*(stream_part(r, SAMPLES[r::2], data_loader=False) for r in range(2))),
    ),
    "wrong-rank, the right one": ("wrong-rank", SPLIT),
    "wrong-rank, declared replicas": ("wrong-rank", MODELS),
    "wrong-rank, no split at all": (
        "wrong-rank",
        ranks(part(0, ORDER), part(1, ORDER)),
    ),
    "data-split-twice, once": ("data-split-twice", SPLIT),
    "data-split-twice, a wrapper that copies the numbers": (
        "data-split-twice",
        ranks(twice(0, HALVES[0]), twice(1, HALVES[1])),
    ),
    "data-split-twice, shards of their own": ("data-split-twice", OWN_SHARDS),
    "padded-evaluation, no padding": ("padded-evaluation", SPLIT),
    "padded-evaluation, training": ("padded-evaluation", PADDED),
    "padded-evaluation, unpadded": (
        "padded-evaluation",
        ranks(part(0, range(9)), part(1, range(9, 16))),
    ),
    "ranks-disagree, one order": ("ranks-disagree", SPLIT),
    "ranks-disagree, padding": ("ranks-disagree", PADDED),
    "ranks-disagree, shards of their own": ("ranks-disagree", OWN_SHARDS),
    "ranks-disagree, repeated augmentation": ("ranks-disagree", SEVERAL_TIMES),
    "ranks-disagree, windows drawn at random": ("ranks-disagree", WINDOWS),
    "ranks-of-different-lengths, equal ones": ("ranks-of-different-lengths", SPLIT),
    "wrong-rank, two models whose data are split for four ranks": (
        "wrong-rank",
        ranks(*four(range(4), 4, FOURTHS), same_data=[[0, 1], [2, 3]]),
    ),
    "model-parallel-ranks-differ, replicas": ("model-parallel-ranks-differ", MODELS),
    "ranks-augment-alike, seeds of their own": (
        "ranks-augment-alike",
        ranks(
            *halves(HALVES[0], [], generators={"torch": STATES})[:1],
            part(1, HALVES[1], generators={"torch": (b"state 2", b"state 3")}),
        ),
    ),
    "ranks-augment-alike, samples are fixed": ("ranks-augment-alike", SPLIT),
    "ranks-augment-alike, declared replicas": (
        "ranks-augment-alike",
        ranks(
            *four((0, 0), 1, [ORDER], generators={"torch": STATES}),
            part(2, OTHER, generators={"torch": (b"state 2",)}),
            same_data=[[0, 1]],
        ),
    ),
    "stream-not-split-by-rank, split": (
        "stream-not-split-by-rank",
        ranks(*(stream_part(r, SAMPLES[r::2]) for r in range(2))),
    ),
    "stream-not-split-by-rank, resampled shards": (
        "stream-not-split-by-rank",
        RESAMPLED,
    ),
}

OPEN = {
    "no-distributed-sampler, one model on all ranks": (
        "no-distributed-sampler",
        ranks(part(0, ORDER), part(1, ORDER), same_data=[[0, 1]]),
        "all ranks are expected to read the same data",
    ),
    "wrong-rank, a stream": (
        "wrong-rank",
        ranks(stream_part(0, SAMPLES), stream_part(1, SAMPLES)),
        "iterable",
    ),
    "padded-evaluation, read in part": (
        "padded-evaluation",
        ranks(*(read_in_part(header) for header in halves(range(8), range(8, 16)))),
        "raise max_batches",
    ),
    "ranks-disagree, indices that are words": (
        "ranks-disagree",
        ranks(*(dataclasses.replace(header, indices=None) for header in SPLIT)),
        "not integers",
    ),
    "ranks-disagree, no sample to compare": (
        "ranks-disagree",
        ranks(part(0, ORDER, probes=()), part(1, ORDER, probes=())),
        "could not be compared",
    ),
    "ranks-of-different-lengths, endless streams": (
        "ranks-of-different-lengths",
        ranks(
            *(
                stream_part(r, SAMPLES, complete=False, all_batches=None)
                for r in range(2)
            )
        ),
        "raise max_batches",
    ),
    "model-parallel-ranks-differ, not declared": (
        "model-parallel-ranks-differ",
        SPLIT,
        "Expect",
    ),
    "stream-not-split-by-rank, a map-style dataset": (
        "stream-not-split-by-rank",
        SPLIT,
        "not iterable",
    ),
}
