from torch.utils.data import DataLoader, DistributedSampler


def batches_of_rank(dataset, epochs, seed=0, **options):
    # In place of shuffle=True. It asks the process group for the rank.
    sampler = DistributedSampler(dataset, seed=seed)  # the same seed on all ranks
    loader = DataLoader(dataset, sampler=sampler, **options)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)  # or every epoch has the order of the first
        yield from loader
