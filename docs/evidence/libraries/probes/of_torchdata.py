"""Probes of torchdata's StatefulDataLoader."""

import functools
import itertools

import torch
from behaviour import behaviour, count
from torchdata.stateful_dataloader import StatefulDataLoader

BATCHES = 10


class Draws(torch.utils.data.Dataset):
    """Return the index and a random number."""

    def __len__(self):
        return 4 * BATCHES

    def __getitem__(self, index):
        return index, torch.rand(()).item()


def make_loader():
    """Return a loader of 10 batches with two workers."""
    return StatefulDataLoader(
        Draws(), batch_size=4, shuffle=True, num_workers=2, timeout=120
    )


def read(steps=None, saved=None):
    """Return batches of (indices, numbers), and a checkpoint after the last of them.

    A resumed run starts with another random state, and restores the state of its main
    process. Without `steps` the run goes on until the end of epoch 1.
    """
    torch.manual_seed(0)
    loader = make_loader()
    if saved is not None:
        torch.manual_seed(1)
        loader.load_state_dict(saved["loader"])
        torch.set_rng_state(saved["torch"])
    epochs = (
        (indices.tolist(), numbers.tolist())
        for _epoch in range(2)
        for indices, numbers in loader
    )
    batches = list(itertools.islice(epochs, steps))
    return batches, {"loader": loader.state_dict(), "torch": torch.get_rng_state()}


@functools.cache
def resumed(steps):
    """Return the batches of an uninterrupted run and of one that is resumed once."""
    before, saved = read(steps)
    return read()[0], before + read(saved=saved)[0]


def differ(one, other, part):
    """Return whether a part of the batches differs, and how many batches do."""
    different = sum(a[part] != b[part] for a, b in zip(one, other))
    return different > 0, count(different, len(one), "batches differ")


@behaviour("mid-epoch-resume")
def stateful_loader_resumes_with_another_order():
    """After a stop in the middle of an epoch, the rest of this epoch has another order."""
    whole, parts = resumed(5)
    return differ(whole[5:BATCHES], parts[5:BATCHES], 0)


@behaviour("mid-epoch-resume")
def stateful_loader_has_another_next_epoch():
    """After a stop in the middle of an epoch, the next epoch has another order."""
    whole, parts = resumed(5)
    return differ(whole[BATCHES:], parts[BATCHES:], 0)


@behaviour("augmentation-not-restored")
def stateful_loader_draws_other_numbers():
    """After a stop in the middle of an epoch, workers draw other random numbers."""
    whole, parts = resumed(5)
    return differ(whole[5:BATCHES], parts[5:BATCHES], 1)


def lengths_after(state):
    """Return the lengths of the two epochs that follow a state."""
    loader = make_loader()
    loader.load_state_dict(state)
    lengths = [len(list(loader)) for _epoch in range(2)]
    return lengths[0] == 0, f"batches in the next epochs: {lengths}"


@behaviour("resume-loses-an-epoch")
def state_saved_in_the_loop_loses_an_epoch():
    """A state that is saved inside the loop at the last batch empties the next epoch."""
    loader = make_loader()
    for _batch in loader:
        state = loader.state_dict()
    return lengths_after(state)


@behaviour("resume-loses-an-epoch")
def state_saved_after_the_loop_loses_an_epoch():
    """A state that is saved after the loop empties the next epoch."""
    loader = make_loader()
    list(loader)
    return lengths_after(loader.state_dict())


@behaviour("default-torch-generator")
def new_stateful_loaders_have_one_order():
    """Every new `StatefulDataLoader` with `shuffle=True` has the same order."""
    orders = []
    for _run in range(2):
        torch.seed()
        loader = StatefulDataLoader(range(40), batch_size=4, shuffle=True)
        orders.append([index for batch in loader for index in batch.tolist()])
    equal = orders[0] == orders[1]
    return equal, "equal orders" if equal else "other orders"
