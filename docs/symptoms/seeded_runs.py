"""Show that a seeded script repeats its order in every run, and how to change it."""

import torch
from torch.utils.data import DataLoader


def run(**options):
    """Return the orders of two epochs of a script."""
    torch.manual_seed(0)
    loader = DataLoader(range(8), shuffle=True, batch_size=None, **options)
    return [list(loader), list(loader)]


if __name__ == "__main__":
    first, again = run(), run()
    print("first run: ", *first)
    print("second run:", *again)
    assert first == again
    assert first[0] != first[1]

    other = run(generator=torch.Generator().manual_seed(1))
    print("other seed:", *other)
    assert other != first
