import torch
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from project.data import shared_iterator

dataset = TensorDataset(torch.randn(64, 3), torch.arange(64))
loader = DataLoader(dataset, batch_size=8, shuffle=True)
resumable = StatefulDataLoader(dataset, batch_size=8, shuffle=True)


def train(model, optimizer):
    for step in range(1000):
        images, labels = next(iter(loader))  # found: next-iter-in-the-loop
        optimizer.zero_grad()
        model(images, labels).backward()
        optimizer.step()


def train_until_converged(model):
    while True:
        loss = model.step(next(iter(loader)))  # found: next-iter-in-the-loop
        if loss < 1e-3:
            break


def train_on_a_batch_each_epoch(model):
    for epoch in range(90):
        model.step(next(iter(loader)))  # found: next-iter-in-the-loop


def train_resumably(model):
    for step in range(1000):
        model.step(next(iter(resumable)))  # found: next-iter-in-the-loop


def train_for_epochs_of_steps(model):
    for epoch in range(90):
        for step in range(100):
            model.step(next(iter(loader)))  # found: next-iter-in-the-loop


class Trainer:
    def __init__(self, model):
        self.model = model
        self.batches = DataLoader(dataset, batch_size=8)

    def fit(self, steps):
        for step in range(steps):
            self.model.step(next(iter(self.batches)))  # found: next-iter-in-the-loop


def sanity_check(model):
    images, labels = next(iter(loader))
    return model(images, labels)


def train_and_plot(model):
    for epoch in range(90):
        for images, labels in loader:
            model.step(images, labels)
        plot(model, next(iter(loader)))


def train_with_one_iterator(model):
    batches = iter(loader)
    for step in range(8):
        model.step(next(batches))


def train_with_a_shared_iterator(model):
    for step in range(8):
        model.step(next(shared_iterator(loader)))


def first_batch_of_each(validation_loaders):
    for validation_loader in validation_loaders:
        show(next(iter(validation_loader)))


def first_batch_of_each_fold(folds):
    for fold in folds:
        fold_loader = DataLoader(ConcatDataset(fold), batch_size=8)
        show(next(iter(fold_loader)))


def parts_of_the_first_batch():
    for part in next(iter(loader)):
        print(part.shape)


def first_results(experiments):
    results = [run(experiment) for experiment in experiments]
    for attempt in range(3):
        print(next(iter(results)))


def make_callbacks():
    callbacks = []
    for name in ("first", "second"):

        def callback():
            return next(iter(loader))

        callbacks.append(callback)
    return callbacks
