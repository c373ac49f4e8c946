from torch.utils.data import DataLoader, DistributedSampler


def batches_of_rank(dataset, epochs, seed=0, **options):
    # The sampler shuffles, and gets the rank from the process group.
    sampler = DistributedSampler(dataset, seed=seed)  # the same seed on all ranks
    loader = DataLoader(dataset, sampler=sampler, **options)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)  # else all epochs have the same order
        yield from loader
