"""Observations for the checks of section 2_randomness."""

import dataclasses
import itertools

import numpy as np
from observations import (
    MAIN,
    answers,
    digest,
    epochs,
    facts,
    fetch,
    observation,
    pair,
    random_answers,
    streams,
    worker_runs,
)

from dejabatch import Expect
from dejabatch.observe.record import (
    DEFAULT_TORCH_GENERATOR,
    SEEDED_NUMPY,
    Draws,
    EpochEnd,
    Seeding,
    WorkerStart,
    numpy_recipe,
)

ORDER = list(range(16))
SHUFFLED = np.random.default_rng(0).permutation(16).tolist()
OTHERWISE = np.random.default_rng(1).permutation(16).tolist()
RNG = "dataset.rng"
PLACES = [(epoch, worker) for epoch in range(2) for worker in range(2)]
# States of a generator before and after the first batch, by (epoch, worker).
COPIED = dict.fromkeys(PLACES, ("start", "after"))
COPIED_ONCE = COPIED | {(1, 0): ("e1 w0", "f1 w0"), (1, 1): ("e1 w1", "f1 w1")}
EACH_EPOCH = {(e, w): (f"start {w}", f"after {w}") for e, w in PLACES}
NEVER_DRAWN = dict.fromkeys(PLACES, ("start", "start"))
OF_THEIR_OWN = {(e, w): (f"start {e} {w}", f"after {e} {w}") for e, w in PLACES}
WITH_INIT = facts(num_workers=2, start_method="fork", worker_init_fn=True)


def replayed(*workers):
    """Return what each of the workers makes of one index, several times."""
    return observation(streams(*workers), facts=facts(num_workers=len(workers)))


VARIES = answers(same_states=b"1", other_index_first=b"2")


def opencv_draws(*numbers):
    """Return what each worker draws from OpenCV after each of its samples."""
    return observation(
        [
            fetch([0], batch=batch, worker=worker, collated=digest(number))
            for worker, of_worker in enumerate(numbers)
            for batch, number in enumerate(of_worker)
        ]
    )


SAME_NOISE = replayed(["a", "b", "c"], ["a", "b", "c"])
OWN_NOISE = replayed(["a", "b", "c"], ["d", "e", "f"])


def starts_with(known, used=True):
    """Return two workers that start in known states of NumPy's generator."""
    states = {
        (0, worker): (
            f"recipe {worker}",
            f"used {worker}" if used else f"recipe {worker}",
        )
        for worker in range(2)
    }
    names = {numpy_recipe(worker): digest(f"recipe {worker}") for worker in range(2)}
    return worker_runs("np.random", states, known_states=names if known else {})


def copies_of_main(drawn, known_states=()):
    """Return two workers whose NumPy starts as in the main process."""
    after = digest("drawn") if drawn else MAIN["np.random"]
    starts = [WorkerStart(0, worker, MAIN, 100 + worker) for worker in range(2)]
    census = MAIN | {"np.random": after}
    fetches = [
        fetch([worker], batch=worker, worker=worker, indices=[worker], census=census)
        for worker in range(2)
    ]
    return observation(
        fetches,
        starts=starts,
        facts=facts(num_workers=2),
        known_states=dict(known_states),
    )


def torch_seeds(*seeds):
    """Return workers that draw the same numbers from torch, with these seeds."""
    starts = [
        WorkerStart(0, worker, MAIN | {"torch": digest("start")}, seed)
        for worker, seed in enumerate(seeds)
    ]
    census = MAIN | {"torch": digest("after")}
    fetches = [
        fetch([worker], batch=worker, worker=worker, indices=[worker], census=census)
        for worker in range(len(seeds))
    ]
    return observation(
        fetches,
        starts=starts,
        facts=facts(num_workers=len(seeds), worker_init_fn=True),
    )


