"""Each sample is made, and the items of a list that none of them reads are found."""

import pytest
from torch.utils.data import Dataset

from dejabatch.observe.experiments import unread_items
from dejabatch.observe.experiments.unread_items import lists_without_last


@pytest.fixture(autouse=True)
def time_for_all_samples(monkeypatch):
    monkeypatch.setattr(unread_items, "_SECONDS", 60)


class Texts(Dataset):
    """Cuts texts into pieces, which a table lists."""

    def __init__(self, texts):
        self.texts = {"text": [f"text {number}" for number in range(12)]}
        self.table = [(text, start) for text in texts for start in range(0, 6, 2)]
        self.offsets = list(range(13))

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        text, start = self.table[index]
        return self.texts["text"][text][start:], self.offsets[text]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (range(12), ()),
        (range(11), ("dataset.texts['text']",)),
        (range(10), ()),  # perhaps the rest is for validation
        (range(0, 11, 2), ()),
        (range(1, 12), ()),
    ],
)
def test_list_that_is_read_without_its_last_item_is_found(texts, found):
    dataset = Texts(texts)
    made = lists_without_last({"dataset": dataset}, dataset.__getitem__, len(dataset))
    assert made == found


class ReadsAll(Texts):
    def __getitem__(self, index):
        return [text for text in self.texts["text"] if text.endswith(str(index))]


class ReadsSlices(Texts):
    def __getitem__(self, index):
        return self.texts["text"][-3:], self.texts["text"][: index % 9]


@pytest.mark.parametrize("dataset", [ReadsAll, ReadsSlices])
def test_loops_and_slices_read_the_last_item(dataset):
    samples = dataset(range(11))
    roots = {"dataset": samples}
    assert lists_without_last(roots, samples.__getitem__, len(samples)) == ()


def test_too_many_samples_say_nothing(monkeypatch):
    monkeypatch.setattr(unread_items, "_SECONDS", -1)
    samples = Texts(range(11))
    roots = {"dataset": samples}
    assert lists_without_last(roots, samples.__getitem__, len(samples)) == ()
