"""Failure modes of section 5_workers: workers keep stale copies."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="stale-worker-copy",
        title="Changing a dataset attribute has no effect with persistent_workers",
        section="5_workers",
        symptom="`dataset.set_epoch` or a new attribute value has no effect while the "
        "loader's workers live.",
        seen=("effect", "epochs"),
        words=(
            "set_epoch",
            "persistent_workers",
            "dataset attribute not updated",
            "curriculum",
            "progressive resizing",
            "set_epoch ignored",
            "epoch stays 0 in workers",
            "change attribute of worker dataset",
            "same samples every epoch with persistent_workers",
        ),
        cause="With `persistent_workers=True`, each worker keeps the copy of the "
        "dataset that it got when it started.",
        fix="Keep the value in shared memory, as `dejabatch.SharedEpoch` does.",
    ),
    FailureMode(
        slug="state-lost-in-workers",
        title="Dataset counters and caches are lost with num_workers > 0",
        section="5_workers",
        symptom="With workers, counters stay at 0 and caches are empty again after "
        "every epoch.",
        seen=("effect",),
        words=(
            "counter stays 0",
            "cache lost",
            "dataset attribute in workers",
            "cache is not shared",
        ),
        cause="Each worker changes its own copy of the dataset, and the copy ends "
        "with the worker.",
        fix="Return the value with the sample, or keep the value in shared memory.",
        undetected_because="A dataset that changes itself in a worker is correct "
        "unless the main process reads its own copy.",
    ),
    FailureMode(
        slug="worker-init-runs-once",
        title="worker_init_fn runs only once with persistent_workers",
        section="5_workers",
        symptom="Seeds that `worker_init_fn` computes for an epoch stay those of the "
        "first epoch.",
        seen=("effect", "epochs"),
        words=("worker_init_fn", "persistent_workers", "worker_init_fn called once"),
        cause="`worker_init_fn` runs when a worker starts, and persistent workers "
        "start once.",
        fix="Do not seed by epoch in `worker_init_fn`: seed in the dataset, or let "
        "each worker's generator run on.",
    ),
    FailureMode(
        slug="globals-reset-by-spawn",
        title="Global variables are reset in spawned workers",
        section="5_workers",
        symptom="A setting that the program changes has no effect in workers on "
        "macOS, Windows, or Linux since Python 3.14.",
        seen=("effect",),
        words=(
            "Windows",
            "macOS",
            "spawn",
            "forkserver",
            "global variable in workers",
            "argparse value ignored in workers",
            "config not set in worker",
        ),
        cause="Under spawn and forkserver, each worker imports the module again, and "
        "the module's globals get their initial values.",
        fix="Pass the setting as an attribute of the dataset.",
        undetected_because="The code does not say which of a module's values are "
        "meant to reach the workers.",
    ),
    FailureMode(
        slug="file-opened-before-fork",
        title="Samples are corrupt when workers share an open file",
        section="5_workers",
        symptom="Without workers every sample is right; with several workers, some "
        "samples hold bytes of others, or reading fails.",
        seen=("values", "workers"),
        words=(
            "h5py",
            "HDF5",
            "LMDB",
            "open file in __init__",
            "file handle",
            "corrupt data with num_workers",
            "wrong labels with num_workers",
            "zipfile",
            "npz",
            "KeyError in h5py",
            "data loaded is wrong",
        ),
        cause="The dataset opens its file before the workers fork, so all workers "
        "share one position in the file.",
        fix="Open the file in each process that reads it, and leave the open file out "
        "of the pickle.",
    ),
)
