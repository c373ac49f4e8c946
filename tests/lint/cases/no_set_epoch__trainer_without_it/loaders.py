from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler


def make_loaders(train, validation):
    sampler = DistributedSampler(train, shuffle=True)  # found: no-set-epoch
    val_sampler = DistributedSampler(validation)
    test_loader = DataLoader(validation, sampler=DistributedSampler(validation))
    return (
        DataLoader(train, sampler=sampler),
        DataLoader(validation, sampler=val_sampler),
        test_loader,
    )
