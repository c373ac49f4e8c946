"""Probes of torchvision's transforms on a batch."""

import torch
from behaviour import behaviour, count
from torchvision import transforms
from torchvision.transforms import v2

try:
    from torchvision.tv_tensors import Image
except ImportError:  # torchvision 0.15
    from torchvision.datapoints import Image

IMAGE = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
TRANSFORMS = {
    "RandomCrop": (16,),
    "RandomRotation": (90,),
    "RandomHorizontalFlip": (),
    "ColorJitter": (0.5, 0.5),
    "RandomErasing": (1.0,),
}


def results(module, images):
    """Return for each of five transforms how many distinct results ten calls have."""
    most = {}
    for name, arguments in TRANSFORMS.items():
        transform = getattr(module, name)(*arguments)
        made = [transform(images) for _call in range(10)]
        most[name] = max(len({i.numpy().tobytes() for i in call}) for call in made)
    return most


def draws_once(module, images):
    """Return whether equal images stay equal in every transform and every call."""
    most = results(module, images)
    highest = max(most.values())
    measured = f"at most {highest} of {len(images)} distinct: {', '.join(most)}"
    return highest == 1, measured


@behaviour("one-draw-for-the-whole-batch")
def v1_draws_once_for_a_batch():
    """`torchvision.transforms` draws once for all images of a batch [B, C, H, W]."""
    return draws_once(transforms, torch.stack([IMAGE] * 16))


@behaviour("one-draw-for-the-whole-batch")
def v2_draws_once_for_a_batch():
    """`torchvision.transforms.v2` draws once for all images of a batch [B, C, H, W]."""
    return draws_once(v2, torch.stack([IMAGE] * 16))


@behaviour("one-draw-for-the-whole-batch")
def v2_draws_once_for_a_list():
    """`torchvision.transforms.v2` draws once for all `Image` tensors of a list."""
    return draws_once(v2, [Image(IMAGE)] * 16)


@behaviour()
def v2_changes_only_the_first_tensor():
    """`torchvision.transforms.v2` changes only the first plain tensor of a list."""
    flip = v2.RandomHorizontalFlip(1.0)
    same = sum(torch.equal(made, IMAGE) for made in flip([IMAGE] * 16))
    return same == 15, count(same, 16, "tensors unchanged")
