"""Two halves of a dataset have one transform, or validation data are augmented."""

import re

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.findings import Diagnosis, Severity
from dejabatch.observe.record import Facts, Observation, Pair

# Names of attributes that hold a transform. A transform of targets belongs to both halves.
_NAME = re.compile(r"\.(?!\w*target)\w*(transform|tfm|aug|preproc)\w*$")


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a transform of a subset, which has no effect.

    Samples that are said to be deterministic must not vary.
    """
    found = _without_effect(map_style(observation))
    return found or _set_after_split(observation) or _varies(observation)


def check_pair(pair: Pair, _evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for a transform that both halves have, or that neither uses."""
    for seen in (pair.b, pair.a):
        if seen.facts is not None and (found := _without_effect(seen.facts)):
            return found
    paths = [path for _, path, _ in pair.shared_objects if _NAME.search(path)]
    if not paths:
        return None
    answers = pair.b.answers
    # Two loaders that shuffle may both train, as on labelled and unlabelled images.
    both_shuffle = all(seen.facts and seen.facts.shuffles for seen in (pair.a, pair.b))
    evidence = "both loaders have this object"
    if answers is not None and answers.random:
        names = ", ".join(answers.depends_on) or "random generators"
        evidence += f", and samples change with {names}"
        if both_shuffle:
            evidence += "; both loaders shuffle, which is right if both train"
    else:
        evidence += ", so that a change of it changes both"
    severity: Severity = "warning" if both_shuffle else "error"
    return Diagnosis(
        severity=severity if pair.b.random else "note",
        where=min(paths, key=len),
        evidence=evidence,
    )


def _varies(observation: Observation) -> Diagnosis | None:
    answers = observation.answers
    if not observation.expect.deterministic or answers is None:
        return None
    names = ", ".join(answers.depends_on) or "random generators"
    one, other = observation.by_index(0), observation.by_index(1)
    common = one.keys() & other.keys()
    varying = sum(one[index] != other[index] for index in common)
    # Other checks name the causes that are not random.
    if not varying or answers.changes_by_itself or not answers.random:
        return None
    return Diagnosis(
        severity="error",
        where="dataset",
        evidence=f"{varying} of {len(common)} indices have another sample in the second "
        f"epoch, and samples change with {names}",
        title="Samples vary although they are expected to be deterministic",
        fix="Give this dataset a transform without random operations, such as "
        "`CenterCrop` in place of `RandomCrop`, or draw from a generator that is seeded "
        "with the index.",
    )


def _set_after_split(observation: Observation) -> Diagnosis | None:
    """Look for an attribute of the one dataset that was set for one of its subsets."""
    if not observation.set_after_split:
        return None
    path, subsets = observation.set_after_split[0]
    return Diagnosis(
        severity="warning",
        where=path,
        evidence=f"while the loader was made, {path} got another value after the split: "
        f"all {subsets} subsets of the dataset have the last value",
    )


def _without_effect(facts: Facts) -> Diagnosis | None:
    if not facts.unused_attributes:
        return None
    name = facts.unused_attributes[0]
    return Diagnosis(
        severity="error",
        where=f"dataset.{name}",
        evidence=f"a torch.utils.data.Subset never uses its attribute {name}: its samples "
        "are those of dataset.dataset",
    )
