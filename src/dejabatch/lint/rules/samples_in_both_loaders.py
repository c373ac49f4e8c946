"""Find a ``random_split`` without a seed, which another run splits differently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dejabatch.lint.module import Module
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("random_split",)

_SEEDED: Final = (
    r"torch\.(random\.)?manual_seed\(|seed_everything\(|set_\w*seed\w*\(|\bseed\w*\("
    r"|(?<!\.)\bmanual_seed\(|set_determinism\("
)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the calls of ``random_split`` that no seed makes reproducible."""
    for call in module.calls():
        name = module.called_name(call)
        if name not in {
            "torch.utils.data.random_split",
            "torch.utils.data.dataset.random_split",
        }:
            continue
        if len(call.args) > 2 or any(k.arg == "generator" for k in call.keywords):
            continue
        if run.connected_text(module, _SEEDED):
            continue
        # A split that lives as long as its model does no harm.
        resumes = run.connected_text(
            module, r"load_state_dict|torch\.load\(|resume|ckpt_path"
        )
        yield Found(
            module,
            call,
            "warning" if resumes else "note",
            f"`{short(call)}` has no generator, and no seed is set before. "
            + (
                "The program loads a checkpoint: its validation samples may be samples "
                "that the model was trained on."
                if resumes
                else "Another run splits differently."
            ),
        )
