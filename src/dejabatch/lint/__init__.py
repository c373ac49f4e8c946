"""Find failures that the source shows: loops and seeds that repeat themselves.

A syntax tree shows what a loader object cannot, such as ``next(iter(loader))`` in a
loop. Each rule in `dejabatch.lint.rules` looks for one failure mode. A rule rather
misses a failure than reports code that is right.
"""

from __future__ import annotations

import ast
import gc
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from dejabatch.lint.files import Excluded, find_files
from dejabatch.lint.ignores import Ignore, ignore_comments
from dejabatch.lint.place import Place
from dejabatch.lint.rules import RULES
from dejabatch.lint.run import Found, Run, Severity
from dejabatch.lint.settings import Settings
from dejabatch.lint.source import Source, UnreadableError

__all__ = ["RULES", "Place", "Settings", "lint_paths", "lint_source"]

_WORTH_A_POOL: Final = 200
"""Number of files to parse from which a second process saves time."""


class _Raw(NamedTuple):
    """A place in a source's text, before comments are applied."""

    place: Place
    last_line: int


def lint_paths(
    paths: Iterable[Path],
    *,
    settings: Settings | None = None,
    jobs: int = 1,
) -> list[Place]:
    """Return the failures in Python files and notebooks.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files, and folders in which every ``*.py`` and ``*.ipynb`` file is read. Names
        are followed between all these files. In a folder, files that git ignores,
        virtual environments and build folders are left out.
    settings : Settings, optional
        The rules and files, by default all.
    jobs : int
        Number of processes that read the files. More than one needs a main module that
        can be imported.

    Returns
    -------
    list of Place
        The failures, in the order of files and lines. A file that cannot be read has a
        place with the slug ``unreadable-file``. In folders, only the files with a word
        that a rule looks for are parsed.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.

    Examples
    --------
    >>> from pathlib import Path
    >>> from dejabatch.lint import lint_paths
    >>> length = Path("train.py").write_text(
    ...     "import itertools; itertools.cycle(DataLoader(dataset))"
    ... )
    >>> [(str(place), place.slug) for place in lint_paths([Path("train.py")])]
    [('train.py:1:19', 'itertools-cycle')]
    """
    settings, paths = settings or Settings(), list(paths)
    sources, places = [], []
    for file in find_files(paths, Excluded(settings.exclude, settings.root)):
        try:
            sources.append(Source.decode(str(file), file.read_bytes()))
        except (OSError, UnreadableError) as error:
            places.append(_unreadable(str(file), error))
    named = {str(path) for path in paths if path.is_file()}
    return _lint(sources, named, settings, jobs, places)


def lint_source(
    source: str, path: str = "<string>", *, settings: Settings | None = None
) -> list[Place]:
    """Return the failures in the text of one file.

    Parameters
    ----------
    source : str
        The text of the file: Python, or a notebook if `path` ends in ``.ipynb``.
    path : str
        The name of the file in the results.
    settings : Settings, optional
        The rules and files, by default all.

    Returns
    -------
    list of Place
        The failures, in the order of lines. A comment ``# dejabatch: ignore[slug]``
        excludes its line. Text that is not Python has a place with the slug
        ``unreadable-file``.

    Examples
    --------
    >>> from dejabatch.lint import lint_source
    >>> source = '''
    ... loader = DataLoader(dataset)
    ... for step in range(1000):
    ...     train(next(iter(loader)))
    ... '''
    >>> [(place.line, place.slug) for place in lint_source(source)]
    [(4, 'next-iter-in-the-loop')]
    """
    settings = settings or Settings()
    if Excluded(settings.exclude, settings.root).has(os.path.abspath(path)):  # noqa: PTH100
        return []
    try:
        sources = [Source.of(path, source)]
    except UnreadableError as error:
        return [_unreadable(path, error)]
    return _lint(sources, {path}, settings, 1, [])


def _lint(
    sources: Sequence[Source],
    named: Collection[str],
    settings: Settings,
    jobs: int,
    places: list[Place],
) -> list[Place]:
    texts = {source.path: source for source in sources}
    found: dict[tuple[object, ...], _Raw] = {}
    with _no_collections():
        raws = list(_raw_places(sources, named, settings.select, jobs))
    for raw in raws:
        # Several files may lead to one place; the worst severity is the first.
        key = raw.place.key
        order = ("error", "warning", "note")
        if key not in found or order.index(raw.place.severity) < order.index(
            found[key].place.severity
        ):
            found[key] = raw
    ignores = {s.path: ignore_comments(s.text) for s in sources}
    for raw in found.values():
        lines = range(raw.place.line, raw.last_line + 1)
        comments = ignores[raw.place.path]
        # Each comment must note what it excludes.
        excluding = [i for i in comments if i.excludes(raw.place.slug, lines)]
        if not excluding:
            places.append(raw.place)
    for path, comments in ignores.items():
        places += _unused(path, comments, settings)
    places = [_in_cell(place, texts.get(place.path)) for place in places]
    per_file = [
        (Excluded([pattern], settings.root), slugs)
        for pattern, slugs in settings.per_file_ignores.items()
    ]
    kept = [
        place
        for place in places
        if not any(
            place.slug in slugs and matcher.has(os.path.abspath(place.path))  # noqa: PTH100
            for matcher, slugs in per_file
        )
    ]
    return sorted(kept, key=lambda place: place.key)


