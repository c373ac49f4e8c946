import torch
from torch.utils.data import DataLoader, random_split

from project.data import photographs

torch.manual_seed(0)
train, validation = random_split(photographs, [800, 200])
train_loader = DataLoader(train, batch_size=32, shuffle=True)
validation_loader = DataLoader(validation, batch_size=32)
