"""Another program of the repository sets the epoch of its own sampler."""

from project.other import loader


def train(epochs):
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
