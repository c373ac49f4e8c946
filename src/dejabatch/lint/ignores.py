"""Comments that exclude a line or a file: ``# dejabatch: ignore[slug]``."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO
from typing import Final

_IGNORE: Final = re.compile(r"#\s*dejabatch:\s*ignore(-file)?(?:\[([\w\s,-]*)\])?")


@dataclass(slots=True)
class Ignore:
    """A comment.

    Attributes
    ----------
    line, column : int
        The position of the comment, counted from 1.
    whole_file : bool
        Whether the comment excludes the whole file.
    slugs : frozenset of str
        The failure modes that are excluded; empty for all.
    used : set of str
        The slugs that the comment has excluded.
    """

    line: int
    column: int
    whole_file: bool
    slugs: frozenset[str]
    used: set[str] = field(default_factory=set)

    def excludes(self, slug: str, lines: range) -> bool:
        """Return whether the comment excludes a failure in some lines, and note that."""
        if not self.whole_file and self.line not in lines:
            return False
        if self.slugs and slug not in self.slugs:
            return False
        self.used.add(slug)
        return True

    def unused(self, known: Iterable[str], active: Iterable[str]) -> str:
        """Return what is wrong with the comment, or "".

        Parameters
        ----------
        known : iterable of str
            The slugs of all rules.
        active : iterable of str
            The slugs of the rules that ran.
        """
        unknown = sorted(self.slugs - set(known))
        if unknown:
            return f"There is no rule {', '.join(unknown)}."
        idle = sorted((self.slugs & set(active)) - self.used)
        if idle:
            return f"Nothing is found here for {', '.join(idle)}."
        if not self.slugs and not self.used and set(active) >= set(known):
            return "Nothing is found here."
        return ""


def ignore_comments(source: str) -> list[Ignore]:
    """Return the comments of a file that exclude lines or the file."""
    if not _IGNORE.search(source):
        return []
    found = []
    try:
        for token in tokenize.generate_tokens(StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                match = _IGNORE.search(token.string)
                if match:
                    names = (name.strip() for name in (match[2] or "").split(","))
                    slugs = frozenset(filter(None, names))
                    line, column = token.start
                    found.append(Ignore(line, column + 1, bool(match[1]), slugs))
    except (tokenize.TokenError, SyntaxError):
        # The file is reported as unreadable.
        return found
    return found
