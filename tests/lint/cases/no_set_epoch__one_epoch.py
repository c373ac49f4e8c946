from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from project.data import photographs

loader = DataLoader(photographs, sampler=DistributedSampler(photographs))


def embed(model):
    return [model(images) for images in loader]
