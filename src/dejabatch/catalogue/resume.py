"""Failure modes of section 7_resume: a resumed run repeats data."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="resume-replays-the-epoch",
        title="After a restart, training begins with the first epoch's data again",
        section="7_resume",
        symptom="A run that goes on from a checkpoint shuffles and augments as the first "
        "epoch did.",
        seen=("runs",),
        words=(
            "resume",
            "restart",
            "checkpoint",
            "continue training",
            "same data after resuming",
        ),
        cause="The program sets the same seed whenever it starts, and the epoch at which it "
        "goes on is no part of it.",
        fix="Make the order and the augmentation from the seed and the epoch, or store the "
        "states of the generators in the checkpoint and restore them.",
        undetected_because="`audit` reads one loader in one run, and does not know what an "
        "earlier run has read.",
        has_page=False,
    ),
)
