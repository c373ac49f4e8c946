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
)
