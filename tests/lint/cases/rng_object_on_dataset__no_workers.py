import numpy as np
from torch.utils.data import DataLoader, Dataset


class InTheProgram(Dataset):
    def __init__(self, images):
        self.images = images
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        return self.images[index] + self.rng.normal()


class OnRequest:
    """A transform, whose setting decides whether the copies are seeded."""


class RandomNoise:
    def __init__(self, seed=None):
        self.seed = seed
        self.rng = np.random.default_rng()  # found: rng-object-on-dataset

    def __call__(self, image):
        if self.seed is not None:
            self.rng.bit_generator.state = self.seed
        return image + self.rng.normal()


def train(images, model):
    dataset = InTheProgram(images)
    for batch in DataLoader(dataset, batch_size=8, num_workers=0):
        model.step(batch)
