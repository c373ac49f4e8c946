"""The code that the symptoms page gives readers answers its questions."""

import runpy
from collections import UserDict

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from dejabatch import FAILURE_MODES
from dejabatch.finders import found_by
from dejabatch.home import SITE

PASTE = runpy.run_path(str(ROOT / "docs" / "symptoms" / "ask.py"))
LENGTH = 24


def answers(loader, *others):
    return {page: answer for page, answer, _ in PASTE["answers"](loader, *others)}


def broken_and_fixed(slug):
    page = ROOT / "gallery" / FAILURE_MODES[slug].page
    names = runpy.run_path(str(page), run_name="page")
    loaders = names["broken"], names["fixed"]
    return [x if isinstance(x, DataLoader) else x() for x in loaders]


# Failures that the paste cannot see; their pages say where to look instead.
LOOK_YOURSELF = {
    "one-draw-for-the-whole-batch",  # a picture shows it
    "subset-of-a-subset",  # compared with the whole dataset
    "numpy-global-before-1-9",  # with torch 1.8 only
    "one-shard-per-batch",  # the order within a batch
    "class-weights-as-sample-weights",  # drawing with replacement repeats samples
    "inplace-edit-of-stored-data",  # looks like random augmentation
    "augmented-once",  # looks like no augmentation
    "cached-by-datasets-map",  # the same
    "cached-augmentation",  # the same, as soon as the cache is full
    "file-opened-before-fork",  # by chance
    "loader-repeats-batches",  # the paste reads the loader's parts, not its __iter__
    "rng-in-collate",  # needs batches of several samples
    "seeds-equal-in-32-bits",  # samples carry their seeds
    "stream-with-fixed-shuffle",  # the loop has to call set_epoch
    "no-set-epoch",  # its loader is made in a process group
    "epoch-arrives-late",  # the same
    "itertools-cycle",  # the paste reads a DataLoader
    *(slug for slug, mode in FAILURE_MODES.items() if found_by(slug) == ("lint",)),
}
ASKED = ("number", "batch", "values", "workers", "epochs", "order")


@pytest.mark.parametrize(
    "slug",
    [
        slug
        for slug, mode in FAILURE_MODES.items()
        if mode.has_page and mode.seen[0] in ASKED and slug not in LOOK_YOURSELF
    ],
)
def test_first_question_is_answered_by_the_loaders_of_the_page(slug):
    sign = FAILURE_MODES[slug].seen[0]
    broken, fixed = broken_and_fixed(slug)
    assert answers(broken)[sign]
    assert not answers(fixed)[sign]


# Any kind of batch -------------------------------------------------------------------


class Made(Dataset):
    """Make each sample by a function of its index."""

    def __init__(self, make):
        self.make = make

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return self.make(index)


def tokens(index):
    length = 3 + index % 4
    return {"input_ids": [index] * length, "attention_mask": [1] * length}


def pad(samples):
    """Return what a tokenizer's collator does: a batch with a dictionary's methods."""
    length = max(len(sample["input_ids"]) for sample in samples)
    rows = [s["input_ids"] + [0] * (length - len(s["input_ids"])) for s in samples]
    return UserDict(input_ids=torch.tensor(rows))


def as_batch_encoding(samples):
    transformers = pytest.importorskip("transformers")
    return transformers.BatchEncoding(pad(samples).data)


def picture(index):
    return Image.fromarray(np.full((8, 8, 3), 3 * index, np.uint8)), index


def yolo(index):
    return {
        "im_file": f"/data/{index:06}.jpg",
        "ori_shape": (640, 480),
        "img": torch.full((3, 16, 16), float(index)),
        "bboxes": torch.zeros(2, 4),
    }


def lists_of(samples):
    return [list(column) for column in zip(*samples, strict=True)]


KINDS = {
    "tensor": (torch.tensor, {}),
    "bfloat16": (lambda i: torch.full((4,), i, dtype=torch.bfloat16), {}),
    "BatchEncoding": (tokens, {"collate_fn": as_batch_encoding}),
    "UserDict": (lambda i: UserDict(tokens(i)), {"collate_fn": pad}),
    "PIL": (picture, {"collate_fn": lists_of}),
    "lists of arrays": (lambda i: np.full((i + 1, 3), i), {"collate_fn": list}),
    "large equal ends": (lambda i: np.eye(300) * (1 + i), {"collate_fn": list}),
    "YOLO": (yolo, {}),
    "no batches": (torch.tensor, {"batch_size": None}),
    "text": (lambda i: f"sentence {i}", {}),
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


@EVERY_KIND
@pytest.mark.parametrize("num_workers", [0, 2])
def test_right_loader_of_any_kind_has_no_yes(kind, num_workers):
    make, options = KINDS[kind]
    options = {"batch_size": 4, "shuffle": True, "num_workers": num_workers} | options
    assert True not in answers(DataLoader(Made(make), **options)).values()


@EVERY_KIND
def test_repeated_sample_of_any_kind_is_counted(kind):
    make, options = KINDS[kind]
    options = {"batch_size": 4} | options
    found = answers(DataLoader(Made(lambda index: make(7)), **options))
    assert found["number"]
    assert found["batch"] or options["batch_size"] is None
    assert found["order"]


class Noisy(Made):
    """Add noise, or the same noise in every worker and epoch."""

    def __init__(self, seed=None):
        self.rng = None if seed is None else np.random.default_rng(seed)

    def __getitem__(self, index):
        noise = torch.randn(4) if self.rng is None else self.rng.normal(size=4)
        return index + torch.as_tensor(noise)


def test_workers_and_epochs_of_a_random_loader():
    options = {"batch_size": 4, "shuffle": True, "num_workers": 2}
    right, wrong = (answers(DataLoader(Noisy(s), **options)) for s in (None, 0))
    assert right["values"] is None
    assert (right["workers"], right["epochs"]) == (False, False)
    assert wrong["workers"]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(torch.arange(float(LENGTH)))


def test_stream_that_every_worker_reads():
    assert not answers(DataLoader(Stream(), batch_size=4))["number"]
    assert answers(DataLoader(Stream(), batch_size=4, num_workers=2))["number"]


def test_samples_of_two_loaders_are_compared():
    one, other = (
        DataLoader(TensorDataset(torch.arange(first, first + 10.0)), batch_size=4)
        for first in (0, 8)
    )
    assert "loaders" not in answers(one)
    (text,) = (t for page, _, t in PASTE["answers"](one, other) if page == "loaders")
    assert text == "2 samples are in both loaders"


def test_answers_are_printed_with_their_pages(capsys):
    PASTE["ask"](DataLoader(Made(torch.tensor), batch_size=4))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "no  24 samples, 24 different, 24 in epoch 2, len(dataset) is 24"
    assert PASTE["PAGES"] == f"{SITE}symptoms/"
    place = lines.index("YES order sorted: True, the same in epoch 2: True")
    assert lines[place + 1].strip() == f"{PASTE['PAGES']}order.html"
    pages = {line.strip() for line in lines if line.startswith("    https:")}
    for page in pages:
        name = page.removeprefix(PASTE["PAGES"]).removesuffix(".html")
        assert (ROOT / "docs" / "symptoms" / f"{name}.md").is_file()
