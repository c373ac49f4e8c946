"""Comments that exclude their line from the lint: ``# dejabatch: ignore[slug]``."""

from __future__ import annotations

import re
import tokenize
from io import StringIO

_IGNORE = re.compile(r"#\s*dejabatch:\s*ignore(?:\[([\w\s,-]*)\])?")


def ignored_slugs(source: str) -> dict[int, set[str]]:
    """Return the slugs that comments exclude, by line; ``*`` stands for every slug."""
    ignored: dict[int, set[str]] = {}
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := _IGNORE.search(token.string)):
            slugs = {slug.strip() for slug in (match[1] or "*").split(",")}
            ignored.setdefault(token.start[0], set()).update(slugs)
    return ignored
