import itertools

from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from dejabatch import forever
from project.data import photographs, photographs_for_validation

loader = DataLoader(photographs, sampler=DistributedSampler(photographs))
validation_loader = DataLoader(photographs_for_validation)


def train(model):
    batches = forever(loader)
    for epoch in range(90):
        for images in itertools.islice(batches, 1000):
            model.step(images)
        for images in validation_loader:
            model.validate(images)
