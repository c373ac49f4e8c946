from accelerate import Accelerator
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from project.data import photographs, texts
from project.model import model, optimizer

accelerator = Accelerator()
sampler = DistributedSampler(photographs)  # found: data-split-twice
loader = DataLoader(photographs, batch_size=32, sampler=sampler)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)

# The loader of the texts is not prepared.
text_sampler = DistributedSampler(texts, shuffle=False)
text_loader = DataLoader(texts, sampler=text_sampler)

plain = accelerator.prepare(DataLoader(texts, shuffle=True))


class Training:
    def __init__(self, images):
        self.hub = Accelerator()
        own = DataLoader(images, sampler=DistributedSampler(images))  # found: data-split-twice
        self.loader = self.hub.prepare(own)


def kitchen(images):
    """Other objects prepare loaders in their own ways."""
    own = DataLoader(images, sampler=DistributedSampler(images, shuffle=False))
    return kitchen_helper.prepare(own)
