"""A pytest fixture with the assertions of `dejabatch.testing`.

pytest loads this module in every project that has the package installed, so that nothing
heavy is imported before a test asks for the fixture.
"""

from __future__ import annotations

import functools
import inspect
from types import SimpleNamespace
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--dejabatch-time-limit``."""
    group = parser.getgroup("dejabatch")
    group.addoption(
        "--dejabatch-time-limit",
        type=float,
        metavar="SECONDS",
        help="time that each assertion of the fixture dejabatch may take, instead of "
        "its own default",
    )


@pytest.fixture(scope="session")
def dejabatch(request: pytest.FixtureRequest) -> Any:
    """Give the assertions of ``dejabatch.testing``.

    ``--dejabatch-time-limit`` sets the ``time_limit`` of those calls that pass none.
    """
    from dejabatch import testing  # noqa: PLC0415

    limit = request.config.getoption("dejabatch_time_limit")
    names = {name: getattr(testing, name) for name in testing.__all__}
    if limit is None:
        return SimpleNamespace(**names)
    if limit <= 0:
        msg = f"--dejabatch-time-limit must be above 0, not {limit:g}"
        raise pytest.UsageError(msg)
    return SimpleNamespace(
        **{
            name: functools.partial(value, time_limit=limit)
            if inspect.isfunction(value)
            else value
            for name, value in names.items()
        }
    )
