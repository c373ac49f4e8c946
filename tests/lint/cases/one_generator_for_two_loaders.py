from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from project.data import photographs

in_order = DataLoader(photographs, batch_size=32)
shuffled = DataLoader(photographs, batch_size=32, shuffle=True)
sampler = DistributedSampler(photographs, shuffle=True)
distributed = DataLoader(photographs, batch_size=32, sampler=sampler)


def mix(model):
    for first, second in zip(in_order, in_order):  # found: one-generator-for-two-loaders
        model.step(0.5 * first + 0.5 * second)


def mix_on_each_rank(model, epoch):
    sampler.set_epoch(epoch)
    for first, second in zip(distributed, distributed):  # found: one-generator-for-two-loaders
        model.step(0.5 * first + 0.5 * second)


def mix_shuffled(model):
    for first, second in zip(shuffled, shuffled):
        model.step(0.5 * first + 0.5 * second)
