import torch
from torch.utils.data import DataLoader, random_split

from project.data import photographs, texts

train, validation = random_split(photographs, [800, 200])  # found: samples-in-both-loaders
train_loader = DataLoader(train, batch_size=32, shuffle=True)
validation_loader = DataLoader(validation, batch_size=32)

generator = torch.Generator().manual_seed(0)
train_texts, validation_texts = random_split(texts, [800, 200], generator=generator)
first, second = torch.utils.data.random_split(texts, [0.5, 0.5], generator)
