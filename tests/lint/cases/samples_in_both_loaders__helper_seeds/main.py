from torch.utils.data import random_split

from project.data import photographs
from seeds import fix_everything

fix_everything(0)
train, validation = random_split(photographs, [800, 200])
