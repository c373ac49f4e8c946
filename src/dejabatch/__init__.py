"""Why a PyTorch DataLoader returns the same features, and what to do about it."""

from dejabatch.auditing import audit
from dejabatch.catalogue import FAILURE_MODES, SECTIONS, FailureMode
from dejabatch.comparing import compare
from dejabatch.observe.record import Expect
from dejabatch.report import Finding, FindingsError, Report

__all__ = [
    "FAILURE_MODES",
    "SECTIONS",
    "Expect",
    "FailureMode",
    "Finding",
    "FindingsError",
    "Report",
    "audit",
    "compare",
]
