"""Pages of a built site, and the redirects that lead to them from old addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import conftest

if TYPE_CHECKING:
    from pathlib import Path


def is_redirect(page: Path) -> bool:
    """Return whether browsers leave the page at once."""
    return 'http-equiv="refresh"' in page.read_text(encoding="utf-8")


def pages_of(build: conftest.Build) -> list[Path]:
    """Return every page that readers see."""
    return [page for page in conftest.pages_of(build) if not is_redirect(page)]


def redirects_of(build: conftest.Build) -> list[Path]:
    """Return every page that leads from an old address to a new one."""
    return [page for page in conftest.pages_of(build) if is_redirect(page)]
