from mmcv.runner import EpochBasedRunner

from loaders import make_loader
from project.data import model, photographs

runner = EpochBasedRunner(model, max_epochs=90)
runner.run([make_loader(photographs, 0, 2)], [("train", 1)])
