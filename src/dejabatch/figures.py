"""Draw the batches of a loader over time, by worker and epoch."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from dejabatch.observe.record import MAIN_PROCESS, Fetch, Observation
from dejabatch.state import GLOBAL_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dejabatch.report import Report

# More samples of a batch or batches of an epoch would be too small to tell apart.
_MOST_SAMPLES = 12
_MOST_BATCHES = 48
_MOST_LINKS = 16
_GREY = "#7b7f86"
# A colour that stands for the colour of the text around the picture.
_INK = "#010203"


def timeline(
    observation: Observation, ax: Axes, *, generator: str | None = None
) -> None:
    """Draw the batches of each worker in the order of their delivery.

    Cells of equal content have the same colour. A cross marks a sample that came before in
    the same epoch, or a generator's state that came before in any epoch. A line links the
    cross to the first such cell.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        What `dejabatch.audit` recorded; at least one batch.
    ax : matplotlib.axes.Axes
        Where to draw.
    generator : str, optional
        Path of a generator, whose states after each batch are drawn instead of the
        content of the samples.
    """
    fetches = [fetch for fetch in observation.fetches if fetch.batch < _MOST_BATCHES]
    workers = sorted({fetch.worker for fetch in fetches})
    height = (
        1 if generator else min(_MOST_SAMPLES, max(len(f.digests) for f in fetches))
    )
    widths = {
        f.epoch: 1 + max(g.batch for g in fetches if g.epoch == f.epoch)
        for f in fetches
    }
    starts, right = {}, 0
    for epoch, width in widths.items():
        starts[epoch], right = right, right + width + 1
    colours: dict[bytes, int] = {}
    first_cells: dict[tuple[object, bytes], tuple[float, float]] = {}
    repeats = []
    picture = np.full((len(workers) * (height + 1) - 1, right - 1), np.nan)
    for fetch in fetches:
        x = starts[fetch.epoch] + fetch.batch
        for row, key in enumerate(_keys(fetch, generator)[:height]):
            y = workers.index(fetch.worker) * (height + 1) + row
            picture[y, x] = colours.setdefault(key, len(colours))
            scope = None if generator else fetch.epoch
            first = first_cells.setdefault((scope, key), (x, y))
            if first != (x, y):
                repeats.append((first, (x, y)))

    ax.imshow(np.ma.masked_invalid(picture), cmap="cividis", aspect="auto")
    for first, repeat in repeats[:_MOST_LINKS]:
        ax.plot(*zip(first, repeat, strict=True), color=_GREY, linewidth=0.8)
    if repeats:
        columns, rows = zip(*(repeat for _, repeat in repeats), strict=True)
        cross: dict[str, Any] = {"linestyle": "none", "marker": "x", "markersize": 4}
        # A white outline below the black cross keeps it visible on every colour.
        ax.plot(columns, rows, color="white", markeredgewidth=1.6, **cross)
        ax.plot(columns, rows, color="black", markeredgewidth=0.8, **cross)
    ax.set_yticks(
        [i * (height + 1) + (height - 1) / 2 for i in range(len(workers))],
        ["main process" if w == MAIN_PROCESS else f"worker {w}" for w in workers],
    )
    ax.set_xticks(
        [starts[epoch] + (width - 1) / 2 for epoch, width in widths.items()],
        [f"epoch {epoch}" for epoch in widths],
    )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    # A pair of dollar signs, as in the key of a dict, would be read as mathematics.
    name = generator.replace("$", r"\$") if generator else ""
    meaning = f"state of {name}" if generator else "content of the samples"
    crosses = "crosses: repeats" if repeats else "no repeats"
    ax.set_xlabel(f"batches over time. Colour: {meaning}; {crosses}")


def as_svg(observation: Observation, *, generator: str | None = None) -> str:
    """Return the timeline as an ``svg`` element.

    Text and lines have the colour of the text around the element, so that they can be
    read on light and on dark pages.

    Parameters
    ----------
    observation, generator
        As for `timeline`.

    Returns
    -------
    str
        The element. It is as wide as the page, and at most 768 pixels.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    # A bare Figure, because pyplot keeps figures alive and may open a window.
    from matplotlib import rc_context  # noqa: PLC0415 - an optional dependency
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context(
        {
            "svg.fonttype": "none",
            "axes.labelcolor": _INK,
            "xtick.color": _INK,
            "ytick.color": _INK,
        }
    ):
        figure = Figure(figsize=(8, 3), layout="constrained")
        figure.patch.set_visible(False)
        ax = figure.add_subplot()
        ax.patch.set_visible(False)
        timeline(observation, ax, generator=generator)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor").strip()
    return svg.replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)


def repeated_generator(observation: Observation, where: str) -> str | None:
    """Return the path of the generator that a finding is about.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        What `dejabatch.audit` recorded.
    where : str
        The finding's `where`: the path of a generator, ``worker_init_fn``, or anything
        else.

    Returns
    -------
    str or None
        `where` itself if it is the path of a generator. For ``worker_init_fn``, the name
        of the global generator with the fewest distinct states, among the generators that
        some worker draws from. Otherwise None.
    """
    paths = {path for fetch in observation.fetches for path in fetch.census}
    if where in paths:
        return where
    if where != "worker_init_fn":
        return None

    def distinct_states(name: str) -> int:
        by_worker: dict[tuple[int, int], set[bytes]] = {}
        for fetch in observation.fetches:
            states = by_worker.setdefault((fetch.epoch, fetch.worker), set())
            states.add(fetch.census[name])
        if all(len(states) == 1 for states in by_worker.values()):
            return sys.maxsize  # no worker draws from the generator
        return len(set().union(*by_worker.values()))

    return min(GLOBAL_NAMES, key=distinct_states)


def generator_of(report: Report) -> str | None:
    """Return the path of the generator that the most severe finding is about, or None."""
    for finding in report.findings[:1]:
        return repeated_generator(report.observation, finding.where)
    return None


def _keys(fetch: Fetch, generator: str | None) -> list[bytes]:
    """Return a key for each cell of a batch: one for a generator, else one a sample."""
    if generator is not None:
        return [fetch.census[generator]] if generator in fetch.census else []
    return [digest.tobytes() for digest in fetch.digests]


def new_axes() -> Any:
    """Return the axes of a new pyplot figure."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - an optional dependency

    return plt.subplots(figsize=(8, 3), layout="constrained")[1]
