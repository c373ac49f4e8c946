from torch.utils.data import DataLoader, DistributedSampler


def make_loaders(settings, is_train):
    if is_train:
        sampler = DistributedSampler(settings.photos)  # found: no-set-epoch
        return DataLoader(settings.photos, sampler=sampler)
    else:
        sampler = DistributedSampler(settings.photos)
        return DataLoader(settings.photos, sampler=sampler)


def make_one(photos, training):
    sampler = DistributedSampler(photos) if not training else None
    return DataLoader(photos, sampler=sampler)


def make_first(photos, mode):
    if mode == "test":
        return DataLoader(photos, sampler=DistributedSampler(photos))
    return DataLoader(photos, sampler=DistributedSampler(photos))  # found: no-set-epoch


for epoch in range(10):
    for batch in make_loaders(settings, True):
        train(batch)
