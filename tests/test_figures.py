"""The picture of a loader shows which worker repeats what."""

import dataclasses
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dejabatch import Report, figures
from dejabatch.observe.record import MAIN_PROCESS, Fetch, Observation

RNG = "dataset.transform.rng"


def fetch(epoch, batch, worker, samples, states=(0, 0)):
    """Return a batch by the numbers of its samples and of its generators' states."""
    digests = np.zeros((len(samples), 16), np.uint8)
    digests[:, 0] = samples
    of_numpy, of_stored = (bytes([state]) for state in states)
    return Fetch(
        epoch=epoch,
        batch=batch,
        worker=worker,
        indices=None,
        digests=digests,
        census={"random": b"", "np.random": of_numpy, "torch": b"", RNG: of_stored},
    )


def observation(*fetches):
    return Observation(facts=None, starts=(), fetches=fetches, ends=())


def colours_by_row(ax):
    """Return the colours of each row of the picture that has any."""
    (image,) = ax.images
    return [row.compressed().tolist() for row in image.get_array() if row.count()]


def crosses(ax):
    """Return the columns and rows of the crosses, each of which has an outline."""
    outlines = [line.get_xydata() for line in ax.lines if line.get_marker() == "x"]
    assert len(outlines) in (0, 2)
    return outlines[0].tolist() if outlines else []


# Workers 0 and 1 begin each epoch in the same states, and draw different samples.
TWO_WORKERS = observation(
    fetch(0, 0, 0, [1, 2], (1, 5)),
    fetch(0, 1, 1, [3, 4], (1, 5)),
    fetch(0, 2, 0, [5, 6], (2, 6)),
    fetch(1, 0, 0, [1, 2], (1, 7)),
    fetch(1, 1, 1, [2, 1], (1, 7)),
)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_repeated_samples_have_one_colour_and_a_cross(ax):
    seen = observation(
        fetch(0, 0, MAIN_PROCESS, [1, 1]), fetch(0, 1, MAIN_PROCESS, [1, 2])
    )
    figures.timeline(seen, ax)
    assert colours_by_row(ax) == [[0, 0], [0, 1]]
    assert crosses(ax) == [[0, 1], [1, 0]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["main process"]
    assert "content of the samples; crosses: repeats" in ax.get_xlabel()


def test_samples_that_come_again_in_the_next_epoch_are_not_repeats(ax):
    figures.timeline(observation(*TWO_WORKERS.fetches[:4]), ax)
    assert colours_by_row(ax) == [[0, 4, 0], [1, 5, 1], [2], [3]]
    assert crosses(ax) == []
    assert "no repeats" in ax.get_xlabel()


def test_workers_and_epochs_are_labelled(ax):
    figures.timeline(TWO_WORKERS, ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "worker 0",
        "worker 1",
    ]
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "epoch 0",
        "epoch 1",
    ]
    # Epoch 0 has columns 0 to 2; column 3 separates the epochs. Row 2 is empty.
    assert crosses(ax) == [[5, 3], [5, 4]]


def test_states_of_a_generator_are_compared_between_epochs(ax):
    figures.timeline(TWO_WORKERS, ax, generator="np.random")
    assert colours_by_row(ax) == [[0, 1, 0], [0, 0]]
    assert crosses(ax) == [[1, 2], [4, 0], [5, 2]]
    assert "state of np.random" in ax.get_xlabel()


def test_large_observations_are_cut(ax):
    many = [fetch(0, batch, 0, range(100, 120)) for batch in range(60)]
    figures.timeline(observation(*many), ax)
    (image,) = ax.images
    assert image.get_array().shape == (12, 48)
    lines = [line for line in ax.lines if line.get_marker() != "x"]
    assert len(lines) == 16


def test_generator_of_a_finding_is_found():
    assert figures.repeated_generator(TWO_WORKERS, RNG) == RNG
    assert figures.repeated_generator(TWO_WORKERS, "sampler") is None


def test_generator_of_worker_init_fn_is_the_one_with_the_fewest_states():
    # Python's and torch's generators have one state each, but nothing draws from them.
    assert figures.repeated_generator(TWO_WORKERS, "worker_init_fn") == "np.random"


def test_report_draws_the_generator_of_its_first_finding(ax):
    findings = tuple(SimpleNamespace(where=where) for where in (RNG, "torch"))
    report = Report(findings, (), {}, TWO_WORKERS)
    assert report.plot(ax) is ax
    assert f"state of {RNG}" in ax.get_xlabel()


def test_report_makes_a_figure_if_no_axes_are_given():
    ax = Report((), (), {}, TWO_WORKERS).plot()
    assert len(colours_by_row(ax)) == 4
    plt.close(ax.figure)


def test_report_without_batches_cannot_be_drawn():
    with pytest.raises(ValueError, match="plot: no batch was read"):
        Report((), (), {}, observation()).plot()


def test_picture_for_html_takes_the_colour_of_the_page():
    svg = figures.as_svg(TWO_WORKERS)
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    texts = re.findall(r"<text .*?>", svg)
    assert len(texts) == 5
    assert all("currentColor" in text for text in texts)


def test_dollar_signs_in_a_path_are_not_mathematics():
    generator = "dataset.by_price['$x^$']"
    fetches = [
        dataclasses.replace(f, census={generator: bytes([i]) * 16})
        for i, f in enumerate(TWO_WORKERS.fetches)
    ]
    svg = figures.as_svg(observation(*fetches), generator=generator)
    assert "$x^$" in svg
