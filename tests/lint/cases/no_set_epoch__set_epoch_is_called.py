from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from project.data import photographs

sampler = DistributedSampler(photographs)
loader = DataLoader(photographs, batch_size=32, sampler=sampler)


def train(model):
    for epoch in range(90):
        sampler.set_epoch(epoch)
        for images in loader:
            model.step(images)
