"""Find a DistributedSampler that shuffles, in a program without ``set_epoch``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from dejabatch.lint.loops import EPOCH_LOOP
from dejabatch.lint.module import Module
from dejabatch.lint.project import Class
from dejabatch.lint.run import Found, Run, short

TRIGGER = ("DistributedSampler",)

# Frameworks that call set_epoch, and dejabatch.forever, which does as well.
_CALLED: Final = (
    r"\.set_epoch\b|\bset_epoch\(|\bforever\(|DistSamplerSeedHook|auto_dataloader"
    r"|import pytorch_lightning|from pytorch_lightning|import lightning|from lightning"
    r"|from transformers import[^\n]*\bTrainer\b|Seq2SeqTrainer|composer\.Trainer"
    r"|\.prepare\(|prepare_data_loader|IterBasedRunner|InfiniteSampler"
)


def check(module: Module, run: Run) -> Iterator[Found]:
    """Yield the DistributedSamplers whose order is the same in each epoch."""
    for call in module.calls():
        if module.called_name(call).rpartition(".")[2] != "DistributedSampler":
            continue
        if not _shuffles_by_epoch(module, call, run):
            continue
        if run.loaders.is_for_evaluation(module, call):
            continue
        if run.connected_text(module, _CALLED):
            continue
        if not run.connected_text(module, EPOCH_LOOP):
            continue
        others = len(run.connected(module)) - 1
        where = f"this file and the {others} files connected with it by imports"
        yield Found(
            module,
            call,
            "error",
            f"`{short(call)}` shuffles, training has several epochs, and "
            f"{where if others else 'this file'} never call `set_epoch`."
            if others
            else f"`{short(call)}` shuffles, training has several epochs, and this file "
            "never calls `set_epoch`.",
        )


def _shuffles_by_epoch(module: Module, call: ast.Call, run: Run) -> bool:
    shuffle = run.loaders.arguments(module, call).values.get("shuffle")
    if run.loaders.constant(shuffle) is False:
        return False
    if shuffle is not None and isinstance(shuffle.node, ast.AST):
        # `shuffle=is_train` may be a validation sampler only.
        text = ast.unparse(shuffle.node)
        if re.search(r"val|test|eval", text):
            return False
    if len(call.args) > 3 and getattr(call.args[3], "value", True) is False:
        return False
    for definition in run.project.values(module, call.func):
        # A class of the run with this name shuffles by the epoch only if it says so.
        if isinstance(definition.node, ast.ClassDef):
            cls = Class(definition.module, definition.node)
            names = run.project.base_names(cls)
            inherits = any(name.endswith("DistributedSampler") for name in names)
            own = run.project.methods(cls).get("__iter__")
            if own is not None and isinstance(own.node, ast.AST):
                return "epoch" in ast.unparse(own.node)
            return inherits
    return True
