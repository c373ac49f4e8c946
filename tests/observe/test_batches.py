"""The content of a sample is what remains without labels and other small parts."""

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from dejabatch.observe.batches import (
    count_different_rows,
    digests_of,
    equal_views,
    samples_of,
)
from dejabatch.observe.record import BLANK, NO_CONTENT, SMALL_CONTENT

ROW = [0.5, 1.0, -2.25, 3.0]


def content(sample):
    (digest,) = digests_of([sample]).contents
    return digest


@pytest.mark.parametrize(
    "row", [np.array(ROW), torch.tensor(ROW, dtype=torch.bfloat16)]
)
def test_row_of_fractions_is_a_small_content(row):
    one, other = content({"x": row, "id": "7"}), content({"x": row, "id": "8"})
    assert one == other
    assert one.startswith(SMALL_CONTENT)
    assert len(one) == len(NO_CONTENT)


@pytest.mark.parametrize(
    "sample",
    [
        (torch.tensor([0.0, 1.0, 0.0, 0.0]), 3),  # one-hot
        (torch.tensor([0.25, 0.75]), 3),
        ("images/0007.png", torch.tensor([0.1, 0.1, 0.1, 0.7])),
        ("a short text", torch.tensor([0.1, 0.1, 0.1, 0.7])),
        (3, "7"),
    ],
)
def test_labels_and_names_are_no_content(sample):
    assert content(sample) == NO_CONTENT


@pytest.mark.parametrize(
    ("part", "tells"),
    [
        ("where is the dog?", True),
        (np.array([3, 8]), True),
        ("0007.png", False),
        (7, False),
        (torch.tensor(7), False),
    ],
)
def test_short_texts_and_positions_tell_samples_with_one_image_apart(part, tells):
    (digest,) = digests_of([{"image": torch.rand(3, 8, 8), "part": part}]).details
    assert (digest != NO_CONTENT) is tells


MIXED = [
    [(torch.rand(3, 8, 8), label) for label in range(5)],
    [{"x": torch.rand(4, 4).T, "y": label} for label in range(3)],
    [
        (torch.rand(5 + label, 4).T, label) for label in range(3)
    ],  # of other strides, too
    [{"y": label, "x": torch.rand(9 + label)} for label in range(3)],  # of many lengths
    [(torch.rand(8, 8), 1), (torch.rand(8, 8), "a", 2), torch.rand(8, 8)],
    [(tv_tensors.Image(torch.rand(3, 8, 8)), None), (torch.rand(3, 8, 8), None)],
    [torch.rand(8, 8), torch.zeros(8, 8), torch.ones(8, 8, dtype=torch.bfloat16)],
    [
        torch.randn(8, dtype=torch.complex64),
        torch.randn(8, dtype=torch.complex64).conj(),
    ],
    [torch.rand(8, 8, requires_grad=True), torch.eye(8).to_sparse()],
    [np.zeros((8, 8)), np.ones((8, 8)), [0.5] * 9],
    [3, 4],
    [],
]


@pytest.mark.parametrize("samples", MIXED)
def test_samples_of_a_batch_are_read_as_single_ones(samples):
    found = digests_of(samples)
    alone = [digests_of([sample]) for sample in samples]
    for name in ("samples", "contents", "details"):
        assert getattr(found, name) == [getattr(one, name)[0] for one in alone]
    for path, digests in found.parts.items():
        assert digests == [one.parts[path][0] for one in alone]


@pytest.mark.parametrize("large", [False, True])
def test_digest_is_of_all_parts(large):
    image = torch.rand(3, 8, 200 if large else 8)
    found = digests_of([(image, 1), (image, 2)])
    assert len(set(found.samples)) == 2
    assert len(set(found.contents)) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8])
def test_images_of_one_value_are_blank(dtype):
    almost = torch.ones(3, 8, 8, dtype=dtype)
    almost[1, 4, 4] = 0
    samples = [
        torch.ones(3, 8, 8, dtype=dtype),
        almost,
        torch.zeros(3, 8, 8, dtype=dtype),
    ]
    found = [digest == BLANK for digest in digests_of(samples).contents]
    assert found == [True, False, True]
    assert [content(sample) == BLANK for sample in samples] == found


def boxes(index):
    """Return a sample with one box, whose numbers are equal in many samples."""
    return {
        "image": torch.full((3, 2), float(index)),
        "class": torch.zeros(1, 1),
        "image_number": torch.zeros(1),
    }


def joined(samples):
    """Number the images of a batch in place, and join all parts."""
    for number, sample in enumerate(samples):
        sample["image_number"] += number
    images = torch.stack([sample["image"] for sample in samples])
    names = ("class", "image_number")
    return {
        "image": images,
        **{name: torch.cat([s[name] for s in samples]) for name in names},
    }


def test_one_number_that_all_rows_have_is_no_part_of_one_sample():
    samples = [boxes(index) for index in range(4)]
    assert count_different_rows(joined(samples), samples) == 4


def test_part_of_one_sample_in_all_rows_is_seen():
    samples = [boxes(index) for index in range(4)]
    batch = joined(samples) | {"image": samples[2]["image"].expand(4, 3, 2)}
    assert count_different_rows(batch, samples) == 1


@pytest.mark.parametrize(
    ("item", "number"),
    [
        ({"image": torch.zeros(4, 3, 2), "label": torch.arange(4)}, 4),
        ((torch.zeros(4, 3), ["a", "b", "c", "d"]), 4),
        (torch.zeros(4, 3), 1),
        ({"image": torch.zeros(3, 4, 4), "label": 1}, 1),
        ([torch.zeros(2, 5), torch.zeros(2, 5)], 1),
        (None, 1),
    ],
    ids=["batch", "batch with texts", "tensor", "image", "unclear", "nothing"],
)
def test_item_of_a_stream_that_is_a_batch_has_samples(item, number):
    assert len(samples_of(item)) == number


@pytest.mark.parametrize(
    ("samples", "views"),
    [
        ([{"[0]": b"a", "[1]": b"a"}, {"[0]": b"b", "[1]": b"b"}], ("[0]", "[1]")),
        ([{"[0]": b"a", "[1]": b"a"}, {"[0]": b"b", "[1]": b"c"}], ()),
        ([{"[0]": b"a", "[1]": b"a"}, {"[0]": b"a", "[1]": b"a"}], ()),  # not random
        ([{"[0]": b"a", "[1]": b"c"}, {"[0]": b"b", "[1]": b"c"}], ()),
        ([{"[0]": b"a", "[9]": b"a"}, {"[0]": b"b", "[9]": b"b"}], ()),  # labels
        ([{"['x']": b"a", "['y']": b"a"}, {"['x']": b"b", "['y']": b"b"}], ()),
        (
            [{"['x1']": b"a", "['x2']": b"a"}, {"['x1']": b"b", "['x2']": b"b"}],
            ("['x1']", "['x2']"),
        ),
        (  # an image beside the first of two views
            [{"[0]": b"a", "['x'][0]": b"a"}, {"[0]": b"b", "['x'][0]": b"b"}],
            (),
        ),
    ],
)
def test_views_that_are_always_equal_are_found(samples, views):
    assert equal_views(samples, small={"[9]"}) == views