def unseeded(**changes):
    """Return a stored generator in torch's default state at the start, no workers."""
    start = MAIN | {RNG: digest("default")}
    return observation(
        [fetch(ORDER, indices=ORDER, census=MAIN | {RNG: digest("later")})],
        **{
            "starts": [WorkerStart(0, -1, start, 0)],
            "known_states": {DEFAULT_TORCH_GENERATOR: digest("default")},
            **changes,
        },
    )


def pairs(one, other, **changes):
    """Return two loaders that read their samples in these orders."""
    kind = facts(sampler_has_generator=True, shuffles=True)
    return pair(
        observation(epochs([one]), facts=kind),
        observation(epochs([other]), facts=kind),
        **changes,
    )


# Samples draw different amounts, so states after the first batch differ.
SIZES = {(e, w): ("start", f"after {e} {w}") for e, w in PLACES}
MADE_LATE = random_answers(constant_late_generators=("dataset.late",))


def once_late(**kind):
    return observation(epochs([ORDER]), answers=MADE_LATE, facts=facts(**kind))


def constructed(state, state_again, where=("dataset.__init__",)):
    """Return a loader and its second making, whose torch is in these states."""
    seen = [
        observation(
            epochs([ORDER]),
            starts=[WorkerStart(0, -1, MAIN | {"torch": digest(after)}, 0)],
            seedings=tuple(Seeding("torch", one) for one in where),
        )
        for after in (state, state_again)
    ]
    one, other = (dataclasses.replace(s, starts=s.starts[1:]) for s in seen)
    return dataclasses.replace(one, rebuilt=other)


def sampled(before, at_first, orders=(), **kind):
    """Return epochs with states of torch before, and at the sampler's first index."""
    ends = [
        EpochEnd(
            epoch,
            True,
            states_before={"torch": digest(one)},
            states_at_first_index={"torch": digest(other)},
        )
        for epoch, (one, other) in enumerate(zip(before, at_first, strict=True))
    ]
    return observation(
        epochs(orders or [ORDER, OTHERWISE]), ends=ends, facts=facts(**kind)
    )


def seeded_stream(starts, after_batches, **kind):
    """Return two workers of a stream, with one state of torch after each batch."""
    fetches = [
        fetch(
            [worker], batch=batch, worker=worker, census=MAIN | {"torch": digest(state)}
        )
        for worker in range(2)
        for batch, state in enumerate(after_batches)
    ]
    return observation(
        fetches,
        starts=[
            WorkerStart(0, worker, MAIN | {"torch": digest(start)}, worker)
            for worker, start in enumerate(starts)
        ],
        facts=facts(map_style=False, num_workers=2, **kind),
    )


def seeds_at_start(**kind):
    """Return a loader of which the first sample in a process seeds NumPy."""
    return observation(
        epochs([ORDER, ORDER]),
        answers=answers(reseeded_at_start=("np.random",)),
        facts=facts(**kind),
    )


def drawn(*orders):
    """Return epochs of a sampler that makes a generator in each of them."""
    return Draws(
        tuple(np.array(order) for order in orders),
        complete=True,
        seeding_functions=("Permutes.__iter__",),
    )


BY_INDEX = answers(
    reseeded_by_index=("torch",), seeding_places=("dataset.transform.__call__",)
)


def without_indices(seen):
    """Return the batches of a stream, whose samples have no index."""
    fetches = (dataclasses.replace(one, indices=None) for one in seen.fetches)
    return dataclasses.replace(seen, fetches=tuple(fetches))


