"""A batch is augmented as a whole."""

from collections.abc import Sequence

from dejabatch.evidence import Evidence
from dejabatch.evidence.answers import answers_of
from dejabatch.evidence.facts import facts_of
from dejabatch.findings import Diagnosis, cannot_tell
from dejabatch.observe.record import COPIES_IN_BATCH, Observation

UNLESS = {"reseed-in-getitem"}

# So many equal parts may be an input and its target.
_INPUT_AND_TARGET = 2


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
    for where, views in (
        ("dataset.__getitem__", answers.equal_views),
        ("collate_fn", answers.equal_views_of_collate),
    ):
        if views:
            return _equal_views(where, views)
    if "rows are unclear" in places.values():
        cannot_tell("a batch cannot be taken apart into a part for each sample")
    return None


def _equal_views(where: str, views: Sequence[str]) -> Diagnosis:
    """Report views that one draw has made; an input and its target may be meant to be."""
    in_list = all(view.count("[") > 1 for view in views)
    several = len(views) > _INPUT_AND_TARGET and in_list
    return Diagnosis(
        severity="warning" if several else "note",
        where=where,
        evidence=f"the parts {', '.join(views[:-1])} and {views[-1]} vary with random "
        "numbers, and are always equal",
        title="The random views of a sample are all the same",
        fix="Call the random transform once for each view: `[t(x) for t in transforms]` "
        "and not `[t(x)] * 2`. A lambda that a loop makes has the loop's last values. "
        "Ignore this if one part is the target of the other.",
    )


_FIXES = {
    "dataset.__getitems__": "Call the transform once for each sample of the list that "
    "`__getitems__` gets, not once for the list.",
    "dataset.__getitem__": "Call the transform once for each index of the list that "
    "`__getitem__` gets, not once for the list.",
    "loader.__iter__": "Draw the random numbers for each row of the batch, or call the "
    "transform once for each sample in the dataset's `__getitem__`.",
}
