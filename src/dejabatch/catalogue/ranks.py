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
        ),
        cause="The loader has no `DistributedSampler`, so each rank draws from the "
        "whole dataset.",
        fix="Pass `sampler=DistributedSampler(dataset)` instead of `shuffle=True`, "
        "and call its `set_epoch` before each epoch.",
        undetected_because="`audit` reads the loader of one rank and cannot see what "
        "the other ranks read.",
        has_page=False,
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
        ),
        cause="`DistributedSampler` shuffles by its seed and its epoch, and the epoch "
        "stays 0 until you call `set_epoch`.",
        fix="Call `loader.sampler.set_epoch(epoch)` before each epoch.",
        has_page=False,
    ),
    FailureMode(
        slug="data-split-twice",
        title="Accelerate with a DistributedSampler skips part of the data",
        section="6_ranks",
        symptom="An epoch on two GPUs has a quarter of the steps of one GPU, and half "
        "of the samples never come.",
        seen=("number", "ranks"),
        words=(
            "accelerator.prepare",
            "DistributedSampler with Accelerate",
            "missing samples",
            "fewer steps per epoch",
        ),
        cause="The sampler gives each rank its part, and `accelerator.prepare` splits "
        "that part between the ranks once more.",
        fix="Remove the `DistributedSampler`, pass `shuffle=True`, and let "
        "`accelerator.prepare` split the data.",
        has_page=False,
    ),
    FailureMode(
        slug="wrong-rank",
        title="With several machines, each machine reads the same samples",
        section="6_ranks",
        symptom="Training on several machines repeats the samples of the first "
        "machine, and other samples never come.",
        seen=("number", "ranks"),
        words=(
            "LOCAL_RANK",
            "local_rank",
            "multi node",
            "DistributedSampler rank",
        ),
        cause="The sampler gets the rank on one machine, which counts from 0 on every "
        "machine, instead of the rank in the whole program.",
        fix="Pass `rank=torch.distributed.get_rank()`, or leave out `rank`.",
        has_page=False,
    ),
)
