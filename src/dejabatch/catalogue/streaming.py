"""Failure modes of section 4_streaming: the stream repeats."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="stream-not-split-by-worker",
        title="IterableDataset returns every sample once per worker",
        section="4_streaming",
        symptom="With `num_workers=4`, an epoch has four times as many samples.",
        seen=("number", "workers"),
        words=(
            "IterableDataset duplicates",
            "duplicate data",
            "get_worker_info",
            "IterableDataset num_workers",
            "data repeated num_workers times",
            "number of batches multiplies with num_workers",
            "TFRecord",
            "load_dataset streaming",
            "Hugging Face streaming",
            "epoch longer with more workers",
            "webdataset split_by_worker",
            "epoch size changes with num_workers",
            "multi-process loading returns duplicate data",
        ),
        cause="Every worker has a copy of the dataset and reads the whole stream.",
        fix="In `__iter__`, call `get_worker_info()` and skip the samples of the "
        "other workers. Wrap a dataset whose `__iter__` is a library's. Give a "
        "webdataset `DataPipeline` a `split_by_worker`.",
    ),
    FailureMode(
        slug="split-computed-too-early",
        title="get_worker_info() returns None, and every worker repeats all samples",
        section="4_streaming",
        symptom="The dataset calls `get_worker_info()` to split its samples, but "
        "every worker returns all of them.",
        seen=("number", "workers"),
        words=(
            "get_worker_info returns None",
            "get_worker_info in __init__",
            "IterableDataset duplicates",
        ),
        cause="The call stands in `__init__`, which runs in the main process, where "
        "`get_worker_info()` returns None.",
        fix="Call `get_worker_info()` in `__iter__`, which runs in the worker.",
    ),
    FailureMode(
        slug="exhausted-stream",
        title="The second epoch of an IterableDataset is empty",
        section="4_streaming",
        symptom="The first epoch is right. Every later epoch has no batches and "
        "raises no error.",
        seen=("number",),
        words=(
            "second epoch empty",
            "IterableDataset exhausted",
            "StopIteration",
            "no batches after first epoch",
        ),
        cause="`__iter__` returns a stored iterator, which the first epoch has used "
        "up.",
        fix="Return a new iterator from `__iter__`, or write `__iter__` as a "
        "generator.",
    ),
    FailureMode(
        slug="stream-not-split-by-rank",
        title="Every GPU gets the same samples from an IterableDataset",
        section="4_streaming",
        symptom="More GPUs do not shorten an epoch: all ranks read the same samples.",
        seen=("ranks",),
        words=(
            "multi GPU same data",
            "DDP duplicate samples",
            "IterableDataset DDP",
            "split_dataset_by_node",
            "duplicate data",
            "accelerate IterableDataset",
            "Trainer IterableDataset duplicates",
            "Hugging Face streaming DDP",
            "data not split across GPUs",
            "torchrun",
        ),
        cause="The stream is split between the workers of a rank, but not between the "
        "ranks.",
        fix="Give worker w of rank r every n-th item: `islice(items, r * num_workers "
        "+ w, None, world_size * num_workers)`. In Accelerate and Hugging Face's "
        "`Trainer`, split by worker only.",
    ),
    FailureMode(
        slug="stream-with-fixed-shuffle",
        title="A shuffled IterableDataset has the same order in every epoch",
        section="4_streaming",
        symptom="The IterableDataset shuffles, but every epoch has the same samples "
        "in the same order.",
        seen=("order",),
        words=(
            "IterableDataset shuffle",
            "shuffle buffer seed",
            "same order every epoch",
            "streaming shuffle same order",
            "set_epoch for IterableDataset",
            "streaming dataset has identical order",
            "same tar files in every epoch",
            "starts at the first file in every epoch",
        ),
        cause="`__iter__` creates its generator from the same seed in every epoch.",
        fix="Seed the generator from the run's seed and the epoch.",
    ),
    FailureMode(
        slug="one-shard-per-batch",
        title="Every batch comes from a single file or shard",
        section="4_streaming",
        symptom="An IterableDataset reads several files, but the samples of a batch "
        "are neighbours in one file, often of one class.",
        seen=("order",),
        words=("WebDataset", "shards", "shuffle buffer", "interleave files"),
        cause="A single worker makes a batch, and that worker reads its files one "
        "after another.",
        fix="Interleave several files, or add a shuffle buffer.",
    ),
)
