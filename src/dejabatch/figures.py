"""The picture of a loader: its batches over time, by worker and epoch."""

from __future__ import annotations

import base64
import io
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from dejabatch.observe.record import MAIN_PROCESS, Fetch, Observation
from dejabatch.state import generators as rng

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dejabatch.report import Report

# Samples of a batch and batches of an epoch that are drawn; more could not be told apart.
_SAMPLES = 12
_BATCHES = 48
_LINKS = 16
_GREY = "#7b7f86"


def timeline(
    observation: Observation, ax: Axes, *, generator: str | None = None
) -> None:
    """Draw the batches of each worker in the order of their delivery.

    What is the same has the same colour. A sample that came before in the same epoch, or
    a generator's state that came before at all, is marked by a cross, and a line links
    it to where it came first.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        What was seen.
    ax : matplotlib.axes.Axes
        Where to draw.
    generator : str, optional
        Path of a generator, whose states after each batch are then drawn instead of the
        content of the samples.
    """
    fetches = [fetch for fetch in observation.fetches if fetch.batch < _BATCHES]
    workers = sorted({fetch.worker for fetch in fetches})
    height = 1 if generator else min(_SAMPLES, max(len(f.digests) for f in fetches))
    widths = {
        f.epoch: 1 + max(g.batch for g in fetches if g.epoch == f.epoch)
        for f in fetches
    }
    starts, right = {}, 0
    for epoch, width in widths.items():
        starts[epoch], right = right, right + width + 1
    numbers: dict[bytes, int] = {}
    places: dict[tuple[object, bytes], tuple[float, float]] = {}
    repeats = []
    picture = np.full((len(workers) * (height + 1) - 1, right - 1), np.nan)
    for fetch in fetches:
        x = starts[fetch.epoch] + fetch.batch
        for row, key in enumerate(_keys(fetch, generator)[:height]):
            y = workers.index(fetch.worker) * (height + 1) + row
            picture[y, x] = numbers.setdefault(key, len(numbers))
            scope = None if generator else fetch.epoch
            first = places.setdefault((scope, key), (x, y))
            if first != (x, y):
                repeats.append((first, (x, y)))

    ax.imshow(np.ma.masked_invalid(picture), cmap="cividis", aspect="auto")
    for one, other in repeats[:_LINKS]:
        ax.plot(*zip(one, other, strict=True), color=_GREY, linewidth=0.8)
    if repeats:
        ax.plot(
            *zip(*(place for _, place in repeats), strict=True),
            linestyle="none",
            marker="x",
            markersize=4,
            color="white",
            markeredgewidth=1.6,
        )
        ax.plot(
            *zip(*(place for _, place in repeats), strict=True),
            linestyle="none",
            marker="x",
            markersize=4,
            color="black",
            markeredgewidth=0.8,
        )
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
    what = f"state of {generator}" if generator else "content of the samples"
    crosses = "crosses: there before" if repeats else "nothing came before"
    ax.set_xlabel(f"batches over time. Colour: {what}; {crosses}")


def as_png(observation: Observation, *, generator: str | None = None) -> str:
    """Return the picture as a ``data:`` address, for an ``img`` element.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    # Not by pyplot, which keeps figures and may open a window.
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional dependency

    figure = Figure(figsize=(8, 3), layout="constrained")
    timeline(observation, figure.add_subplot(), generator=generator)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def repeated_generator(observation: Observation, where: str) -> str | None:
    """Return the path of the generator that a finding is about, if it is about one.

    Parameters
    ----------
    observation : dejabatch.observe.record.Observation
        What was seen.
    where : str
        The finding's `where`: the path itself, or ``worker_init_fn`` for the one of the
        global generators that has the fewest different states.
    """
    paths = {path for fetch in observation.fetches for path in fetch.census}
    if where in paths:
        return where
    if where != "worker_init_fn":
        return None

    def states(name: str) -> int:
        by_worker: dict[tuple[int, int], set[bytes]] = {}
        for fetch in observation.fetches:
            seen = by_worker.setdefault((fetch.epoch, fetch.worker), set())
            seen.add(fetch.census[name])
        if all(len(seen) == 1 for seen in by_worker.values()):  # nobody draws from it
            return sys.maxsize
        return len(set().union(*by_worker.values()))

    return min(rng.GLOBAL_NAMES, key=states)


def generator_of(report: Report) -> str | None:
    """Return the path of the generator that the most severe finding is about, or None."""
    for finding in report.findings[:1]:
        return repeated_generator(report.observation, finding.where)
    return None


def _keys(fetch: Fetch, generator: str | None) -> list[bytes]:
    if generator is not None:
        return [fetch.census[generator]] if generator in fetch.census else []
    return [digest.tobytes() for digest in fetch.digests]


def new_axes() -> Any:
    """Return the axes of a new figure of pyplot's."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - an optional dependency

    return plt.subplots(figsize=(8, 3), layout="constrained")[1]
