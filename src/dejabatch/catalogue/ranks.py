"""Failure modes of section 6_ranks: ranks repeat each other."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="no-distributed-sampler",
        title="Every GPU trains on the same batches",
        section="6_ranks",
        symptom="An epoch has as many steps on four GPUs as on one: every rank reads "
        "the whole dataset.",
        seen=("ranks",),
        words=(
            "DDP",
            "DistributedDataParallel",
            "DistributedSampler",
            "every GPU sees all data",
            "multi gpu same batches",
            "data not split between GPUs",
            "same batch on all ranks",
            "same loss on every GPU",
            "torchrun",
            "duplicated training",
            "each process reads all batches",
            "two processes iterate over all batches",
            "each GPU has the same data",
            "no sampler",
            "whole dataset on every GPU",
            "sampler not used in DDP",
            "same batch in distributed training",
        ),
        cause="The loader has no `DistributedSampler`, so each rank draws from the "
        "whole dataset.",
        fix="Pass `sampler=DistributedSampler(dataset)` instead of `shuffle=True`, "
        "and call its `set_epoch` before each epoch.",
    ),
    FailureMode(
        slug="no-set-epoch",
        title="DistributedSampler has the same order in every epoch",
        section="6_ranks",
        symptom="Training on several ranks shuffles, but every epoch has the same "
        "order.",
        seen=("order", "ranks"),
        words=(
            "DistributedSampler",
            "set_epoch",
            "DDP shuffle",
            "same order every epoch",
            "same batches every epoch on GPUs",
            "shuffle not working in DDP",
            "Accelerate",
            "Lightning",
            "identical data order in all epochs",
        ),
        cause="`DistributedSampler` shuffles by its seed and its epoch, and the epoch "
        "stays 0 until you call `set_epoch`.",
        fix="Call `loader.sampler.set_epoch(epoch)` before each epoch.",
    ),
    FailureMode(
        slug="ranks-augment-alike",
        title="All GPUs apply the same random augmentation",
        section="6_ranks",
        symptom="The first image of rank 0 is cropped and flipped as the first image of "
        "rank 1 is; noise and dropout masks are equal too.",
        seen=("ranks",),
        words=(
            "same augmentation on every GPU",
            "set_seed",
            "seed_everything",
            "device_specific",
            "manual_seed on all ranks",
            "same dropout mask",
        ),
        cause="All ranks set one seed, so the workers of all ranks draw the same random "
        "numbers.",
        fix="Add the rank to the seed of the augmentation, and leave the rank out of the "
        "seed of the sampler; `worker_init_fn=dejabatch.seed_worker` does that. In "
        "Accelerate, call `set_seed(seed, device_specific=True)`.",
    ),
    FailureMode(
        slug="data-split-twice",
        title="Data is split twice between GPUs, and half is never read",
        section="6_ranks",
        symptom="On two ranks an epoch has a quarter of the steps instead of half, and "
        "half of the samples are never read.",
        seen=("ranks", "number"),
        words=(
            "get_train_dataloader",
            "accelerator.prepare",
            "accelerate DistributedSampler",
            "BatchSamplerShard",
            "split_dataset_by_node",
            "Trainer",
            "double sharding",
            "fewer steps than expected",
            "missing samples",
            "double data splitting",
            "len(dataloader) is halved by prepare",
            "already sharded",
        ),
        cause="The program splits the data between ranks, and `accelerator.prepare`, "
        "`Trainer` or Lightning splits each part once more.",
        fix="Split once: give the framework a loader without `DistributedSampler`, "
        "`shard` or a split of your own, or tell it not to split.",
    ),
    FailureMode(
        slug="padded-evaluation",
        title="The metric changes with the number of GPUs",
        section="6_ranks",
        symptom="An evaluation of 10 samples on three ranks counts 12, because some "
        "samples are on two ranks.",
        seen=("ranks", "number"),
        words=(
            "DistributedSampler evaluation",
            "drop_last",
            "even_batches",
            "gather_for_metrics",
            "validation accuracy differs on multi gpu",
            "duplicate samples test set",
            "wrong test accuracy in DDP",
            "redundant samples",
        ),
        cause="`DistributedSampler` and `accelerator.prepare` repeat the first samples, "
        "so that all ranks have the same number.",
        fix="Evaluate unpadded parts, `Subset(dataset, range(rank, len(dataset), "
        "world_size))`, or drop the repeated samples after gathering, as "
        "`accelerator.gather_for_metrics` does.",
    ),
    FailureMode(
        slug="ranks-disagree",
        title="GPUs share samples although DistributedSampler splits the indices",
        section="6_ranks",
        symptom="The indices of two ranks have nothing in common, and the samples have: "
        "some are on both ranks and others on none.",
        seen=("ranks", "number"),
        words=(
            "os.listdir order",
            "glob order",
            "unsorted files",
            "random_split without generator",
            "shuffle in __init__",
            "seed + rank sampler",
        ),
        cause="The ranks have their samples in different orders, or their samplers have "
        "different seeds.",
        fix="Sort the files, and give the shuffle, the split and the sampler the same "
        "seed on all ranks.",
    ),
    FailureMode(
        slug="wrong-rank",
        title="Two nodes train on the same data",
        section="6_ranks",
        symptom="Ranks 0 and 2 read the same samples, ranks 1 and 3 as well, and the "
        "other samples are never read.",
        seen=("ranks", "number"),
        words=(
            "LOCAL_RANK",
            "local_rank",
            "multi node",
            "several machines",
            "num_replicas",
            "torch.cuda.device_count()",
            "get_rank before init_process_group",
            "spawned worker rank 0",
        ),
        cause="The number given as rank is not the global rank: it counts on one machine, "
        "or was read before the process group existed.",
        fix="Use `torch.distributed.get_rank()` and `get_world_size()`, after "
        "`init_process_group`, or the variables `RANK` and `WORLD_SIZE`.",
    ),
    FailureMode(
        slug="ranks-of-different-lengths",
        title="DDP hangs at the end of the epoch",
        section="6_ranks",
        symptom="One rank has a batch more than the others, waits for their gradients, "
        "and fails when the timeout is over.",
        seen=("ranks", "number"),
        words=(
            "NCCL timeout",
            "uneven inputs",
            "Join",
            "watchdog caught collective operation timeout",
            "hang last batch",
            "different number of batches",
        ),
        cause="The parts of the ranks have different sizes, as with shards or streams of "
        "different lengths.",
        fix="Give all ranks the same number of batches: drop the surplus, repeat samples, "
        "or train inside `torch.distributed.algorithms.Join`.",
    ),
    FailureMode(
        slug="model-parallel-ranks-differ",
        title="Tensor-parallel ranks read different batches",
        section="6_ranks",
        symptom="The loss is wrong or training hangs, because ranks that hold parts of "
        "one model get different samples.",
        seen=("ranks",),
        words=(
            "tensor parallel",
            "sequence parallel",
            "context parallel",
            "pipeline parallel",
            "DeviceMesh",
            "device_mesh",
            "accelerate tp_size",
        ),
        cause="The data are split by the global rank, and not by the rank in the "
        "data-parallel dimension.",
        fix="Split by the number of models and the number of this model, such as "
        '`mesh["dp"].size()` and `mesh["dp"].get_local_rank()`.',
    ),
    FailureMode(
        slug="epoch-arrives-late",
        title="set_epoch takes effect an epoch late",
        section="6_ranks",
        symptom="The orders of epochs 0, 1, 2 and 3 are those of epochs 0, 0, 1 and 2.",
        seen=("order", "ranks"),
        words=(
            "InfiniteDataLoader",
            "_RepeatSampler",
            "MultiEpochsDataLoader",
            "prefetch set_epoch",
            "first two epochs identical",
        ),
        cause="An endless sampler keeps the workers busy across the end of an epoch: the "
        "next order is drawn before `set_epoch` is called.",
        fix="Use `persistent_workers=True` instead of an endless sampler, or let the "
        "sampler count its passes itself.",
    ),
)
