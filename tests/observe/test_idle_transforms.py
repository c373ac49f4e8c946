"""Random transforms without effect: the user's are found, those of a preset are not."""

import pytest
import torch
import tqdm
from torch.utils.data import Dataset
from torchvision.transforms import v2

from dejabatch.observe.experiments.idle_transforms import idle_transforms


class Preset:
    """A set of transforms, as libraries publish them."""

    def __init__(self, off):
        self.transform = v2.Compose([v2.RandomHorizontalFlip(), off])

    def __call__(self, image):
        return self.transform(image)


class OfLibrary(Preset):
    __module__ = tqdm.__name__


class Images(Dataset):
    def __init__(self, transform):
        self.transform = transform

    def __getitem__(self, index):
        return self.transform(torch.arange(48.0).reshape(3, 4, 4) + index)


class ImagesOfLibrary(Images):
    __module__ = tqdm.__name__


OFF = v2.RandomVerticalFlip(p=0)
CROP = v2.RandomCrop(4)


@pytest.mark.parametrize(
    ("dataset", "found"),
    [
        (Images(Preset(OFF)), True),
        (ImagesOfLibrary(v2.Compose([OFF])), True),
        (Images(OfLibrary(CROP)), True),
        (Images(OfLibrary(OFF)), False),
    ],
    ids=["own set", "dataset of a library", "size of the user", "set of a library"],
)
def test_transform_that_is_off_is_meant_in_a_set_of_a_library(dataset, found):
    def use(state):
        torch.manual_seed(state)
        return dataset[0].numpy().tobytes()

    idle, _ = idle_transforms({"dataset": dataset}, use)
    assert bool(idle) == found
