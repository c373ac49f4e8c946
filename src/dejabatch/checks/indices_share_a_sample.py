"""Different indices have one content."""

from collections import Counter
from collections.abc import Mapping

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.findings import Diagnosis, Severity, cannot_tell
from dejabatch.observe.record import BLANK, NO_CONTENT, SMALL_CONTENT, Observation

UNLESS = {
    "getitem-ignores-index",
    "stateful-cursor",
    "reused-buffer",
    "error-fallback-sample",
    "wrong-length",
    "subset-of-a-subset",
    "rng-object-on-dataset",
    "library-holds-its-own-rng",
    "constant-worker-seed",
    "reseed-in-getitem",
    "numpy-global-before-1-9",
    "opencv-rng",
}

# A few images come twice in most collections.
_FEWEST = 3
_SMALLEST_SHARE = 0.05
_FEWEST_IN_EPOCH = 10
# Two of many points in one image may be the same.
_LARGEST_SHARE = 0.9


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for the content of one index under others, among samples that are not blank.

    Labels, sizes and other small parts do not count. Random samples are compared from the
    same states of all generators.
    """
    facts, meant = map_style(observation), observation.expect.repeats
    if meant or facts.length is None:
        return None
    contents = _contents(observation)
    if len(contents) < 2:
        cannot_tell("fewer than two indices have samples with a content to compare")
    counts = Counter(contents.values())
    surplus = len(contents) - len(counts)
    if meant is False and surplus:
        return Diagnosis(
            severity="error",
            where="dataset.__getitem__",
            evidence=f"{len(contents)} indices have {len(counts)} different contents",
        )
    if len(counts) < 2 or surplus < max(_FEWEST, _SMALLEST_SHARE * len(contents)):
        return None
    answers = observation.answers
    if answers and answers.seeding_places and 2 * surplus < len(contents):
        return None  # samples that are drawn from a seed and the index
    references = facts.repeated_references
    if references and _comes_in_copies(contents, min(references.values())):
        return None  # a list of files that is repeated on purpose, as `files * 3`
    if not references and facts.repeats_a_dataset and _repeats_evenly(counts):
        return None  # a wrapper that repeats a dataset on purpose
    if not references and _are_rows(counts) and not _repeats_evenly(counts):
        return None  # rows of a table can be equal
    evidence = f"{len(contents)} indices have {len(counts)} different contents"
    fix = (
        "Look for an index that is computed twice, such as `index // k` or a table of too "
        "few bits; pass `expect=Expect(repeats=True)` to `audit` if that is meant."
    )
    where = "dataset.__getitem__"
    if references:
        where = max(references, key=len)
        evidence += (
            f"; {where} holds {references[where]} objects under {facts.length} indices"
        )
        fix = (
            "Store a copy for each index: `copy.deepcopy(item)`, or `item.clone()`, "
            "before the item is changed and stored."
        )
    severity: Severity = "warning"
    if observation.random:
        in_epochs = _different_in_epochs(observation)
        severity = "warning" if in_epochs else "note"
        evidence = in_epochs or evidence
    if severity == "warning" and not references and _told_apart(contents, observation):
        severity = "note"
        evidence += ", and samples with one content differ in small parts"
    return Diagnosis(
        severity=severity,
        where=where,
        evidence=evidence,
        fix=fix,
    )


def _contents(observation: Observation) -> Mapping[int, bytes]:
    """Return the content of each index, without those that have none."""
    answers = observation.answers
    if answers is None:
        cannot_tell("no sample was made again")
    found: dict[int, bytes] = {}
    if answers.reproducible and not (answers.random or answers.changes_by_itself):
        for fetch in observation.fetches:
            for index, content in fetch.content_by_index():
                found.setdefault(index, content)
    else:
        found |= answers.contents or {}
    return {index: c for index, c in found.items() if c not in {BLANK, NO_CONTENT}}


def _different_in_epochs(observation: Observation) -> str:
    """Return how few contents the epochs have, where samples are random; empty if many.

    Random augmentation of the same image gives each index a content of its own. Half as
    many contents as samples are fewer than random draws of them would leave.
    """
    epochs: dict[int, list[bytes]] = {}
    for fetch in observation.fetches:
        seen = epochs.setdefault(fetch.epoch, [])
        seen += [c for _, c in fetch.content_by_index() if c not in {BLANK, NO_CONTENT}]
    few = all(
        len(seen) >= _FEWEST_IN_EPOCH and 2 * len(set(seen)) <= len(seen)
        for seen in epochs.values()
    )
    if not epochs or not few:
        return ""
    first = epochs[min(epochs)]
    return f"the {len(first)} samples of an epoch have {len(set(first))} different contents"


def _comes_in_copies(contents: Mapping[int, bytes], period: int) -> bool:
    """Return whether the contents start over after `period` indices."""
    apart = [
        (c, contents[i + period]) for i, c in contents.items() if i + period in contents
    ]
    same = sum(one == other for one, other in apart)
    return bool(apart) and same >= _LARGEST_SHARE * len(apart)


def _told_apart(contents: Mapping[int, bytes], observation: Observation) -> bool:
    """Return whether small parts tell samples with one content from each other.

    Several questions about an image are an example, or candidates for a history. Labels do
    not count, and neither does a number that each index has for itself.
    """
    details: dict[int, bytes] = {}
    for fetch in observation.fetches:
        details |= dict(fetch.details_by_index())
    if _differ_in_groups(contents, details):
        return True
    return any(
        len(set(part.values())) < len(part) and _differ_in_groups(contents, part)
        for part in observation.parts_by_index(0).values()
    )


def _differ_in_groups(
    contents: Mapping[int, bytes], parts: Mapping[int, bytes]
) -> bool:
    """Return whether almost every index that shares a content has a part of its own."""
    counts = Counter(contents.values())
    shared = {i: content for i, content in contents.items() if counts[content] > 1}
    values = [(content, parts[i]) for i, content in shared.items() if i in parts]
    varied = len({part for _, part in values})
    fewest = _LARGEST_SHARE * len(shared)
    return len(set(values)) >= fewest and 2 * varied > len(values)


def _are_rows(counts: Counter[bytes]) -> bool:
    return all(content.startswith(SMALL_CONTENT) for content in counts)


def _repeats_evenly(counts: Counter[bytes]) -> bool:
    return min(counts.values()) > 1
