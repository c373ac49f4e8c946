"""A callback for the trainer of Hugging Face transformers."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from dejabatch.integrations import Auditing


class AuditCallback(Auditing, TrainerCallback):
    """Audit the training loader of a trainer before its first step.

    The loader is the one that the trainer iterates, as ``get_train_dataloader`` returns
    it. The training goes on as without the callback: an audit changes neither loaders nor
    random states. All ranks take part.

    Parameters
    ----------
    on_finding : {"warn", "raise"}
        ``"warn"`` shows the report as a warning on the first rank, and trains.
        ``"raise"`` ends the program on every rank.
    **options : object
        Further arguments of `dejabatch.audit`, such as ``expect`` or ``time_limit``.

    Raises
    ------
    ValueError
        If `on_finding` is neither ``"warn"`` nor ``"raise"``.

    Examples
    --------
    >>> from dejabatch.integrations.transformers import AuditCallback
    >>> callback = AuditCallback(on_finding="raise")

    Pass it to the trainer: ``Trainer(..., callbacks=[callback])``.
    """

    def on_train_begin(
        self,
        args: Any,  # noqa: ARG002 - the trainer passes it
        state: Any,
        control: Any,  # noqa: ARG002 - the trainer passes it
        **objects: Any,
    ) -> None:
        """Audit the loader; the trainer calls this."""
        loaders = {"train_dataloader": objects["train_dataloader"]}
        self._audit(loaders, speaks=state.is_world_process_zero)
