import itertools
from itertools import cycle as endless

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader

from project.data import labelled, make_loader, unlabelled

loader = DataLoader(unlabelled, batch_size=32, shuffle=True)
validation: torch.utils.data.DataLoader = make_loader("validation")


def train(model, steps):
    batches = itertools.cycle(loader)  # found: itertools-cycle
    for _ in range(steps):
        model.step(next(batches))


def train_with_both(model):
    for images, labels in zip(
        DataLoader(labelled, shuffle=True),
        itertools.cycle(DataLoader(unlabelled, shuffle=True)),  # found: itertools-cycle
    ):
        model.step(images, labels)


def forever(batches: DataLoader[int]):
    return itertools.cycle(batches)  # found: itertools-cycle


def validate_at_each_step(model):
    for batch in itertools.cycle(validation):  # found: itertools-cycle
        yield model(batch)


def interleave(sources):
    return zip(sources, endless(loader))  # found: itertools-cycle


def plot(losses):
    colours = itertools.cycle("rgb")
    for loss in losses:
        plt.plot(loss, color=next(colours))


def alternate(names):
    return endless(names)


def repeat_an_epoch():
    return itertools.cycle([0.1, 0.01]), itertools.chain(loader, loader)
