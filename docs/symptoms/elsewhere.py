"""A right loader, and five programs that see equal features all the same."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images = torch.randint(255, (32, 3, 8, 8), dtype=torch.uint8)
loader = DataLoader(TensorDataset(images), batch_size=8, shuffle=True)


def distinct(rows):
    """Count the different rows of a batch."""
    return len(torch.unique(rows.flatten(1), dim=0))


(batch,) = next(iter(loader))
assert distinct(batch) == 8


def scaled_integers():
    """Scale to 0..1, and go back to integers, which are 0."""
    assert (batch / 255).to(torch.uint8).unique().tolist() == [0]
    assert distinct(batch / 255) == 8


def softmax_over_one_output():
    """Apply softmax to one output, which is then 1 for each input."""
    outputs = nn.Linear(192, 1)(batch.flatten(1) / 255)
    assert distinct(outputs) == 8
    assert torch.softmax(outputs, dim=1).unique().tolist() == [1]
    assert distinct(torch.sigmoid(outputs)) == 8


def hook_without_a_copy():
    """Store an output that the next layer changes in place."""
    stored = []
    first, second = nn.Linear(192, 4), nn.Threshold(10.0, 0.0, inplace=True)
    first.register_forward_hook(lambda *arguments: stored.append(arguments[-1]))
    second(first(batch.flatten(1) / 255))
    assert distinct(stored[0]) == 1  # all outputs were below 10
    assert distinct(first(batch.flatten(1) / 255)) == 8


def optimizer_of_another_model():
    """Replace the model after its parameters went to the optimizer."""
    model = nn.Linear(192, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    model = nn.Linear(192, 1)
    before = model.weight.clone()
    model(batch.flatten(1) / 255).sum().backward()
    optimizer.step()
    assert torch.equal(model.weight, before)


def dropout_in_eval():
    """Pass one batch twice, and expect dropout to change it."""
    model = nn.Dropout(0.5)
    inputs = batch / 255
    assert not torch.equal(model(inputs), model(inputs))
    model.eval()
    assert torch.equal(model(inputs), model(inputs))


if __name__ == "__main__":
    for program in (
        scaled_integers,
        softmax_over_one_output,
        hook_without_a_copy,
        optimizer_of_another_model,
        dropout_in_eval,
    ):
        program()
        print(f"{program.__name__.replace('_', ' ')}: as described")