BROKEN = {
    "a copied generator": (
        "rng-object-on-dataset",
        worker_runs(RNG, COPIED),
        ("error", RNG),
        "the 2 workers draw the same numbers from it and a worker draws the same",
    ),
    "a generator that repeats its epochs": (
        "rng-object-on-dataset",
        worker_runs(RNG, EACH_EPOCH),
        ("error", RNG),
        "a worker draws the same numbers from it in the next epoch",
    ),
    "a generator that each epoch may reseed, and on which the sample depends": (
        "rng-object-on-dataset",
        worker_runs(
            RNG,
            EACH_EPOCH,
            indices={(e, w): [w, w + 2] for e, w in PLACES},
            answers=random_answers(RNG),
        ),
        ("error", RNG),
        "in the next epoch",
    ),
    "a generator on which samples of several sizes depend": (
        "rng-object-on-dataset",
        worker_runs(RNG, SIZES, answers=random_answers(RNG)),
        ("error", RNG),
        "the 2 workers draw the same numbers from it and a worker draws the same",
    ),
    "one seed for samples of several sizes": (
        "constant-worker-seed",
        worker_runs("torch", SIZES, facts=WITH_INIT, answers=random_answers("torch")),
        ("error", "worker_init_fn"),
        "the 2 workers draw the same numbers from torch",
    ),
    "one seed for numba": (
        "constant-worker-seed",
        worker_runs("numba.np.random", COPIED, facts=WITH_INIT),
        ("error", "worker_init_fn"),
        "draw the same numbers from numba.np.random",
    ),
    "a generator that the first sample makes": (
        "rng-object-on-dataset",
        worker_runs(RNG, OF_THEIR_OWN, answers=MADE_LATE),
        ("error", "dataset.late"),
        "the first sample of each worker makes dataset.late",
    ),
    "a generator that the first sample makes in persistent workers": (
        "rng-object-on-dataset",
        once_late(num_workers=2, persistent_workers=True),
        ("error", "dataset.late"),
        "in the same state in every worker",
    ),
    "a generator that the first batch makes": (
        "rng-in-collate",
        worker_runs(
            "collate_fn.rng",
            OF_THEIR_OWN,
            answers=answers(
                constant_late_in_collate=("collate_fn.late",),
                batch_depends_on=("collate_fn.late",),
            ),
        ),
        ("error", "collate_fn.late"),
        "the first batch of each worker makes collate_fn.late",
    ),
    "a first sample that seeds its worker": (
        "reseed-in-getitem",
        seeds_at_start(num_workers=2),
        ("error", "dataset.__getitem__"),
        "leaves np.random in the same state in every epoch",
    ),
    "a first sample that seeds persistent workers": (
        "reseed-in-getitem",
        seeds_at_start(num_workers=2, persistent_workers=True),
        ("error", "dataset.__getitem__"),
        "in the same state in every worker",
    ),
    "a collate_fn that seeds": (
        "reseed-in-getitem",
        observation(answers=answers(reseeded_by_collate=("torch",))),
        ("error", "collate_fn"),
        "torch is in one and the same state after each batch",
    ),
    "a collate_fn of new workers that seeds with a count": (
        "reseed-in-getitem",
        observation(
            answers=answers(counted_by_collate=("torch",)), facts=facts(num_workers=1)
        ),
        ("error", "collate_fn"),
        "after each first batch of every epoch",
    ),
    "samples that seed with the worker's seed": (
        "reseed-in-getitem",
        observation(answers=answers(reseeded_in_worker=("np.random",))),
        ("error", "dataset.__getitem__"),
        "after samples of two indices in one process",
    ),
    "a generator that each sample makes": (
        "reseed-in-getitem",
        observation(
            epochs([ORDER, SHUFFLED]),
            answers=answers(made_alike=("Noisy.__getitem__",)),
        ),
        ("warning", "dataset.__getitem__"),
        "Noisy.__getitem__ makes a generator in the same state for each sample",
    ),
    "a generator that each batch makes": (
        "reseed-in-getitem",
        observation(
            epochs([ORDER, SHUFFLED]), answers=answers(made_alike_by_collate=("mix",))
        ),
        ("warning", "collate_fn"),
        "mix makes a generator in the same state for each batch",
    ),
    "a generator that the first sample makes in one worker": (
        "rng-object-on-dataset",
        once_late(num_workers=1),
        ("error", "dataset.late"),
        "in the same state in every epoch",
    ),
    "a constructor that seeds": (
        "seed-in-constructor",
        constructed("seeded", "seeded"),
        ("warning", "dataset.__init__"),
        "dataset.__init__ seeds torch, which is in one state afterwards",
    ),
    "a sampler that seeds": (
        "reseed-every-epoch",
        sampled(["start", "later"], ["seeded", "seeded"]),
        ("warning", "sampler"),
        "the sampler leaves torch in the same state in every epoch",
    ),
    "a sampler that seeds and repeats its order": (
        "reseed-every-epoch",
        sampled(["start", "later"], ["seeded", "seeded"], [SHUFFLED] * 2),
        ("error", "sampler"),
        "in every epoch, and the order is the same",
    ),
    "a sampler that makes its generator in each epoch": (
        "reseed-every-epoch",
        observation(epochs([SHUFFLED] * 2), draws=drawn(SHUFFLED, SHUFFLED)),
        ("warning", "sampler"),
        "the same order: Permutes.__iter__ seeds a generator",
    ),
    "a stream that seeds": (
        "reseed-in-getitem",
        seeded_stream(["start 0", "start 1"], ["seeded", "drawn"]),
        ("error", "dataset.__iter__"),
        "torch is in one and the same state after the first batch",
    ),
    "a generator that no path leads to": (
        "rng-object-on-dataset",
        worker_runs(RNG, OF_THEIR_OWN, answers=VARIES, replay=SAME_NOISE),
        ("error", "dataset.__getitem__"),
        "gives the same 3 samples in each of 2 workers, from a generator that",
    ),
    "a library's generator": (
        "library-holds-its-own-rng",
        worker_runs(
            RNG, COPIED, facts=facts(num_workers=2, library_generators={RNG: "albu"})
        ),
        ("error", RNG),
        "albu holds it: the 2 workers",
    ),
    "a generator of collate_fn": (
        "rng-in-collate",
        worker_runs("collate_fn.rng", COPIED_ONCE),
        ("error", "collate_fn.rng"),
        "the 2 workers draw the same numbers from it",
    ),
    "a generator of collate_fn, and batches of several sizes": (
        "rng-in-collate",
        worker_runs(
            "collate_fn.rng",
            SIZES,
            answers=answers(batch_depends_on=("collate_fn.rng",)),
        ),
        ("error", "collate_fn.rng"),
        "the 2 workers draw the same numbers from it",
    ),
    "one seed for all workers": (
        "constant-worker-seed",
        worker_runs("torch", COPIED, facts=WITH_INIT),
        ("error", "worker_init_fn"),
        "the 2 workers draw the same numbers from torch",
    ),
    "one seed for all epochs": (
        "worker-seed-without-epoch",
        worker_runs("random", EACH_EPOCH, facts=WITH_INIT),
        ("error", "worker_init_fn"),
        "from random in the next epoch",
    ),
    "one seed for all epochs of a stream": (
        "worker-seed-without-epoch",
        without_indices(
            worker_runs(
                "torch",
                EACH_EPOCH,
                facts=facts(map_style=False, num_workers=2, worker_init_fn=True),
            )
        ),
        ("error", "worker_init_fn"),
        "from torch in the next epoch",
    ),
    "the recipe": (
        "get-state-recipe",
        starts_with(known=True),
        ("error", "worker_init_fn"),
        "2 of 2 times a worker started an epoch with np.random.seed(2147483648",
    ),
    "the recipe, not drawn from": (
        "get-state-recipe",
        starts_with(known=True, used=False),
        ("note", "worker_init_fn"),
        "nothing was drawn",
    ),
    "copies of the main process's NumPy": (
        "numpy-global-before-1-9",
        copies_of_main(drawn=True),
        ("error", "np.random"),
        "2 of 2 workers draw from np.random",
    ),
    "the number that also seeded the main process": (
        "constant-worker-seed",
        copies_of_main(
            drawn=True, known_states={SEEDED_NUMPY: MAIN["np.random"]}.items()
        ),
        ("error", "worker_init_fn"),
        "the 2 workers draw the same numbers from np.random",
    ),
    "seeds with the same low bits": (
        "seeds-equal-in-32-bits",
        torch_seeds(7, 7 + 2**32),
        ("error", "worker_init_fn"),
        "0x0000000000000007 (worker 0, epoch 0) and 0x0000000100000007 (worker 1",
    ),
    "a constant seed in __getitem__": (
        "reseed-in-getitem",
        observation(epochs([ORDER]), answers=answers(reseeded=("torch",))),
        ("error", "dataset.__getitem__"),
        "torch is in one and the same state",
    ),
    "a constant seed for a generator of its own": (
        "reseed-in-getitem",
        observation(epochs([ORDER]), answers=answers(reseeded=(RNG,))),
        ("warning", "dataset.__getitem__"),
        f"{RNG} is in one and the same state",
    ),
    "a seed of the index for the process": (
        "reseed-in-getitem",
        observation(epochs([ORDER, SHUFFLED]), answers=BY_INDEX),
        ("warning", "dataset.transform.__call__"),
        "torch is in one and the same state after each sample of index 0",
    ),
    "a seed of the index in workers, in new orders": (
        "reseed-in-getitem",
        observation(
            epochs([ORDER, SHUFFLED]), answers=BY_INDEX, facts=facts(num_workers=2)
        ),
        ("warning", "dataset.transform.__call__"),
        "torch is in one and the same state after each sample of index 0",
    ),
    "a seed of the index for the process, in order": (
        "reseed-in-getitem",
        observation(epochs([ORDER, ORDER]), answers=BY_INDEX),
        ("note", "dataset.transform.__call__"),
        "torch is in one and the same state after each sample of index 0",
    ),
    "a shuffled order that repeats": (
        "reseed-every-epoch",
        observation(
            epochs([SHUFFLED] * 2), facts=facts(shuffles=True), answers=answers()
        ),
        ("error", "sampler"),
        "2 shuffled epochs have the same 16 indices",
    ),
    "OpenCV's generator": (
        "opencv-rng",
        worker_runs(
            "cv2",
            OF_THEIR_OWN,
            answers=random_answers("cv2"),
            replay=opencv_draws("ab", "ab"),
        ),
        ("error", "cv2"),
        "2 workers that made the same samples draw the same number next",
    ),
    "an unseeded generator of the sampler": (
        "default-torch-generator",
        observation(
            epochs([ORDER]),
            ends=[EpochEnd(0, True, unseeded_generators=("sampler.generator",))],
        ),
        ("warning", "sampler.generator"),
        "sampler.generator was never seeded",
    ),
    "an unseeded generator of the samples": (
        "default-torch-generator",
        unseeded(answers=random_answers(RNG)),
        ("warning", RNG),
        f"{RNG} was never seeded",
    ),
    "a generator of two loaders": (
        "one-generator-for-two-loaders",
        pairs(SHUFFLED, OTHERWISE, shared=[("generator", "generator", "generator")]),
        ("warning", "generator"),
        "both loaders draw from one generator",
    ),
    "two generators with one seed": (
        "one-generator-for-two-loaders",
        pairs(SHUFFLED, SHUFFLED),
        ("error", "sampler.generator"),
        "the first 16 indices of both loaders are the same",
    ),
}

