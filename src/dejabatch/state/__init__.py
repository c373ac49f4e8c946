"""What a process holds: objects, generators, open files and shared memory."""

from typing import Final

GLOBAL_NAMES: Final = ("random", "np.random", "torch")
"""What the global generators of Python, NumPy and torch are called in paths."""