def _unused(
    path: str, comments: Iterable[Ignore], settings: Settings
) -> Iterable[Place]:
    for comment in comments:
        known = {*RULES, "unreadable-file"}
        problem = comment.unused(known, {*settings.select, "unreadable-file"})
        if problem:
            yield Place(
                path=path,
                line=comment.line,
                column=comment.column,
                slug="unused-ignore",
                severity="warning",
                why=problem,
            )


def _in_cell(place: Place, source: Source | None) -> Place:
    """Return a place with the number of its notebook's cell."""
    if source is None or not source.cells:
        return place
    cell, line = source.cells[min(place.line, len(source.cells)) - 1]
    return replace(place, cell=cell, line=line)


def _unreadable(path: str, error: Exception) -> Place:
    position = (
        (error.line, error.column) if isinstance(error, UnreadableError) else (1, 1)
    )
    return Place(
        path=path,
        line=position[0],
        column=position[1],
        slug="unreadable-file",
        severity="note",
        why=f"{str(error)[:1].upper()}{str(error)[1:]}.".replace("..", "."),
    )


@contextmanager
def _no_collections() -> Iterator[None]:
    """Stop the garbage collector, which would walk through all trees many times."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# Reading the files, in one process or in several


def _raw_places(
    sources: Sequence[Source], named: Collection[str], select: frozenset[str], jobs: int
) -> Iterable[_Raw]:
    """Yield what the rules find in the files whose text has a trigger.

    Parsing is slow. Files without a trigger are parsed only if the user has named them.
    """
    rules = [(slug, RULES[slug]) for slug in sorted(select)]
    read = [(s.path, [g for g, r in rules if r.reads(s.text)]) for s in sources]
    work = [(path, slugs) for path, slugs in read if slugs or path in named]
    jobs = min(jobs, len(work) // _WORTH_A_POOL)
    if jobs < 2:
        run = Run(sources)
        return [raw for path, slugs in work for raw in _of_file(run, path, slugs)]
    # Importing a pool takes a third of the time to start.
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    # Neighbouring files import each other, so each process gets neighbours.
    size = -(-len(work) // (4 * jobs))
    parts = [work[i : i + size] for i in range(0, len(work), size)]
    with ProcessPoolExecutor(
        jobs, initializer=_start_process, initargs=(sources,)
    ) as pool:
        return [raw for part in pool.map(_of_files, parts) for raw in part]


_in_process: dict[str, Run] = {}


def _start_process(sources: Sequence[Source]) -> None:
    gc.disable()
    _in_process["run"] = Run(sources)


def _of_files(work: Sequence[tuple[str, list[str]]]) -> list[_Raw]:
    run = _in_process["run"]
    return [raw for path, slugs in work for raw in _of_file(run, path, slugs)]


def _of_file(run: Run, path: str, slugs: Iterable[str]) -> list[_Raw]:
    module = run.project.module(path)
    if module is None:
        place = _unreadable(path, run.project.unreadable[path])
        return [_Raw(place, place.line)]
    return [
        _raw(slug, found) for slug in slugs for found in RULES[slug].check(module, run)
    ]


def _severity(found: Found) -> Severity:
    """Return the severity; a failure in a test does no harm in training."""
    in_a_test = re.search(
        r"(^|[\\/])(tests?[\\/]|test_[^\\/]*$)", found.module.source.path
    )
    return "warning" if found.severity == "error" and in_a_test else found.severity


def _raw(slug: str, found: Found) -> _Raw:
    node = found.node
    if not isinstance(node, (ast.expr, ast.stmt)):
        msg = f"{slug}: a {type(node).__name__} has no line"
        raise TypeError(msg)
    place = Place(
        path=found.module.source.path,
        line=node.lineno,
        column=node.col_offset + 1,
        slug=slug,
        severity=_severity(found),
        why=found.why,
        variant_fix=found.fix,
    )
    return _Raw(place, node.end_lineno or node.lineno)
