"""Find seeds that are computed from ``np.random.get_state()``."""

from __future__ import annotations

from collections.abc import Iterator

from dejabatch.lint.module import Module
from dejabatch.lint.origins import STATE, Frame
from dejabatch.lint.run import Found, Run, short
from dejabatch.lint.seeding import SEED_FUNCTIONS, first_argument

TRIGGER = ("get_state(", "seed")


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls whose seed depends on NumPy's global state."""
    for call in module.calls():
        seed = first_argument(call)
        if module.called_name(call) not in SEED_FUNCTIONS or seed is None:
            continue
        frame = Frame(module, module.function(call))
        if STATE in run.tracer.origins(seed, frame).kinds:
            name = getattr(module.function(call), "name", None)
            # A function that no loader gets does no harm yet.
            used = name is None or run.project.mentions(
                rf"worker_init_fn\W+[^\n]*\b{name}\b"
            )
            yield Found(
                module,
                call,
                "error" if used else "warning",
                f"`{short(seed)}` contains the first word of NumPy's state. NumPy seeds "
                "a worker from an array, and the first word is then 2147483648 in every "
                "worker, epoch and run.",
            )
