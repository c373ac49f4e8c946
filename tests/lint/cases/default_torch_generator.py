import torch
from torch.utils.data import DataLoader, RandomSampler, random_split

from project.data import photographs

generator = torch.Generator()  # found: default-torch-generator
loader = DataLoader(photographs, shuffle=True, generator=generator)
sampler = RandomSampler(photographs, generator=torch.Generator())  # found: default-torch-generator

seeded = torch.Generator()
seeded.manual_seed(7)
other = DataLoader(photographs, shuffle=True, generator=seeded)
parts = random_split(photographs, [0.8, 0.2], torch.Generator().manual_seed(0))

unused_by_loaders = torch.Generator()
noise = torch.randn(3, generator=unused_by_loaders)