RIGHT = {
    "a sampler that seeds before its only, endless epoch": (
        "reseed-every-epoch",
        observation(epochs([SHUFFLED] * 2), draws=drawn(SHUFFLED)),
    ),
    "a collate_fn that counts its batches in the main process": (
        "reseed-in-getitem",
        observation(answers=answers(counted_by_collate=("torch",))),
    ),
    "a collate_fn that seeds, as expected": (
        "reseed-in-getitem",
        observation(
            answers=answers(reseeded_by_collate=("torch",)),
            expect=Expect(deterministic=True),
        ),
    ),
    "a generator that each sample makes, as expected": (
        "reseed-in-getitem",
        observation(
            epochs([ORDER, SHUFFLED]),
            answers=answers(made_alike=("crop",)),
            expect=Expect(deterministic=True),
        ),
    ),
    "batches of several sizes that do not depend on a generator": (
        "rng-in-collate",
        worker_runs("collate_fn.rng", SIZES, answers=answers()),
    ),
    "samples of several sizes that do not depend on a generator": (
        "rng-object-on-dataset",
        worker_runs(RNG, SIZES, answers=random_answers("torch")),
    ),
    "a generator that the first batch makes, of which no batch depends": (
        "rng-in-collate",
        worker_runs(
            "collate_fn.rng",
            OF_THEIR_OWN,
            answers=answers(constant_late_in_collate=("collate_fn.late",)),
        ),
    ),
    "a first sample that seeds the main process": (
        "reseed-in-getitem",
        seeds_at_start(),
    ),
    "a first sample that seeds the only persistent worker": (
        "reseed-in-getitem",
        seeds_at_start(num_workers=1, persistent_workers=True),
    ),
    "a generator that the first sample makes in the main process": (
        "reseed-in-getitem",
        once_late(),
    ),
    "a constructor that seeds from entropy": (
        "seed-in-constructor",
        constructed("one", "other"),
    ),
    "a function that seeds": (
        "seed-in-constructor",
        constructed("seeded", "seeded", where=()),
    ),
    "a sampler that draws": (
        "reseed-every-epoch",
        sampled(["start", "later"], ["drawn", "drawn later"]),
    ),
    "a sampler that makes its generator in each epoch, as expected": (
        "reseed-every-epoch",
        observation(
            epochs([SHUFFLED] * 2),
            draws=drawn(SHUFFLED, SHUFFLED),
            expect=Expect(fixed_order=True),
        ),
    ),
    "a sampler that makes its generator and counts epochs": (
        "reseed-every-epoch",
        observation(epochs([SHUFFLED] * 2), draws=drawn(SHUFFLED, ORDER)),
    ),
    "a sampler that draws nothing": (
        "reseed-every-epoch",
        sampled(["start", "later"], ["later", "later"]),
    ),
    "a sampler that seeds by the epoch": (
        "reseed-every-epoch",
        sampled(["start", "later"], ["seeded", "seeded"], sampler_has_set_epoch=True),
    ),
    "a stream that seeds to shuffle": (
        "reseed-in-getitem",
        seeded_stream(["start 0", "start 1"], ["seeded", "seeded"]),
    ),
    "a stream that draws": (
        "reseed-in-getitem",
        seeded_stream(["start", "start"], ["drawn", "drawn later"]),
    ),
    "generators that are never drawn from": (
        "rng-object-on-dataset",
        worker_runs(RNG, NEVER_DRAWN),
    ),
    "generators of their own": (
        "rng-object-on-dataset",
        worker_runs(RNG, OF_THEIR_OWN),
    ),
    "a counter instead of a generator": (
        "rng-object-on-dataset",
        worker_runs(
            RNG,
            OF_THEIR_OWN,
            answers=answers(
                same_states=b"1",
                other_index_first=b"0",
                changed_objects={"dataset.n": "value"},
            ),
            replay=SAME_NOISE,
        ),
    ),
    "an edit instead of a generator": (
        "rng-object-on-dataset",
        worker_runs(
            RNG,
            OF_THEIR_OWN,
            answers=answers(same_states=b"1", edited_objects={"dataset.data": "array"}),
            replay=SAME_NOISE,
        ),
    ),
    "noise of their own": (
        "rng-object-on-dataset",
        worker_runs(RNG, OF_THEIR_OWN, answers=VARIES, replay=OWN_NOISE),
    ),
    "a copied generator of a library is reported elsewhere": (
        "rng-object-on-dataset",
        worker_runs(
            RNG, COPIED, facts=facts(num_workers=2, library_generators={RNG: "albu"})
        ),
    ),
    "a generator that orders a split stream": (
        "rng-object-on-dataset",
        observation(
            [
                fetch(
                    [(worker, batch)],
                    batch=2 * batch + worker,
                    worker=worker,
                    census=MAIN | {RNG: digest("ordered")},
                )
                for batch in range(2)
                for worker in range(2)
            ],
            starts=[
                WorkerStart(0, worker, MAIN | {RNG: digest("start")}, worker)
                for worker in range(2)
            ],
            facts=facts(map_style=False, num_workers=2),
        ),
    ),
    "a user's generator": ("library-holds-its-own-rng", worker_runs(RNG, COPIED)),
    "a dataset's generator": ("rng-in-collate", worker_runs(RNG, COPIED)),
    "seeds of their own": (
        "constant-worker-seed",
        worker_runs("torch", OF_THEIR_OWN, facts=WITH_INIT),
    ),
    "one seed for all workers, explained by the recipe": (
        "constant-worker-seed",
        worker_runs(
            "np.random",
            dict.fromkeys([(0, 0), (0, 1)], ("recipe", "used")),
            facts=WITH_INIT,
            known_states={numpy_recipe(0): digest("recipe")},
        ),
    ),
    "one seed for all workers is not one for all epochs": (
        "worker-seed-without-epoch",
        worker_runs("torch", COPIED, facts=WITH_INIT),
    ),
    "epochs of a main process that repeats itself": (
        "worker-seed-without-epoch",
        worker_runs("torch", EACH_EPOCH),
    ),
    "other states of NumPy": ("get-state-recipe", starts_with(known=False)),
    "copies that are never drawn from": (
        "numpy-global-before-1-9",
        copies_of_main(drawn=False),
    ),
    "one seed is equal in all bits": ("seeds-equal-in-32-bits", torch_seeds(7, 7)),
    "low bits of their own": ("seeds-equal-in-32-bits", torch_seeds(7, 8 + 2**32)),
    "a seed of the index, as expected": (
        "reseed-in-getitem",
        observation(
            epochs([ORDER, SHUFFLED]),
            answers=BY_INDEX,
            expect=Expect(deterministic=True),
        ),
    ),
    "a generator that is not reseeded": (
        "reseed-in-getitem",
        observation(epochs([ORDER]), answers=answers()),
    ),
    "two shuffled orders": (
        "reseed-every-epoch",
        observation(epochs([SHUFFLED, OTHERWISE]), facts=facts(shuffles=True)),
    ),
    "a repeated order that __getitem__ explains": (
        "reseed-every-epoch",
        observation(
            epochs([SHUFFLED] * 2),
            facts=facts(shuffles=True),
            answers=answers(reseeded=("torch",)),
        ),
    ),
    "a repeated order of another sampler": (
        "reseed-every-epoch",
        observation(epochs([SHUFFLED] * 2)),
    ),
    "OpenCV draws its own in each worker": (
        "opencv-rng",
        worker_runs(
            "cv2",
            OF_THEIR_OWN,
            answers=random_answers("cv2"),
            replay=opencv_draws("ab", "cd"),
        ),
    ),
    "samples that do not depend on OpenCV": (
        "opencv-rng",
        worker_runs(
            "cv2",
            OF_THEIR_OWN,
            answers=random_answers("torch"),
            replay=opencv_draws("ab", "ab"),
        ),
    ),
    "seeded generators": (
        "default-torch-generator",
        unseeded(answers=random_answers(RNG), known_states={}),
    ),
    "an unseeded generator without effect": (
        "default-torch-generator",
        unseeded(answers=answers()),
    ),
    "a generator that worker_init_fn may seed": (
        "default-torch-generator",
        unseeded(answers=random_answers(RNG), facts=facts(worker_init_fn=True)),
    ),
    "two orders from two generators": (
        "one-generator-for-two-loaders",
        pairs(SHUFFLED, OTHERWISE),
    ),
    "two ascending orders": ("one-generator-for-two-loaders", pairs(ORDER, ORDER)),
    "a shared generator of the transforms": (
        "one-generator-for-two-loaders",
        pairs(
            SHUFFLED, OTHERWISE, shared=[("dataset.rng", "dataset.rng", "generator")]
        ),
    ),
}

