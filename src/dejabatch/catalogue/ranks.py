"""Failure modes of section 6_ranks: ranks repeat each other."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="no-distributed-sampler",
        title="Every rank trains on the same batches",
        section="6_ranks",
        symptom="An epoch has as many steps on four GPUs as on one: every rank reads the "
        "whole dataset.",
        seen=("ranks",),
        words=(
            "DDP",
            "DistributedDataParallel",
            "DistributedSampler",
            "every GPU sees all data",
            "multi gpu same batches",
        ),
        cause="The loader has no `DistributedSampler`, so that each rank draws from the "
        "whole dataset.",
        fix="Pass `sampler=DistributedSampler(dataset)` in place of `shuffle=True`, and "
        "call its `set_epoch` before each epoch.",
        undetected_because="`audit` reads the loader of one rank, and does not know what "
        "the others read.",
        has_page=False,
    ),
    FailureMode(
        slug="no-set-epoch",
        title="With DistributedSampler, every epoch has the same order",
        section="6_ranks",
        symptom="Training on several ranks shuffles, but every epoch has the same order.",
        seen=("order", "ranks"),
        words=(
            "DistributedSampler",
            "set_epoch",
            "DDP shuffle",
            "same order every epoch",
        ),
        cause="`DistributedSampler` shuffles by its seed and its epoch, and the epoch "
        "stays 0 until `set_epoch` is called.",
        fix="Call `loader.sampler.set_epoch(epoch)` before each epoch.",
        detected_by="audit",
        has_page=False,
    ),
)
