"""A batch is augmented as a whole."""

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import COPIES_IN_BATCH, Observation

UNLESS = {"reseed-in-getitem"}


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for copies of a sample that are equal in a batch, and vary all together.

    The samples of one ``__getitems__`` are compared first, then the rows of
    ``collate_fn``, then those that the loader's own ``__iter__`` delivers.
    """
    answers = answers_of(observation)
    facts = facts_of(observation)
    getitems = "dataset.__getitem__" if facts.index_lists else "dataset.__getitems__"
    places = {
        getitems: answers.getitems_of_copies,
        "collate_fn": answers.batch_of_copies,
        "loader.__iter__": observation.delivered_copies,
    }
    for where, rows in places.items():
        if rows == "rows vary together":
            return Diagnosis(
                severity="warning",
                where=where,
                evidence=f"{where} makes {COPIES_IN_BATCH} equal rows of "
                f"{COPIES_IN_BATCH} copies of one sample, and these rows vary from batch "
                "to batch",
                fix=_FIXES.get(where),
            )
    if "rows are unclear" in places.values():
        cannot_tell("a batch cannot be taken apart into a part for each sample")
    return None


_FIXES = {
    "dataset.__getitems__": "Call the transform once for each sample of the list that "
    "`__getitems__` gets, not once for the list.",
    "dataset.__getitem__": "Call the transform once for each index of the list that "
    "`__getitem__` gets, not once for the list.",
    "loader.__iter__": "Draw the random numbers for each row of the batch, or call the "
    "transform once for each sample in the dataset's `__getitem__`.",
}
