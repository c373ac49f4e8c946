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
