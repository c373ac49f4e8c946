import numpy as np
from torch.utils.data import get_worker_info


def give_generator(dataset):
    dataset.turntable = np.random.RandomState(get_worker_info().seed % 2**32)
