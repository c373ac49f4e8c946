"""One line in a trainer that audits the loaders it iterates.

Each module needs the library of its name, and nothing imports it unless you do.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, get_args

from dejabatch.auditing import audit

OnFinding = Literal["warn", "raise"]


class AuditWarning(UserWarning):
    """The audit of a trainer's loader found something, or could not be made."""


class Auditing:
    """The arguments and the audit that the callbacks of all trainers share.

    Parameters
    ----------
    on_finding : {"warn", "raise"}
        Whether to warn or to raise if a report is not ok, or if an audit cannot be made.
    **options : object
        Further arguments of `dejabatch.audit`.

    Raises
    ------
    ValueError
        If `on_finding` is neither ``"warn"`` nor ``"raise"``.
    """

    def __init__(self, on_finding: OnFinding = "warn", **options: Any) -> None:
        if on_finding not in get_args(OnFinding):
            msg = f"on_finding must be 'warn' or 'raise', not {on_finding!r}"
            raise ValueError(msg)
        self.on_finding: OnFinding = on_finding
        self.options = options

    def _audit(self, loaders: Mapping[str, Any], *, speaks: bool) -> None:
        """Audit the loaders of a trainer, one after another.

        Parameters
        ----------
        loaders : mapping of str to object
            The loaders, by the name that messages give them.
        speaks : bool
            Whether this rank warns; all ranks have the same report.

        Raises
        ------
        dejabatch.FindingsError
            If `on_finding` is ``"raise"``, and a report is not ok. Its text is the report.
        TypeError, ValueError, RuntimeError
            If `on_finding` is ``"raise"``, and a loader cannot be audited.
        """
        for name, loader in loaders.items():
            try:
                report = audit(loader, **self.options)
            except (TypeError, ValueError, RuntimeError) as error:
                if self.on_finding == "raise":
                    raise
                text = f"no audit of {name}: {error}"
            else:
                if self.on_finding == "raise":
                    report.raise_for_findings()
                if report.ok:
                    continue
                text = f"audit of {name}\n{report}"
            if speaks:
                warnings.warn(text, AuditWarning, stacklevel=2)
