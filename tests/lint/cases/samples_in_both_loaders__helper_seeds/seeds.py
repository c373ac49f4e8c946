import torch


def fix_everything(number):
    torch.manual_seed(number)
