import torch


def augment_both(image, mask, size):
    """Crop and flip an image and its mask, both of shape (channels, height, width)."""
    height, width = image.shape[-2:]
    top = int(torch.randint(height - size + 1, ()))
    left = int(torch.randint(width - size + 1, ()))
    flip = bool(torch.rand(()) < 0.5)
    cut = [part[..., top : top + size, left : left + size] for part in (image, mask)]
    return [part.flip(-1) if flip else part for part in cut]
