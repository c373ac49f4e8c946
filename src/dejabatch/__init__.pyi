from .auditing import audit
from .catalogue import FAILURE_MODES, FailureMode
from .comparing import compare
from .expect import Expect
from .findings import Finding, FindingsError
from .fixes.looping import SharedEpoch, forever, set_epoch
from .fixes.schemes import Scheme, SchemeReport, check_seeding
from .fixes.seeding import EpochIndex, EpochSampler, PerSample, seed_worker, stream
from .fixes.streaming import shard
from .ledgers import ledger
from .report import Report

__all__ = [
    "FAILURE_MODES",
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
    "ledger",
    "seed_worker",
    "set_epoch",
    "shard",
    "stream",
]
