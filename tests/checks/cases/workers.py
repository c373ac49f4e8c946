"""Observations for the checks of section 5_workers."""

from observations import answers, epochs, facts, observation

from dejabatch import Expect
from dejabatch.observe.record import EpochEnd

ORDER = list(range(16))
TWO = facts(num_workers=2, start_method="fork")
LASTING = facts(num_workers=2, start_method="fork", persistent_workers=True)
LASTING_INIT = facts(
    num_workers=2, start_method="fork", persistent_workers=True, worker_init_fn=True
)
MOVED = [EpochEnd(0, True, moved_files=("dataset.file",))]
CONNECTED = [EpochEnd(0, True, shared_connections=("dataset.client",))]
# Indices 16 to 31 stand for other samples of indices 0 to 15.
REPEATED = epochs([ORDER, ORDER])


def varied(**changes):
    """Return two epochs whose samples differ."""
    first, second = epochs([ORDER]), epochs([ORDER, range(16, 32)])[4:]
    fetches = [
        *first,
        *(
            type(one)(1, one.batch, one.worker, other.indices, one.digests, one.census)
            for one, other in zip(second, first, strict=True)
        ),
    ]
    return observation(fetches, **changes)


BROKEN = {
    "an epoch that workers cannot see": (
        "stale-worker-copy",
        observation(REPEATED, facts=LASTING, unseen_by_workers=("dataset.epoch",)),
        ("error", "dataset.epoch"),
        "not in the 2 persistent workers",
    ),
    "an epoch for worker_init_fn": (
        "worker-init-runs-once",
        observation(REPEATED, facts=LASTING_INIT, restarted=varied(facts=TWO)),
        ("error", "worker_init_fn"),
        "16 indices have the same samples in both epochs, and different ones",
    ),
    "a file opened before the fork": (
        "file-opened-before-fork",
        observation(epochs([ORDER]), facts=TWO, ends=MOVED),
        ("error", "dataset.file"),
        "dataset.file was open when the 2 workers were forked",
    ),
    "a connection made before the fork": (
        "file-opened-before-fork",
        observation(epochs([ORDER]), facts=TWO, ends=CONNECTED),
        ("error", "dataset.client"),
        "dataset.client was connected when the 2 workers were forked",
    ),
}

RIGHT = {
    "an epoch in shared memory": (
        "stale-worker-copy",
        observation(REPEATED, facts=LASTING, unseen_by_workers=()),
    ),
    "a stream that counts its own passes": (
        "stale-worker-copy",
        observation(
            REPEATED,
            facts=LASTING,
            answers=answers(second_pass_differs=True),
            unseen_by_workers=("dataset.epoch",),
        ),
    ),
    "samples that vary": ("worker-init-runs-once", varied(facts=LASTING_INIT)),
    "samples that new workers repeat as well": (
        "worker-init-runs-once",
        observation(
            REPEATED, facts=LASTING_INIT, restarted=observation(REPEATED, facts=TWO)
        ),
    ),
    "repeated samples, as expected": (
        "worker-init-runs-once",
        observation(REPEATED, facts=LASTING_INIT, expect=Expect(deterministic=True)),
    ),
    "a cache of random samples": (
        "worker-init-runs-once",
        observation(
            REPEATED,
            facts=LASTING_INIT,
            restarted=varied(facts=TWO),
            answers=answers(other_states_first=(b"7",)),
        ),
    ),
    "a file opened in each worker": (
        "file-opened-before-fork",
        observation(epochs([ORDER]), facts=TWO),
    ),
}

OPEN = {
    "workers that end": (
        "stale-worker-copy",
        observation(REPEATED, facts=TWO),
        "do not live on",
    ),
    "a set_epoch that could not be tried": (
        "stale-worker-copy",
        observation(REPEATED, facts=LASTING),
        "could not be tried",
    ),
    "no worker_init_fn": (
        "worker-init-runs-once",
        observation(REPEATED, facts=LASTING),
        "no worker_init_fn",
    ),
    "one epoch of persistent workers": (
        "worker-init-runs-once",
        observation(epochs([ORDER]), facts=LASTING_INIT),
        "fewer than ten samples",
    ),
    "no new workers": (
        "worker-init-runs-once",
        observation(REPEATED, facts=LASTING_INIT),
        "not read with new workers",
    ),
    "one worker has the file for itself": (
        "file-opened-before-fork",
        observation(epochs([ORDER]), facts=facts(num_workers=1), ends=MOVED),
        "no two workers",
    ),
    "a lock": (
        "file-opened-before-fork",
        observation(
            epochs([ORDER]),
            facts=facts(num_workers=2, holds_lock=True),
            ends=MOVED,
        ),
        "a lock that may keep them apart",
    ),
}
