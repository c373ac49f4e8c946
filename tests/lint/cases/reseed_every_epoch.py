import random

import lightning
import pytorch_lightning as pl
import torch
from lightning.pytorch import seed_everything
from torch.utils.data import DataLoader

from project.data import photographs
from project.evaluate import evaluate

loader = DataLoader(photographs, batch_size=32, shuffle=True)


def train(model):
    for epoch in range(90):
        torch.manual_seed(0)  # found: reseed-every-epoch
        for images in loader:
            model.step(images)


def train_with_progress(model):
    for epoch_number in range(90):
        random.seed(42)  # found: reseed-every-epoch
        for step, images in enumerate(loader):
            model.step(images)


def train_and_list_losses(model):
    for epoch in range(90):
        torch.random.manual_seed(0)  # found: reseed-every-epoch
        losses = [model.step(images) for images in loader]
        print(epoch, sum(losses))


def train_with_lightning(model):
    for epoch in range(90):
        lightning.seed_everything(0)  # found: reseed-every-epoch
        pl.seed_everything(0)  # found: reseed-every-epoch
        seed_everything(0, workers=True)  # found: reseed-every-epoch
        for images in loader:
            model.step(images)


def train_seeded_once(model):
    torch.manual_seed(0)
    for epoch in range(90):
        for images in loader:
            model.step(images)


def train_seeded_by_epoch(model):
    for epoch in range(90):
        torch.manual_seed(epoch)
        for images in loader:
            model.step(images)


def evaluate_each_epoch(checkpoints):
    for epoch, checkpoint in enumerate(checkpoints):
        torch.manual_seed(0)
        print(epoch, evaluate(checkpoint))


def repeat_trials(model):
    for trial in range(3):
        torch.manual_seed(0)
        for images in loader:
            model.step(images)
