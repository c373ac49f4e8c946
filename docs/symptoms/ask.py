"""Ask a DataLoader all questions at once: paste this, then call ask(train_loader)."""

import hashlib
import itertools
from collections.abc import Mapping

import torch
from torch.utils.data import DataLoader, IterableDataset

PAGES = "https://dejabatch.github.io/dejabatch/symptoms/"
PLAIN = (int, float, str, bytes, bool, type(None))


def content(x):
    """Return the bytes of a tensor, an array, a picture or anything with a repr."""
    if torch.is_tensor(x):
        x = x.detach().cpu().contiguous().reshape(-1)
        x = x.view(torch.uint8).numpy() if x.numel() else x.numpy()
    if getattr(x, "dtype", None) == object:
        x = x.tolist()
    return x.tobytes() if hasattr(x, "tobytes") else repr(x).encode()


def digest(x):
    return hashlib.md5(content(x)).hexdigest()[:8]


def leaves(x, path=()):
    """Yield the path and the size of each part of a sample."""
    if isinstance(x, Mapping):
        items = x.items()
    elif isinstance(x, (list, tuple)) and not all(isinstance(y, PLAIN) for y in x):
        items = enumerate(x)
    else:
        yield path, len(content(x))
        return
    for key, value in items:
        yield from leaves(value, (*path, key))


def follow(x, path):
    for key in path:
        x = x[key]
    return x


class Look:
    """Hash the largest part of each sample, and its row in the batch, in the worker."""

    def __init__(self, loader):
        self.collate_fn = loader.collate_fn
        self.in_batches = loader.batch_sampler is not None

    @staticmethod
    def path_of(sample):
        return max(leaves(sample), key=lambda leaf: leaf[1])[0]

    def hash_of(self, sample):
        return digest(follow(sample, self.path_of(sample)))

    def __call__(self, fetched):
        samples = list(fetched) if self.in_batches else [fetched]
        path = self.path_of(samples[0])
        hashes = [digest(follow(sample, path)) for sample in samples]
        batch = self.collate_fn(fetched)
        try:
            rows = [digest(row) for row in follow(batch, path)]
        except (KeyError, IndexError, TypeError, AttributeError):
            rows = []
        return hashes, rows if len(rows) == len(hashes) > 1 else hashes


class Record:
    """A sampler that keeps the indices of each epoch."""

    def __init__(self, sampler):
        self.sampler = sampler
        self.epochs = []

    def __iter__(self):
        self.epochs.append([])
        for item in self.sampler:
            is_batch = isinstance(item, (list, tuple))
            self.epochs[-1] += list(item) if is_batch else [item]
            yield item


def watch(loader, **options):
    """Return a loader that works as `loader` does, but returns hashes."""
    names = ["num_workers", "worker_init_fn", "persistent_workers", "generator"]
    names += ["multiprocessing_context"] * (loader.num_workers > 0)
    same = {name: getattr(loader, name) for name in names}
    return DataLoader(loader.dataset, collate_fn=Look(loader), **same | options)


def read(loader, epochs, batches):
    """Return the batches of hashes, and the indices, of each epoch."""
    in_batches = loader.batch_sampler is not None
    record = Record(loader.batch_sampler if in_batches else loader.sampler)
    options = {"batch_sampler": record} if in_batches else {"batch_size": None}
    if isinstance(loader.dataset, IterableDataset):
        options = {"batch_size": loader.batch_size, "drop_last": loader.drop_last}
    elif not in_batches:
        options["sampler"] = record
    watched = watch(loader, **options)
    found = [list(itertools.islice(watched, batches)) for _ in range(epochs)]
    return found, record.epochs


def answers(loader, other_loader=None, batches=200):
    """Yield the page of a question, the answer, and what was measured."""
    dataset, in_batches = loader.dataset, loader.batch_sampler is not None
    is_stream = isinstance(dataset, IterableDataset)
    epochs, orders = read(loader, 2, batches)
    first, second = ([h for hashes, _ in epoch for h in hashes] for epoch in epochs)
    orders = [first, second] if is_stream else [o[: len(first)] for o in orders]

    text = (
        f"{len(first)} samples, {len(set(first))} different, {len(second)} in epoch 2"
    )
    text += "" if is_stream else f", len(dataset) is {len(dataset)}"
    same_length = len(first) == len(second) > 0
    yield "number", not same_length or len(set(first)) < len(first), text

    repeats = sum(len(set(rows)) < len(rows) for _, rows in epochs[0])
    yield "batch", repeats > 0, f"{repeats} of {len(epochs[0])} batches repeat a sample"

    is_random = None
    if first and not is_stream:
        look, index = Look(loader), orders[0][0]
        calls = {look.hash_of(dataset[index]) for _ in range(4)}
        is_random = len(calls) > 1
        pairs = list(zip(orders[0], first, strict=True))[:50]
        wrong = sum(look.hash_of(dataset[i]) != h for i, h in pairs)
        text = f"{wrong} of {len(pairs)} samples differ from dataset[i]"
        text = f"dataset[{index}] changes from call to call" if is_random else text
        yield "values", None if is_random else wrong > 0, text

        if loader.num_workers:
            pair = [[index], [index]] if in_batches else [index, index]
            options = {"batch_sampler": pair} if in_batches else {"sampler": pair}
            options |= {} if in_batches else {"batch_size": None}
            options |= {"num_workers": 2, "persistent_workers": False}
            made = {hashes[0] for hashes, _ in watch(loader, **options)}
            text = f"two workers make {len(made)} different dataset[{index}]"
            yield "workers", (len(made) == 1) == is_random, text

        before = dict(zip(orders[0], first, strict=True))
        again = sum(before.get(i) == h for i, h in zip(orders[1], second, strict=True))
        text = f"{again} of {len(second)} samples are the same in epoch 2"
        yield "epochs", again > len(second) / 2 if is_random else None, text

    is_sorted = not is_stream and orders[0] == sorted(orders[0])
    same = orders[0] == orders[1]
    text = f"order sorted: {is_sorted}, the same in epoch 2: {same}"
    yield "order", is_sorted or same, text

    text = f"hash of epoch 1: {digest(sorted(first))}; compare it with another"
    yield "runs", None, f"{text} run"
    yield "ranks", None, f"{text} rank"
    if other_loader is not None:
        (other,), _ = read(other_loader, 1, batches)
        common = {h for hashes, _ in other for h in hashes} & set(first)
        yield "loaders", bool(common), f"{len(common)} samples are in both loaders"


def ask(loader, other_loader=None):
    """Print the answers; `?` means that you have to compare or decide."""
    for page, answer, text in answers(loader, other_loader):
        word = {True: "YES", False: "no", None: "?"}[answer]
        print(f"{word:4}{text}" + f"\n    {PAGES}{page}.html" * (answer is not False))
