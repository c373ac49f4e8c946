"""The kind of loader that was observed: most checks apply to one kind only."""

from typing import Final

from dejabatch.findings import cannot_tell
from dejabatch.observe.record import Facts, Observation

FUNCTION: Final = "audit a function that makes the loader"
"""The remedy for what only a second loader shows."""


def facts_of(observation: Observation) -> Facts:
    """Return what a loader says of itself.

    Raises
    ------
    dejabatch.findings.CannotTell
        If the loader could not be made.
    """
    if observation.facts is None:
        cannot_tell("the loader could not be made")
    return observation.facts


def map_style(
    observation: Observation, reason: str = "the dataset is iterable"
) -> Facts:
    """Return the facts of a map-style loader.

    Raises
    ------
    dejabatch.findings.CannotTell
        With `reason`, if the dataset is iterable.
    """
    facts = facts_of(observation)
    if not facts.map_style:
        cannot_tell(reason)
    return facts


def iterable_style(observation: Observation) -> Facts:
    """Return the facts of a loader of an iterable dataset.

    Raises
    ------
    dejabatch.findings.CannotTell
        If the dataset is map-style.
    """
    facts = facts_of(observation)
    if facts.map_style:
        cannot_tell("the dataset is not iterable")
    return facts


def complete_epochs(observation: Observation) -> list[int]:
    """Return the epochs that were read to their end.

    Raises
    ------
    dejabatch.findings.CannotTell
        If there are none.
    """
    complete = [end.epoch for end in observation.ends if end.complete]
    if not complete:
        cannot_tell("no epoch was read to its end", whole_epochs(observation))
    return complete


def more_epochs(observation: Observation) -> str:
    """Return the remedy for fewer than two epochs; empty if two were read or none can."""
    few = len(observation.ends) < 2 and observation.ended is None
    return "pass epochs=2" if few else ""


def whole_epochs(observation: Observation) -> str:
    """Return the remedy for an epoch that was cut; empty if max_batches did not cut it."""
    return "raise max_batches" if observation.ended is None else ""
