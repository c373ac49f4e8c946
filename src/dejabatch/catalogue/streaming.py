"""Failure modes of section 4_streaming: the stream repeats."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="stream-not-split-by-worker",
        title="Every sample of an IterableDataset comes once for each worker",
        section="4_streaming",
        symptom="With `num_workers=4` an epoch has four times the samples.",
        seen=("number", "workers"),
        words=(
            "IterableDataset duplicates",
            "duplicate data",
            "get_worker_info",
            "IterableDataset num_workers",
        ),
        cause="Every worker has a copy of the dataset and reads the whole stream.",
        fix="In `__iter__`, skip what belongs to the other workers, by "
        "`get_worker_info()`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="split-computed-too-early",
        title="A split between workers has no effect",
        section="4_streaming",
        symptom="The dataset asks which worker it is in, and still every worker gives all"
        " samples.",
        seen=("number", "workers"),
        words=(
            "get_worker_info returns None",
            "get_worker_info in __init__",
            "IterableDataset duplicates",
        ),
        cause="`get_worker_info()` is asked in `__init__`, which runs in the main "
        "process, where it returns None.",
        fix="Ask in `__iter__`, which runs in the worker.",
        detected_by="lint",
    ),
    FailureMode(
        slug="exhausted-stream",
        title="The second epoch of an IterableDataset is empty",
        section="4_streaming",
        symptom="The first epoch is right. From then on there is no batch, and no error.",
        seen=("number",),
        words=(
            "second epoch empty",
            "IterableDataset exhausted",
            "StopIteration",
            "no batches after first epoch",
        ),
        cause="`__iter__` returns an iterator that was made before, and is at its end.",
        fix="Make a new iterator in `__iter__`, or write it as a generator.",
        detected_by="audit",
    ),
    FailureMode(
        slug="stream-not-split-by-rank",
        title="Every rank reads the same samples of an IterableDataset",
        section="4_streaming",
        symptom="Training on several GPUs is no faster than on one: an epoch has as many "
        "steps, and all ranks take the same samples.",
        seen=("ranks",),
        words=(
            "multi GPU same data",
            "DDP duplicate samples",
            "IterableDataset DDP",
            "split_dataset_by_node",
            "duplicate data",
        ),
        cause="The stream is split between a rank's workers, but not between the ranks.",
        fix="Split by rank and worker: the number of this worker among all, of how many.",
        detected_by="compare",
    ),
    FailureMode(
        slug="stream-with-fixed-shuffle",
        title="A shuffled stream has the same order in every epoch",
        section="4_streaming",
        symptom="An IterableDataset shuffles, and every epoch gives the same samples in "
        "the same order.",
        seen=("order",),
        words=(
            "IterableDataset shuffle",
            "shuffle buffer seed",
            "same order every epoch",
        ),
        cause="`__iter__` makes its generator anew from the same seed, so that each epoch "
        "shuffles alike.",
        fix="Seed the generator from the run's seed and the epoch.",
        detected_by="audit",
    ),
    FailureMode(
        slug="one-shard-per-batch",
        title="All samples of a batch come from one file",
        section="4_streaming",
        symptom="With an IterableDataset over several files, samples of a batch are "
        "neighbours in one file, often of one class.",
        seen=("order",),
        words=("WebDataset", "shards", "shuffle buffer", "interleave files"),
        cause="A batch is made by one worker, and the worker reads its files one after "
        "another.",
        fix="Read several files in turn, or hold samples back in a shuffle buffer.",
        detected_by="audit",
    ),
)
