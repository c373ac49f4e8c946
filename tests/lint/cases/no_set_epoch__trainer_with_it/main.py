from engine import Trainer
from loaders import make_loaders
from project.data import train, validation

train_loader, validation_loader, test_loader = make_loaders(train, validation)
Trainer(train_loader, validation_loader).fit()
