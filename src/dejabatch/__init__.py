"""Why a PyTorch DataLoader returns the same features, and what to do about it."""

from dejabatch.catalogue import FAILURE_MODES, SECTIONS, FailureMode

__all__ = ["FAILURE_MODES", "SECTIONS", "FailureMode"]
