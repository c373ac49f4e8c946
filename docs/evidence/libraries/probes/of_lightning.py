"""Probes of the worker_init_fn that Lightning gives to every loader."""

import numpy as np
import torch
from behaviour import Absent, behaviour
from lightning.fabric import Fabric, seed_everything
from two_workers import Drawn, alike, alike_in_epochs, two_epochs


def prepare(loader):
    """Let Lightning Fabric prepare a loader, and make sure that it seeds the workers."""
    loader = Fabric(accelerator="cpu", devices=1).setup_dataloaders(loader)
    if loader._dataloader.worker_init_fn is None:
        message = "Lightning gives the loader no worker_init_fn"
        raise Absent(message)
    return loader


def read(draw, seed=0):
    """Return two epochs after `seed_everything(workers=True)`."""
    seed_everything(seed, workers=True)
    return two_epochs(Drawn(draw), prepare=prepare)


def draw_from_torch():
    """Return a number from torch's generator."""
    return torch.rand(()).item()


def draw_from_numpy():
    """Return a number from NumPy's global generator."""
    return np.random.random()


@behaviour("seeds-equal-in-32-bits")
def lightning_repeats_torch_in_epochs():
    """Every epoch draws the same numbers from torch."""
    return alike_in_epochs(read(draw_from_torch))


@behaviour("seeds-equal-in-32-bits")
def lightning_repeats_numpy_in_epochs():
    """Every epoch draws the same numbers from NumPy."""
    return alike_in_epochs(read(draw_from_numpy))


@behaviour("seeds-equal-in-32-bits")
def lightning_repeats_torch_in_runs():
    """Two runs with other seeds draw the same numbers from torch."""
    return alike(read(draw_from_torch, 1)[0], read(draw_from_torch, 2)[0])
