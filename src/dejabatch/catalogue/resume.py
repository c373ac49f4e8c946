"""Failure modes of section 7_resume: a resumed run repeats data."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="resume-replays-the-epoch",
        title="Resuming from a checkpoint repeats the first epoch's data",
        section="7_resume",
        symptom="A resumed run shuffles and augments as the first epoch did.",
        seen=("runs",),
        words=(
            "resume",
            "restart",
            "checkpoint",
            "continue training",
            "same data after resuming",
            "seed_everything before resume",
            "ckpt",
            "resume_from_checkpoint",
            "same batches after restart",
            "training restarts from the beginning",
        ),
        cause="The program sets the same seed at every start, whichever epoch it "
        "resumes.",
        fix="Derive order and augmentation from seed and epoch, or save the "
        "generators' states in the checkpoint and restore them.",
    ),
    FailureMode(
        slug="mid-epoch-resume",
        title="Resuming in the middle of an epoch repeats and skips samples",
        section="7_resume",
        symptom="After a restart in the middle of an epoch, some samples come again "
        "and as many never come.",
        seen=("runs", "number"),
        words=(
            "resume mid epoch",
            "skip_first_batches",
            "ignore_data_skip",
            "resume dataloader state",
            "StatefulDataLoader",
            "continue from step",
            "resumption",
            "checkpoint in the middle of an epoch",
        ),
        cause="A DataLoader does not store its position: a new iterator draws a new "
        "order, whose first batches are not those that were read.",
        fix="Derive the order from seed and epoch, and start it at the number of "
        "samples that were read; or use torchdata's `StatefulDataLoader`.",
    ),
    FailureMode(
        slug="resume-loses-an-epoch",
        title="The first epoch after a restart has no batches",
        section="7_resume",
        symptom="A run that was saved after the last batch of an epoch resumes with "
        "an epoch of no batches.",
        seen=("runs", "number"),
        words=(
            "StatefulDataLoader empty epoch",
            "load_state_dict no batches",
            "end of epoch checkpoint",
            "resume skips an epoch",
        ),
        cause="The state says that all batches of the epoch were read. "
        "`StatefulDataLoader` applies this state to the next epoch.",
        fix="Save the state of the loader when the loop over the epoch has ended, or "
        "finish the old epoch after a restart: `list(loader)` is empty.",
    ),
    FailureMode(
        slug="augmentation-not-restored",
        title="A resumed run has the right order and other augmentations",
        section="7_resume",
        symptom="After a restart the samples come in the right order, with other "
        "random crops and flips than without the restart.",
        seen=("runs", "values"),
        words=(
            "resume not reproducible",
            "worker random state checkpoint",
            "deterministic resume augmentation",
        ),
        cause="A checkpoint has the generators of the main process. The workers draw "
        "the augmentations, and their generators are seeded anew.",
        fix="Derive the random numbers of a sample from seed, epoch and index, with "
        "`dejabatch.PerSample`.",
    ),
    FailureMode(
        slug="shuffle-buffer-not-restored",
        title="A resumed stream skips the samples in its shuffle buffer",
        section="7_resume",
        symptom="A resumed stream with a shuffle buffer repeats a few samples and "
        "never yields others.",
        seen=("runs", "number"),
        words=(
            "IterableDataset state_dict",
            "shuffle buffer resume",
            "streaming dataset checkpoint",
            "Hugging Face datasets resume",
        ),
        cause="The state has the position in the files. The samples that wait in the "
        "shuffle buffer are lost, and the buffer fills again from that position.",
        fix="Shuffle shards and blocks by seed and epoch instead of a buffer, or "
        "repeat the epoch from its start and skip what was read.",
    ),
    FailureMode(
        slug="ranks-share-one-position",
        title="After a restart every rank reads rank 0's documents",
        section="7_resume",
        symptom="After a restart from a distributed checkpoint, all ranks continue "
        "with the documents of one rank.",
        seen=("ranks", "runs"),
        words=(
            "torch.distributed.checkpoint dataloader",
            "dcp dataloader state",
            "all ranks same data after resume",
        ),
        cause="All ranks save their loader's state under one key, so that the "
        "checkpoint keeps one of them.",
        fix="Save each rank's loader state under a key that has the rank, such as "
        '`f"dataloader_{rank}"`.',
    ),
    FailureMode(
        slug="cached-by-datasets-map",
        title="datasets.map freezes the augmentation",
        section="7_resume",
        symptom="Each epoch and each run has the same augmentations, although "
        "`map()` calls a random function.",
        seen=("epochs", "runs"),
        words=(
            "Hugging Face datasets map random",
            "dataset.map augmentation same every epoch",
            "datasets cache",
            "with_transform",
            "set_transform",
        ),
        cause="`Dataset.map` calls the function once for each row, stores the result "
        "on disk, and reads it in every later epoch and run.",
        fix="Augment when a row is read: `dataset.with_transform(augment)`.",
        undetected_because="`audit` sees rows that never vary, and cannot see that a "
        "random function made them.",
    ),
)
