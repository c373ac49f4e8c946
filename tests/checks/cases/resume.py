"""Observations for the checks of section 7_resume."""

from observations import epochs, facts, observation

from dejabatch.observe.record import EpochEnd

ORDER = list(range(16))
ENDS = [EpochEnd(0, True), EpochEnd(1, True)]
SECOND_ONLY = epochs([[], ORDER])

BROKEN = {
    "a state from the end of an epoch": (
        "resume-loses-an-epoch",
        observation(SECOND_ONLY, ends=ENDS),
        ("error", "loader"),
        "the first epoch has no batch, and the next has 4",
    ),
}

RIGHT = {
    "two full epochs, resumed": (
        "resume-loses-an-epoch",
        observation(epochs([ORDER, ORDER])),
    ),
    "no batch in any epoch": ("resume-loses-an-epoch", observation([], ends=ENDS)),
}

OPEN = {
    "a single epoch, resumed": (
        "resume-loses-an-epoch",
        observation(epochs([ORDER])),
        "fewer than two epochs",
    ),
    "a stream, resumed": (
        "resume-loses-an-epoch",
        observation(SECOND_ONLY, ends=ENDS, facts=facts(map_style=False)),
        "iterable",
    ),
}
