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
        ),
        cause="The program sets the same seed at every start, whichever epoch it "
        "resumes.",
        fix="Derive order and augmentation from seed and epoch, or save the "
        "generators' states in the checkpoint and restore them.",
        undetected_because="`audit` reads one loader in one run and cannot see what "
        "an earlier run read.",
        has_page=False,
    ),
    FailureMode(
        slug="resume-loses-an-epoch",
        title="The first epoch after resuming has no batches",
        section="7_resume",
        symptom="A run that resumes at the end of an epoch skips the whole next epoch.",
        seen=("number", "runs"),
        words=(
            "StatefulDataLoader",
            "load_state_dict",
            "torchdata",
            "empty epoch after resume",
            "checkpoint at end of epoch",
        ),
        cause="`StatefulDataLoader` restores the end of the epoch in which its state was "
        "saved, so that nothing is left to read.",
        fix="Save the state after the loop over the loader has ended, or do not restore "
        "the state of an epoch that has ended.",
        has_page=False,
    ),
)
