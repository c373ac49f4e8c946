import itertools
from itertools import cycle, islice

from loaders import make_loader, make_loaders
from project.data import photographs, texts, unlabelled

train_loader, validation_loader = make_loaders(photographs, texts)
batches = itertools.cycle(train_loader)  # found: itertools-cycle
others = itertools.cycle(iter(make_loader(unlabelled)))  # found: itertools-cycle

# The loader's own length ends the cycle.
once = islice(itertools.cycle(train_loader), len(train_loader))
numbered = zip(range(len(train_loader)), cycle(train_loader))


def train_an_epoch(epoch, labelled_loader, unlabelled_loader):
    for labelled, other in zip(labelled_loader, cycle(unlabelled_loader)):  # found: itertools-cycle
        yield labelled, other


def colours(names):
    loader = [name.lower() for name in names]
    return cycle(loader)
