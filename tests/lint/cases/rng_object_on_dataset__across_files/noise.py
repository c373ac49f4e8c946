import numpy as np


class Noise:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)  # found: rng-object-on-dataset

    def add_noise(self, image):
        return image + self.rng.normal(size=3)


class RandomFlip:
    def __init__(self, random_state, p=0.5):
        self.random_state = random_state
        self.p = p

    def __call__(self, image):
        return image[::-1] if self.random_state.random() < self.p else image


class RandomScale:
    """Each call seeds its own generator."""

    def __init__(self, random_state):
        self.random_state = random_state

    def __call__(self, image, seed):
        self.random_state.seed(seed)
        return image * self.random_state.random()
