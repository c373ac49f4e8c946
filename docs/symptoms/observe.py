"""Check a loader for repeated samples."""

import zlib

import torch
from torch.utils.data import DataLoader, IterableDataset, default_collate


def samples(loader):
    """Return a hash of each sample of one epoch."""
    hashes = []
    for batch in loader:
        parts = list(batch.values()) if isinstance(batch, dict) else batch
        inputs = parts if isinstance(parts[0], str) else parts[0]
        for row in batch if isinstance(batch, torch.Tensor) else inputs:
            is_tensor = isinstance(row, torch.Tensor)
            content = row.contiguous().numpy() if is_tensor else repr(row).encode()
            hashes.append(zlib.crc32(content))
    return hashes


def count_samples(loader):
    """Print the number of samples, and of distinct samples, in two epochs."""
    for epoch in range(2):
        hashes = samples(loader)
        distinct = len(set(hashes))
        print(f"epoch {epoch}: {len(hashes)} samples, {distinct} distinct")


def same_in_batch(loader):
    """Return whether a sample comes twice in the first batch."""
    batch = next(iter(loader))
    hashes = samples([batch])
    return len(set(hashes)) < len(hashes)


def differs_from_the_dataset(loader):
    """Return whether the batches and the dataset have different samples."""
    dataset = loader.dataset
    direct = [default_collate([dataset[i]]) for i in range(len(dataset))]
    return set(samples(direct)) != set(samples(loader))


def without_workers(loader):
    """Return a loader that makes the same batches without workers."""
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        options = {"batch_size": loader.batch_size, "drop_last": loader.drop_last}
    else:
        options = {"batch_sampler": loader.batch_sampler}
    return DataLoader(loader.dataset, collate_fn=loader.collate_fn, **options)


def same_in_two_workers(loader):
    """Return whether two workers give the same for index 0; not for iterable datasets."""
    twice = DataLoader(
        loader.dataset,
        sampler=[0, 0],
        num_workers=2,
        collate_fn=loader.collate_fn,
        worker_init_fn=loader.worker_init_fn,
    )
    first, second = samples(twice)
    return first == second


def same_in_the_next_epoch(loader):
    """Return whether the second epoch has no new sample."""
    return set(samples(loader)) >= set(samples(loader))


def order(loader):
    """Return one epoch's indices; not for iterable datasets or batch_size=None."""
    indices = range(len(loader.dataset))
    return torch.cat(list(DataLoader(indices, batch_sampler=loader.batch_sampler)))


def epoch_hash(loader):
    """Return a hash of an epoch that does not depend on the order."""
    return zlib.crc32(repr(sorted(samples(loader))).encode())


def count_common(loader, other_loader):
    """Return the number of samples that are in both loaders."""
    return len(set(samples(loader)) & set(samples(other_loader)))
