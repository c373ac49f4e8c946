import torch
from torch.utils.data import DataLoader


def train(model, train_loader, steps):
    for step in range(steps):
        model.step(next(iter(train_loader)))  # found: next-iter-in-the-loop


def train_in_the_old_way(model, train_loader, steps):
    for step in range(steps):
        model.step(iter(train_loader).next())  # found: next-iter-in-the-loop


def train_annotated(model, batches: DataLoader, steps: int):
    while steps:
        model.step(next(iter(batches)))  # found: next-iter-in-the-loop


def look_now_and_then(model, train_loader, val_loader):
    for step, batch in enumerate(train_loader):
        model.step(batch)
        if step % 100 == 0:
            model.plot(next(iter(val_loader)))


def try_until_it_works(train_loader):
    while True:
        try:
            batch = next(iter(train_loader))
            break
        except OSError:
            continue
    return batch


def first_of_each(loaders):
    return [next(iter(loaders[name])) for name in loaders]


def read_templates(loader: "FileLoader", names):
    for name in names:
        print(next(iter(loader)))


def device_of(model, names):
    for name in names:
        print(next(iter(model.parameters())).device, torch.ones(1))
