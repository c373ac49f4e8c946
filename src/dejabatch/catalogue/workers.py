"""Failure modes of section 5_workers: workers keep stale copies."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="stale-worker-copy",
        title="A change of the dataset never reaches the workers",
        section="5_workers",
        symptom="`dataset.set_epoch`, or a new value of an attribute, has no effect while "
        "the loader's workers live.",
        seen=("effect", "epochs"),
        words=(
            "set_epoch",
            "persistent_workers",
            "dataset attribute not updated",
            "curriculum",
            "progressive resizing",
        ),
        cause="With `persistent_workers=True` each worker has a copy of the dataset, made "
        "when it was started.",
        fix="Keep the value in shared memory, as `dejabatch.SharedEpoch` does.",
        detected_by="audit",
    ),
    FailureMode(
        slug="state-lost-in-workers",
        title="What a dataset counts or caches is gone after the epoch",
        section="5_workers",
        symptom="Counters stay at 0, and a cache is empty again, as soon as "
        "`num_workers` is not 0.",
        seen=("effect",),
        words=(
            "counter stays 0",
            "cache lost",
            "dataset attribute in workers",
            "cache is not shared",
        ),
        cause="Each worker changes its own copy of the dataset, and the copy ends with the "
        "worker.",
        fix="Return it as a part of the sample, or keep it in shared memory.",
        undetected_because="A dataset that changes itself in a worker is right as long as "
        "nobody asks the main process's copy.",
    ),
    FailureMode(
        slug="worker-init-runs-once",
        title="With persistent workers, a worker_init_fn does nothing after the first epoch",
        section="5_workers",
        symptom="Seeds that `worker_init_fn` takes from the epoch stay those of the first "
        "one.",
        seen=("effect", "epochs"),
        words=("worker_init_fn", "persistent_workers", "worker_init_fn called once"),
        cause="`worker_init_fn` runs when a worker starts, and persistent workers start "
        "once.",
        fix="Do not seed by the epoch there; let workers draw on, or seed in the dataset.",
        detected_by="audit",
    ),
    FailureMode(
        slug="globals-reset-by-spawn",
        title="A global variable has its old value in the workers",
        section="5_workers",
        symptom="A setting that the program changes has no effect in the workers, on "
        "macOS, on Windows or since Python 3.14.",
        seen=("effect",),
        words=("Windows", "macOS", "spawn", "forkserver", "global variable in workers"),
        cause="Workers of the start methods spawn and forkserver import the module anew, "
        "and its globals have their first values.",
        fix="Hand the setting over as an attribute of the dataset.",
        undetected_because="Nobody can tell which of a module's values were meant to reach "
        "the workers.",
    ),
    FailureMode(
        slug="file-opened-before-fork",
        title="A file that workers share gives wrong samples",
        section="5_workers",
        symptom="Without workers every sample is right; with several, some have bytes of "
        "others, or reading the file fails.",
        seen=("values", "workers"),
        words=(
            "h5py",
            "HDF5",
            "LMDB",
            "open file in __init__",
            "file handle",
            "corrupt data with num_workers",
        ),
        cause="The dataset opened its file before the workers were forked, so that they "
        "all share one position in the file.",
        fix="Open the file in the process that reads it, and leave it out of the pickle.",
        detected_by="audit",
    ),
)