NO_WORKERS = observation(epochs([ORDER]), answers=VARIES)
OPEN = {
    f"{slug} without workers": (slug, NO_WORKERS, "workers")
    for slug in (
        "rng-object-on-dataset",
        "library-holds-its-own-rng",
        "rng-in-collate",
        "constant-worker-seed",
        "worker-seed-without-epoch",
        "get-state-recipe",
        "numpy-global-before-1-9",
        "seeds-equal-in-32-bits",
    )
} | {
    "too many objects": (
        "rng-object-on-dataset",
        worker_runs(
            RNG,
            NEVER_DRAWN,
            facts=facts(num_workers=2, search_stopped_at="dataset.big"),
        ),
        r"stopped at dataset\.big, because the dataset holds too many objects",
    ),
    "a generator that each sample makes, in a fixed order": (
        "reseed-in-getitem",
        observation(epochs([ORDER] * 2), answers=answers(made_alike=("crop",))),
        "crop makes a generator in the same state for each sample",
    ),
    "a loader whose constructors are done": (
        "seed-in-constructor",
        observation(epochs([ORDER])),
        "audit a function",
    ),
    "one worker in one epoch": (
        "constant-worker-seed",
        worker_runs("torch", dict(itertools.islice(COPIED.items(), 1))),
        "fewer than two workers",
    ),
    "reseeded for each sample, or in each epoch": (
        "rng-object-on-dataset",
        worker_runs(RNG, EACH_EPOCH, indices={(e, w): [w, w + 2] for e, w in PLACES}),
        "shuffle=True would tell",
    ),
    "reseeded for each sample of a stream, or in each epoch": (
        "rng-object-on-dataset",
        worker_runs(
            RNG,
            EACH_EPOCH,
            facts=facts(map_style=False, num_workers=2),
            indices={(e, w): [w, w + 2] for e, w in PLACES},
        ),
        r"seeded for each sample$",
    ),
    "a seed of the index in workers": (
        "reseed-in-getitem",
        observation(
            epochs([ORDER, ORDER]), answers=BY_INDEX, facts=facts(num_workers=2)
        ),
        r"Expect\(deterministic=False\) if epochs should differ",
    ),
    "a seed of the index, in a dataset that knows the epoch": (
        "reseed-in-getitem",
        observation(
            epochs([ORDER, SHUFFLED]),
            answers=BY_INDEX,
            facts=facts(dataset_has_epoch=True),
        ),
        "check that your loop sets the epoch",
    ),
    "one index cannot show a constant seed": (
        "reseed-in-getitem",
        observation(epochs([ORDER]), answers=answers(other=0, reseeded=("torch",))),
        "only one index",
    ),
    "one epoch cannot show a repeated order": (
        "reseed-every-epoch",
        observation(epochs([SHUFFLED]), facts=facts(shuffles=True)),
        "fewer than two epochs",
    ),
    "nine samples may repeat by chance": (
        "reseed-every-epoch",
        observation(epochs([SHUFFLED[:9]] * 2), facts=facts(shuffles=True)),
        "fewer than 10 samples",
    ),
    "OpenCV in one worker": (
        "opencv-rng",
        observation(epochs([ORDER]), answers=random_answers("cv2")),
        "not two workers",
    ),
    "no end of an epoch": (
        "default-torch-generator",
        observation(epochs([ORDER]), ends=[]),
        "no epoch was read",
    ),
    "no generators of their own": (
        "one-generator-for-two-loaders",
        pair(observation(epochs([ORDER])), observation(epochs([ORDER]))),
        "global generator",
    ),
    "short orders": (
        "one-generator-for-two-loaders",
        pairs(SHUFFLED[:9], SHUFFLED[:9]),
        "fewer than 10",
    ),
}
