import torch
from torch.utils.data import Sampler

from project.evaluate import score
from seeds import fix, fixed

SEED = 3


def validate(model):
    fix(SEED)
    return score(model)


def fit(model, train_loader, args):
    for epoch in range(args.epochs):
        fix(args.seed)  # found: reseed-every-epoch
        for batch in train_loader:
            model.step(batch)


def fit_with_validation(model, train_loader, args):
    epoch = 0
    while epoch < args.max_epoch:
        model.train_an_epoch(train_loader)
        validate(model)  # found: reseed-every-epoch
        epoch += 1


def fit_and_keep_the_state(model, train_loader, args):
    for epoch in range(args.epochs):
        for batch in train_loader:
            model.step(batch)
        with fixed(SEED):
            score(model)


def fit_by_epoch(model, train_loader, args):
    for i in range(args.epochs):
        fix(args.seed + i)
        model.train_an_epoch(train_loader)


class Shuffled(Sampler):
    def __init__(self, dataset, seed=0):
        self.dataset = dataset
        self.seed = seed

    def __iter__(self):
        generator = torch.Generator()
        generator.manual_seed(self.seed)  # found: reseed-every-epoch
        yield from torch.randperm(len(self.dataset), generator=generator).tolist()


class ShuffledByEpoch(Sampler):
    def __init__(self, dataset, seed=0):
        self.dataset = dataset
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        generator = torch.Generator()
        generator.manual_seed(self.seed + self.epoch)
        yield from torch.randperm(len(self.dataset), generator=generator).tolist()


class Endless(Sampler):
    def __iter__(self):
        generator = torch.Generator()
        generator.manual_seed(0)
        while True:
            yield from torch.randperm(len(self.dataset), generator=generator).tolist()
