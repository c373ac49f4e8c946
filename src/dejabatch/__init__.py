"""Why a PyTorch DataLoader returns the same features, and what to do about it."""

from dejabatch.auditing import audit
from dejabatch.catalogue import FAILURE_MODES, SECTIONS, SIGNS, FailureMode
from dejabatch.comparing import compare
from dejabatch.fixes.looping import SharedEpoch, forever, set_epoch
from dejabatch.observe.record import Expect
from dejabatch.report import Finding, FindingsError, Report
from dejabatch.fixes.schemes import Scheme, SchemeReport, check_seeding
from dejabatch.fixes.seeding import EpochIndex, EpochSampler, PerSample, seed_worker, stream
from dejabatch.fixes.streaming import shard

__all__ = [
    "FAILURE_MODES",
    "SECTIONS",
    "SIGNS",
    "EpochIndex",
    "EpochSampler",
    "Expect",
    "FailureMode",
    "Finding",
    "FindingsError",
    "PerSample",
    "Report",
    "Scheme",
    "SchemeReport",
    "SharedEpoch",
    "audit",
    "check_seeding",
    "compare",
    "forever",
    "seed_worker",
    "set_epoch",
    "shard",
    "stream",
]
