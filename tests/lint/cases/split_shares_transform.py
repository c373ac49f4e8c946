import copy

import torch
from torch.utils.data import Subset, random_split
from torchvision import transforms

from project.data import photographs, texts, volumes

torch.manual_seed(0)
train, validation = random_split(photographs, [800, 200])
validation.transform = transforms.CenterCrop(224)  # found: split-shares-transform
train.dataset.transform = transforms.RandomCrop(224)  # found: split-shares-transform
test = Subset(photographs, range(100))
test.dataset.augment = False  # found: split-shares-transform

train_texts, validation_texts = random_split(texts, [800, 200])
validation_texts.dataset = copy.copy(texts)
validation_texts.dataset.transform = str.lower

# The loop configures a dataset of its own.
volumes.transform = transforms.CenterCrop(64)


def without_augmentation(loader):
    loader.dataset.transform = None
