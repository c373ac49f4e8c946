"""The picture shows which worker repeats what."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_auditing import Constant, GlobalNumpy, Images, Stored
from torch.utils.data import DataLoader

from dejabatch import audit


def seed_by_worker(worker_id):
    np.random.seed(worker_id)


def colours(ax):
    """Return the different colours of each lane that has any."""
    (image,) = ax.images
    rows = image.get_array()
    return [set(row.compressed().tolist()) for row in rows if row.count()]


def crosses(ax):
    return (
        sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "x") // 2
    )


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_content_that_came_before_has_its_colour_and_a_cross(ax):
    report = audit(DataLoader(Constant(6), batch_size=3))
    assert report.plot(ax) is ax
    assert colours(ax) == [{0}] * 3
    assert crosses(ax) == 2 * (6 - 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["main process"]


def test_different_content_has_different_colours_and_no_cross(ax):
    audit(DataLoader(Images(6), batch_size=3)).plot(ax)
    assert set.union(*colours(ax)) == set(range(6))
    assert crosses(ax) == 0


def test_generator_that_is_the_culprit_is_what_is_drawn(ax):
    dataset = Stored(np.random.default_rng())
    report = audit(DataLoader(dataset, batch_size=3, shuffle=True, num_workers=2))
    report.plot(ax)
    assert "state of dataset.transform.rng" in ax.get_xlabel()
    one, other = colours(ax)
    assert one == other == {0, 1, 2, 3}
    assert crosses(ax) == 16 - 4


def test_global_generator_that_a_worker_seeds_is_drawn(ax):
    loader = DataLoader(
        GlobalNumpy(), batch_size=3, num_workers=2, worker_init_fn=seed_by_worker
    )
    audit(loader).plot(ax)
    assert "state of np.random" in ax.get_xlabel()
    one, other = colours(ax)
    assert not one & other
    assert crosses(ax) == 8


def test_new_figure_is_made_where_none_is_given():
    ax = audit(DataLoader(Images(6), batch_size=3)).plot()
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "epoch 0",
        "epoch 1",
    ]
    plt.close(ax.figure)


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="plot: no batch was read"):
        audit(DataLoader(Images(0))).plot()
