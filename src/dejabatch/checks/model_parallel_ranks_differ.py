"""Ranks that hold parts of one model read different batches."""

from collections.abc import Sequence

from dejabatch.distributed.keys import overlap
from dejabatch.distributed.record import Header, Ranks, say_ranks
from dejabatch.evidence import Evidence
from dejabatch.findings import Diagnosis, cannot_tell


def check_ranks(ranks: Ranks, _evidence: Evidence[Ranks]) -> Diagnosis | None:
    """Look for a declared group of ranks whose batches differ."""
    groups = [group for group in ranks.groups if len(group) > 1]
    if not groups:
        cannot_tell(
            "if some ranks hold parts of one model, pass Expect(same_data=[[0, 1], ...])"
        )
    for group in groups:
        if diagnosis := _compare(group):
            return diagnosis
    return None


def _compare(group: Sequence[Header]) -> Diagnosis | None:
    first = group[0]
    who = say_ranks([header.rank for header in group])
    where = first.splits[0].path if first.splits else first.sampler_path
    if len({header.all_batches for header in group}) > 1:
        numbers = ", ".join(str(header.all_batches) for header in group)
        return Diagnosis("error", where, f"{who} have {numbers} batches in an epoch")
    if len({header.order for header in group}) > 1:
        keys = [header.indices for header in group if header.indices is not None]
        seen = overlap(keys)
        text = f"{who} read different batches: {seen.say(seen.shared)} of "
        text += f"{seen.say(seen.distinct)} indices are on several of them"
        return Diagnosis("error", where, text)
    if len({header.content for header in group}) > 1:
        if first.map_style:
            text = f"{who} read the same indices and different samples: "
            text += ", ".join(first.generators) or "something"
            return Diagnosis("error", "dataset", f"{text} differs between the ranks")
        text = f"{who} read different samples"
        return Diagnosis("error", "dataset.__iter__", text)
    if len({header.collated for header in group}) > 1:
        text = f"{who} make different batches of the same samples"
        return Diagnosis("error", "collate_fn", text)
    return None
