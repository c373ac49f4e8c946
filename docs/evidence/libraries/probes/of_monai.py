"""Probes of MONAI's transforms in workers."""

import functools

import monai.data
import numpy as np
from behaviour import Absent, behaviour
from monai.transforms import RandGaussianNoise
from two_workers import alike_in_epochs, alike_in_workers, two_epochs

VOLUME = np.zeros((1, 4, 4, 4), dtype=np.float32)


@functools.cache
def read(**options):
    """Return two epochs of one volume with noise."""
    return two_epochs(
        monai.data.Dataset([VOLUME] * 8, RandGaussianNoise(prob=1.0)), **options
    )


def own_loader():
    """Return `monai.data.DataLoader`, which the oldest releases lack."""
    if not hasattr(monai.data, "DataLoader"):
        message = "no monai.data.DataLoader"
        raise Absent(message)
    return monai.data.DataLoader


@behaviour("library-holds-its-own-rng")
def monai_is_equal_in_workers_of_torch():
    """All workers of torch's `DataLoader` draw the same noise."""
    return alike_in_workers(read())


@behaviour("library-holds-its-own-rng")
def monai_is_equal_in_epochs_of_torch():
    """Every epoch of torch's `DataLoader` has the same noise."""
    return alike_in_epochs(read())


@behaviour("library-holds-its-own-rng")
def monai_is_equal_in_workers_of_its_loader():
    """All workers of `monai.data.DataLoader` draw the same noise."""
    return alike_in_workers(read(kind=own_loader()))


@behaviour("library-holds-its-own-rng")
def monai_is_equal_in_epochs_of_its_loader():
    """Every epoch of `monai.data.DataLoader` has the same noise."""
    return alike_in_epochs(read(kind=own_loader()))
