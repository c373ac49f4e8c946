"""What the page asks a loader: paste what you need."""

import zlib

import torch
from torch.utils.data import DataLoader, IterableDataset, default_collate


def samples(loader):
    """Return a number for each sample of one epoch: the same for the same content."""
    found = []
    for batch in loader:
        parts = list(batch.values()) if isinstance(batch, dict) else batch
        inputs = parts if isinstance(parts[0], str) else parts[0]
        for row in batch if isinstance(batch, torch.Tensor) else inputs:
            tensor = isinstance(row, torch.Tensor)
            content = row.contiguous().numpy() if tensor else repr(row).encode()
            found.append(zlib.crc32(content))
    return found


def counts(loader):
    """Print how many samples two epochs have, and how many different ones."""
    for epoch in range(2):
        epoch_samples = samples(loader)
        different = len(set(epoch_samples))
        print(f"epoch {epoch}: {len(epoch_samples)} samples, {different} different")


def same_in_batch(loader):
    """Tell whether a sample comes twice in the first batch."""
    batch = next(iter(loader))
    one_batch = samples([batch])
    return len(set(one_batch)) < len(one_batch)


def differs_from_the_dataset(loader):
    """Tell whether the batches have other samples than the dataset itself."""
    alone = [default_collate([loader.dataset[i]]) for i in range(len(loader.dataset))]
    return set(samples(alone)) != set(samples(loader))


def in_this_process(loader):
    """Return a loader of the same samples, in the same batches, without workers."""
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        how = {"batch_size": loader.batch_size, "drop_last": loader.drop_last}
    else:
        how = {"batch_sampler": loader.batch_sampler}
    return DataLoader(loader.dataset, collate_fn=loader.collate_fn, **how)


def same_in_two_workers(loader):
    """Tell whether two workers make the same of one index; not for iterable datasets."""
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
    """Tell whether no sample of the second epoch is new."""
    return set(samples(loader)) >= set(samples(loader))


def order(loader):
    """Return the indices of one epoch; not for iterable datasets."""
    indices = range(len(loader.dataset))
    return torch.cat(list(DataLoader(indices, batch_sampler=loader.batch_sampler)))


def one_number(loader):
    """Return one number for an epoch, to compare it with another process's."""
    return zlib.crc32(repr(sorted(samples(loader))).encode())


def in_common(loader, other):
    """Count the samples that two loaders both have."""
    return len(set(samples(loader)) & set(samples(other)))
