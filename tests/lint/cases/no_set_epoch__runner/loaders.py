from torch.utils.data import DataLoader, DistributedSampler


def make_loader(dataset, rank, world_size, shuffle=True):
    sampler = DistributedSampler(dataset, world_size, rank, shuffle=shuffle)  # found: no-set-epoch
    return DataLoader(dataset, sampler=sampler)
