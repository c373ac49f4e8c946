"""Indices are drawn without making any sample."""

import random

from torch.utils.data import DataLoader, Sampler

from dejabatch.observe.experiments import draws as draws_module
from dejabatch.observe.experiments.draws import draw


class Groups:
    """Shuffled groups, of which the last, shorter batch is dropped."""

    def __init__(self, *sizes, dataset=None):
        self.dataset = dataset
        starts = [sum(sizes[:n]) for n in range(len(sizes))]
        self.groups = [
            list(range(a, a + n)) for a, n in zip(starts, sizes, strict=True)
        ]

    def __iter__(self):
        for group in self.groups:
            order = random.sample(group, len(group))
            for start in range(0, len(order) - 3, 4):
                yield order[start : start + 4]


def test_sampler_that_leaves_out_other_indices_is_drawn_more_often(monkeypatch):
    monkeypatch.setattr(draws_module, "_SECONDS", 60)
    draws = draw(DataLoader(range(18), batch_sampler=Groups(8, 7, 3)))
    assert len(draws.epochs) > 16
    assert set(range(18)) - set(draws.indices().tolist()) == {15, 16, 17}
    assert draws.held.tolist() == list(range(18))


def test_labels_of_a_dataset_that_the_sampler_holds_are_no_indices(monkeypatch):
    monkeypatch.setattr(draws_module, "_SECONDS", 60)
    dataset = [100] * 11
    draws = draw(DataLoader(dataset, batch_sampler=Groups(7, 4, dataset=dataset)))
    assert draws.held.tolist() == list(range(11))


def test_sampler_that_draws_all_indices_is_drawn_four_times():
    assert len(draw(DataLoader(range(16), batch_sampler=Groups(8, 8))).epochs) == 4


class Half(Sampler):
    """Says that it yields as many indices as it has, and yields half of them."""

    def __init__(self, indices):
        self.indices = indices

    def __iter__(self):
        return iter(random.sample(self.indices, len(self.indices) // 2))

    def __len__(self):
        return len(self.indices)


def test_length_of_the_sampler_is_recorded_beside_what_it_yields():
    draws = draw(DataLoader(range(16), batch_size=4, sampler=Half(range(16))))
    assert (draws.length, draws.yielded) == (4, (2, 2, 2, 2))
    draws = draw(DataLoader(range(16), batch_sampler=Groups(8, 8)))
    assert (draws.length, draws.yielded) == (None, (4, 4, 4, 4))
