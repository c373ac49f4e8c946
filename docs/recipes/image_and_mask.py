import torch


def augment_both(image, mask, size):
    """Crop and flip an image and its mask, both of shape (channels, height, width)."""
    height, width = image.shape[-2:]
    top = int(torch.randint(height - size + 1, ()))
    left = int(torch.randint(width - size + 1, ()))
    flip = bool(torch.rand(()) < 0.5)
    crops = [x[..., top : top + size, left : left + size] for x in (image, mask)]
    return [crop.flip(-1) if flip else crop for crop in crops]
