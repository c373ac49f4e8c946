"""The section ``[tool.dejabatch.lint]`` of ``pyproject.toml``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dejabatch.lint.rules import RULES


class SettingsError(Exception):
    """A setting is wrong. The message names the setting and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The rules that run, and the files that are read.

    Attributes
    ----------
    select : frozenset of str
        The slugs of the rules that run.
    exclude : tuple of str
        Patterns of files and folders that are not read, as in ``.gitignore``.
    per_file_ignores : mapping of str to frozenset of str
        Slugs that are not reported in the files of a pattern.
    root : pathlib.Path
        The folder to which the patterns are relative.

    Raises
    ------
    SettingsError
        From the constructors, if a key, a slug or a type is unknown.
    """

    select: frozenset[str] = frozenset(RULES)
    exclude: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, frozenset[str]] = field(default_factory=dict)
    root: Path = field(default_factory=Path.cwd)

    @classmethod
    def find(cls, folder: Path) -> Self:
        """Return the settings of the nearest ``pyproject.toml`` that has the section."""
        folder = folder.resolve()
        for outer in (folder, *folder.parents):
            file = outer / "pyproject.toml"
            if file.is_file():
                section = _section(file)
                if section is not None:
                    return cls._from(section, file)
        return cls()

    @classmethod
    def _from(cls, section: Mapping[str, Any], file: Path) -> Self:
        known = {"select", "ignore", "exclude", "per-file-ignores"}
        for key in section:
            if key not in known:
                msg = (
                    f"{file}: [tool.dejabatch.lint] has no key {key!r}"
                    f"{_did_you_mean(key, known)}"
                )
                raise SettingsError(msg)
        per_file = section.get("per-file-ignores", {})
        if not isinstance(per_file, Mapping):
            msg = f"{file}: per-file-ignores must be a table of patterns and slugs"
            raise SettingsError(msg)
        where = f"{file}: "
        return cls(
            select=chosen(
                _strings(section, "select", file) if "select" in section else None,
                _strings(section, "ignore", file),
                where,
            ),
            exclude=tuple(_strings(section, "exclude", file)),
            per_file_ignores={
                pattern: known_slugs(
                    _strings(per_file, pattern, file),
                    f"{where}per-file-ignores.{pattern}",
                )
                for pattern in per_file
            },
            root=file.parent,
        )


def chosen(
    select: Iterable[str] | None, ignore: Iterable[str], where: str = ""
) -> frozenset[str]:
    """Return the selected rules without the ignored rules.

    Raises
    ------
    SettingsError
        If there is no rule of a name.
    """
    selected = (
        frozenset(RULES)
        if select is None
        else known_slugs(select, f"{where}select", also=())
    )
    return selected - known_slugs(ignore, f"{where}ignore")


def known_slugs(
    slugs: Iterable[str], where: str, also: Iterable[str] = ("unreadable-file",)
) -> frozenset[str]:
    """Return slugs as a set.

    Raises
    ------
    SettingsError
        If there is no rule of a name.
    """
    found = frozenset(slugs)
    known = {*RULES, *also}
    for slug in sorted(found - known):
        msg = f"{where}: there is no rule {slug!r}{_did_you_mean(slug, known)}"
        raise SettingsError(msg)
    return found


def _section(file: Path) -> Mapping[str, Any] | None:
    # Most runs have no such file.
    import tomllib  # noqa: PLC0415

    try:
        content: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{file}: {error}"
        raise SettingsError(msg) from error
    for key in ("tool", "dejabatch", "lint"):
        content = content.get(key)
        if content is None:
            return None
        if not isinstance(content, Mapping):
            msg = f"{file}: {key} must be a table"
            raise SettingsError(msg)
    section: Mapping[str, Any] = content
    return section


def _strings(section: Mapping[str, Any], key: str, file: Path) -> list[str]:
    value = section.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        msg = f"{file}: {key} must be a list of strings"
        raise SettingsError(msg)
    return value


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
