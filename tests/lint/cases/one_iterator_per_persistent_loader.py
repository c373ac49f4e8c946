from itertools import zip_longest

from torch.utils.data import DataLoader

from project.data import photographs

loader = DataLoader(
    photographs, batch_size=32, shuffle=True, num_workers=4, persistent_workers=True
)
other = DataLoader(photographs, batch_size=32, shuffle=True)


def mix(model):
    for first, second in zip(loader, loader):  # found: one-iterator-per-persistent-loader
        model.step(0.5 * first + 0.5 * second)


def mix_to_the_end(model):
    pairs = zip_longest(loader, [0.1, 0.2], loader)  # found: one-iterator-per-persistent-loader
    for first, weight, second in pairs:
        model.step(weight * first + second)


def mix_of_two_loaders(model):
    for first, second in zip(loader, DataLoader(photographs, shuffle=True)):
        model.step(0.5 * first + 0.5 * second)


def mix_of_two_named_loaders(model):
    for first, second in zip(loader, other):
        model.step(0.5 * first + 0.5 * second)


def pairs_of_names(names):
    return list(zip(names, names))


def name_batches(names):
    return dict(zip(names, loader))
