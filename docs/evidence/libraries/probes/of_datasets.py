"""Probes of the iterable datasets and of the map of Hugging Face datasets."""

import random
import tempfile

import datasets
from behaviour import Absent, behaviour, count
from torch.utils.data import DataLoader

SAMPLES = 64


def make_stream(shards=4, buffer=None):
    """Return a stream of 64 numbers, shuffled if it has a buffer."""
    rows = datasets.Dataset.from_dict({"number": list(range(SAMPLES))})
    stream = rows.to_iterable_dataset(num_shards=shards)
    return stream if buffer is None else stream.shuffle(seed=0, buffer_size=buffer)


def numbers(rows):
    """Return the numbers of rows."""
    return [int(row["number"]) for row in rows]


def loader_of(stream, **options):
    """Return a loader with two workers."""
    options = {"num_workers": 2, "timeout": 120, **options}
    return DataLoader(stream, batch_size=None, **options)


def compared(one, other):
    """Return whether two orders are equal."""
    return one == other, "equal orders" if one == other else "other orders"


@behaviour("stream-not-split-by-worker")
def workers_read_the_same_samples():
    """Two workers read each sample of a stream twice."""
    read = numbers(loader_of(make_stream()))
    return len(read) == 2 * SAMPLES, f"{len(read)} samples of {SAMPLES}"


@behaviour("stream-with-fixed-shuffle")
def shuffle_repeats_its_order():
    """A stream with `shuffle(seed=0)` has the same order in every epoch."""
    stream = make_stream(buffer=16)
    return compared(numbers(stream), numbers(stream))


def orders_after_set_epoch(*, persistent):
    """Return the orders of epochs 0 and 1, of which the program told the stream."""
    stream = make_stream(buffer=16)
    loader = loader_of(stream, persistent_workers=persistent)
    orders = []
    for epoch in range(2):
        stream.set_epoch(epoch)
        orders.append(numbers(loader))
    del loader  # ends the workers
    return orders


@behaviour("stream-with-fixed-shuffle")
def set_epoch_does_not_reach_workers():
    """A stream has the same order in workers after `set_epoch(1)`."""
    return compared(*orders_after_set_epoch(persistent=False))


@behaviour("stale-worker-copy")
def set_epoch_does_not_reach_persistent_workers():
    """A stream has the same order in persistent workers after `set_epoch(1)`."""
    return compared(*orders_after_set_epoch(persistent=True))


@behaviour()
def stream_has_a_state():
    """A stream has `state_dict` and `load_state_dict`."""
    has = hasattr(datasets.IterableDataset, "load_state_dict")
    return has, "has both" if has else "no such method"


def resume(**options):
    """Return whether a stream that is resumed after 20 samples repeats or loses any."""
    if not hasattr(datasets.IterableDataset, "load_state_dict"):
        message = "no state_dict"
        raise Absent(message)
    stream, read = make_stream(**options), []
    for row in stream:
        read.append(row)
        if len(read) == 20:
            state = stream.state_dict()
            break
    stream = make_stream(**options)
    stream.load_state_dict(state)
    read = numbers(read) + numbers(stream)
    again, never = len(read) - len(set(read)), SAMPLES - len(set(read))
    return (again, never) != (0, 0), f"{again} again, {never} never of {SAMPLES}"


@behaviour("mid-epoch-resume")
def resumed_stream_loses_samples():
    """A stream without shuffle repeats or loses samples if its state is restored."""
    return resume()


@behaviour("shuffle-buffer-not-restored")
def resumed_shuffle_buffer_loses_samples():
    """A stream with a shuffle buffer repeats or loses samples if its state is restored."""
    return resume(buffer=16)


def draw(row):
    """Add a random number to a row."""
    return {**row, "drawn": random.random()}


@behaviour("cached-by-datasets-map")
def map_draws_once():
    """`map` draws the random number of a row once for all epochs."""
    with tempfile.TemporaryDirectory() as folder:
        rows = datasets.Dataset.from_dict({"number": list(range(8))})
        rows = rows.map(draw, cache_file_name=f"{folder}/cache.arrow")
        epochs = [[row["drawn"] for row in rows] for _epoch in range(2)]
        equal = sum(a == b for a, b in zip(*epochs))
        del rows
    return equal == 8, count(equal, 8, "equal in two epochs")


@behaviour("cached-by-datasets-map")
def with_transform_draws_once():
    """`with_transform` draws the random number of a row once for all epochs."""
    rows = datasets.Dataset.from_dict({"number": list(range(8))})
    rows = rows.with_transform(lambda batch: {"drawn": [random.random()]})
    epochs = [[rows[index]["drawn"] for index in range(8)] for _epoch in range(2)]
    equal = sum(a == b for a, b in zip(*epochs))
    return equal == 8, count(equal, 8, "equal in two epochs")
