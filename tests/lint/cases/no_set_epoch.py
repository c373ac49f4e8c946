from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from project.data import photographs, photographs_for_validation

sampler = DistributedSampler(photographs)  # found: no-set-epoch
loader = DataLoader(photographs, batch_size=32, sampler=sampler)
validation_sampler = DistributedSampler(photographs_for_validation, shuffle=False)
validation_loader = DataLoader(photographs_for_validation, sampler=validation_sampler)


def train(model):
    for epoch in range(90):
        for step, images in enumerate(loader):
            model.step(images)
        model.validate(validation_loader)
