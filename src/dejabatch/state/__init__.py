"""The state of a process: objects, generators, open files and shared memory."""

from typing import Final

GLOBAL_NAMES: Final = ("random", "np.random", "torch")
"""Names of the global generators of Python, NumPy and torch in paths."""

NUMBA_NAMES: Final = ("numba.random", "numba.np.random")
"""Names of the generators that numba's compiled code draws from."""
