"""Two halves of a dataset have one transform."""

import re

from dejabatch.evidence import Evidence
from dejabatch.evidence.facts import map_style
from dejabatch.findings import Diagnosis
from dejabatch.observe.record import Facts, Observation, Pair

# Names of attributes that hold a transform. A transform of targets belongs to both halves.
_NAME = re.compile(r"\.(?!\w*target)\w*(transform|tfm|aug|preproc)\w*$")


def check(
    observation: Observation, _evidence: Evidence[Observation]
) -> Diagnosis | None:
    """Look for a transform of a subset, which has no effect."""
    return _without_effect(map_style(observation))


def check_pair(pair: Pair, _evidence: Evidence[Pair]) -> Diagnosis | None:
    """Look for a transform that both halves have, or that neither uses."""
    for seen in (pair.b, pair.a):
        if seen.facts is not None and (found := _without_effect(seen.facts)):
            return found
    paths = [path for _, path, _ in pair.shared_objects if _NAME.search(path)]
    if not paths:
        return None
    answers = pair.b.answers
    evidence = "both loaders have this object"
    if answers is not None and answers.random:
        evidence += f", and samples change with {', '.join(answers.depends_on)}"
    else:
        evidence += ", so that neither can be augmented without the other"
    return Diagnosis(
        severity="error" if pair.b.random else "note",
        where=min(paths, key=len),
        evidence=evidence,
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
