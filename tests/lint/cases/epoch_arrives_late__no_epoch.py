"""An endless loader whose order has no epoch."""

from torch.utils.data import DataLoader

from project.data import photographs


class RepeatSampler:
    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from self.sampler


class EndlessLoader(DataLoader):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", RepeatSampler(self.batch_sampler))
        self.iterator = super().__iter__()


def train(model):
    loader = EndlessLoader(photographs, shuffle=True, num_workers=4)
    for epoch in range(90):
        for _ in range(1000):
            model.step(next(loader.iterator))
