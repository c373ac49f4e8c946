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
            "ckpt",
            "resume_from_checkpoint",
            "same batches after restart",
            "training restarts from the beginning",
            "skip_first_batches",
            "StatefulDataLoader",
        ),
        cause="The program sets the same seed at every start, whichever epoch it "
        "resumes.",
        fix="Derive order and augmentation from seed and epoch, or save the "
        "generators' states in the checkpoint and restore them.",
        undetected_because="`audit` reads one loader in one run and cannot see what "
        "an earlier run read.",
        has_page=False,
    ),
)
