"""A callback for Lightning's trainer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError:
    # The package's other name, which to mypy is another class.
    from pytorch_lightning import Callback  # type: ignore[assignment]

from dejabatch.integrations import Auditing


class Audit(Auditing, Callback):
    """Audit the training loaders of a trainer before its first step.

    The loaders are those that the trainer iterates, with the samplers that it has put
    into them. The training goes on as without the callback: an audit changes neither
    loaders nor random states. All ranks take part.

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
    >>> from dejabatch.integrations.lightning import Audit
    >>> from lightning.pytorch import Trainer
    >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=[Audit()])
    """

    def on_train_start(self, trainer: Any, _: Any) -> None:
        """Audit the loaders; the trainer calls this."""
        loaders = dict(_named("train_dataloader", trainer.train_dataloader))
        self._audit(loaders, speaks=trainer.is_global_zero)


def _named(name: str, loaders: Any) -> Iterator[tuple[str, Any]]:
    """Yield each loader of a loader, list or dictionary, with the path that leads to it."""
    if isinstance(loaders, dict):
        for key, one in loaders.items():
            yield from _named(f"{name}[{key!r}]", one)
    elif isinstance(loaders, list | tuple):
        for i, one in enumerate(loaders):
            yield from _named(f"{name}[{i}]", one)
    else:
        yield name, loaders
