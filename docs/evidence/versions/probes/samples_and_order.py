"""Probes of samplers, wrappers, streams and loops."""

import inspect
import multiprocessing
import warnings

import torch
from behaviour import Absent, behaviour, count
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Subset,
    WeightedRandomSampler,
    random_split,
)


class Numbers(Dataset):
    """Return the index as a tensor."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor(index)


class Wrapper(Dataset):
    """Add 100 to each sample, and hand everything else to the inner dataset."""

    def __init__(self, inner):
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        return self.inner[index] + 100

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)


class Fast(Numbers):
    """Has the batched access that the fetcher of some releases prefers."""

    def __getitems__(self, indices):
        return [self[index] for index in indices]


@behaviour("getitems-bypass")
def getitems_bypasses_a_wrapper():
    """A loader skips `__getitem__` of a wrapper that forwards `__getitems__`."""
    batch = next(iter(DataLoader(Wrapper(Fast()), batch_size=4)))
    skipped = int((batch < 100).sum())
    return skipped == 4, count(skipped, 4, "samples skip __getitem__")


class Plus100(Subset):
    """A subset that changes each sample."""

    def __getitem__(self, index):
        return super().__getitem__(index) + 100


@behaviour("getitems-bypass")
def getitems_bypasses_a_subclass_of_subset():
    """A loader skips `__getitem__` of a subclass of `Subset` without an error."""
    try:
        batch = next(iter(DataLoader(Plus100(Numbers(), range(4)), batch_size=4)))
    except NotImplementedError:
        return False, "NotImplementedError"
    skipped = int((batch < 100).sum())
    return skipped == 4, count(skipped, 4, "samples skip __getitem__")


@behaviour("split-shares-transform")
def subset_ignores_its_transform():
    """A transform that is set on a `Subset` has no effect."""

    class Transformed(Numbers):
        transform = None

        def __getitem__(self, index):
            return index if self.transform is None else self.transform(index)

    half = Subset(Transformed(), range(4))
    half.transform = lambda index: index + 100
    return half[0] == 0, f"half[0] is {half[0]} instead of 100"


@behaviour("padded-evaluation")
def distributed_sampler_repeats_samples():
    """`DistributedSampler` repeats samples if the ranks do not divide the dataset."""
    samplers = [DistributedSampler(range(10), 4, rank, False) for rank in range(4)]
    drawn = sum(len(list(sampler)) for sampler in samplers)
    return drawn > 10, f"{drawn} draws of 10 samples on 4 ranks"


@behaviour("no-set-epoch")
def distributed_sampler_repeats_the_order():
    """`DistributedSampler` repeats its order in every epoch without `set_epoch`."""
    sampler = DistributedSampler(range(64), 2, 0)
    first, second = list(sampler), list(sampler)
    return first == second, "equal orders" if first == second else "other orders"


@behaviour("seeds-next-to-each-other")
def neighbouring_runs_share_an_order():
    """`DistributedSampler` gives seed 0 in epoch 1 the order of seed 1 in epoch 0."""
    one, other = (DistributedSampler(range(64), 2, 0, seed=seed) for seed in (0, 1))
    one.set_epoch(1)
    equal = list(one) == list(other)
    return equal, "equal orders" if equal else "other orders"


@behaviour("class-weights-as-sample-weights")
def weights_of_classes_select_the_first_samples():
    """`WeightedRandomSampler` draws only 0 and 1 if 100 samples have 2 weights."""
    loader = DataLoader(
        range(100), sampler=WeightedRandomSampler([0.5, 0.5], 100), batch_size=100
    )
    drawn = sorted(set(next(iter(loader)).tolist()))
    return drawn == [0, 1], f"indices drawn: {drawn}"


@behaviour("one-shot-sampler")
def one_shot_sampler_makes_an_empty_epoch():
    """A generator as sampler makes epoch 1 empty without an error."""
    loader = DataLoader(Numbers(), sampler=(index for index in range(8)))
    lengths = [len(list(loader)) for _ in range(2)]
    return lengths == [8, 0], f"batches in two epochs: {lengths}"


@behaviour("drop-last")
def drop_last_makes_an_empty_epoch():
    """`drop_last=True` makes the epoch of a small dataset empty without an error."""
    batches = len(list(DataLoader(Numbers(), batch_size=16, drop_last=True)))
    return batches == 0, f"{batches} batches of 16 from 8 samples"


@behaviour("next-iter-in-the-loop")
def next_iter_repeats_the_first_batch():
    """`next(iter(loader))` returns the first batch at every step."""
    loader = DataLoader(Numbers())
    seen = {next(iter(loader)).item() for _ in range(4)}
    return seen == {0}, count(len(seen), 4, "batches distinct")


class ReusesBuffer(Numbers):
    """Fill and return the same tensor for each sample."""

    def __init__(self):
        self.buffer = torch.zeros(1)

    def __getitem__(self, index):
        return self.buffer.fill_(index)


@behaviour("reused-buffer")
def reused_buffer_fills_the_batch():
    """A buffer that a dataset returns for each sample fills a batch with the last one."""
    values = next(iter(DataLoader(ReusesBuffer(), batch_size=4))).flatten().tolist()
    return values == [3.0] * 4, f"batch: {[int(value) for value in values]}"


class Stream(IterableDataset):
    """A stream that every worker reads from its start to its end."""

    def __len__(self):
        return 8

    def __iter__(self):
        return iter(range(8))


@behaviour("stream-not-split-by-worker", starts_workers=True)
def each_worker_reads_the_whole_stream(method):
    """Two workers read each sample of an `IterableDataset` twice, and torch is silent."""
    loader = DataLoader(
        Stream(),
        batch_size=4,
        num_workers=2,
        multiprocessing_context=method,
        timeout=120,
    )
    len(loader)  # torch warns only after a call of len, as by a progress bar
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        numbers = [number for batch in loader for number in batch.tolist()]
    warned = any("IterableDataset" in str(w.message) for w in caught)
    end = "a warning" if warned else "no warning"
    return len(numbers) == 16 and not warned, f"{len(numbers)} samples of 8, {end}"


class StoredIterator(IterableDataset):
    """Return the iterator that the constructor made."""

    def __init__(self):
        self.numbers = iter(range(8))

    def __iter__(self):
        return self.numbers


@behaviour("exhausted-stream")
def stored_iterator_makes_an_empty_epoch():
    """A stream that returns a stored iterator is empty in epoch 1 without an error."""
    loader = DataLoader(StoredIterator(), batch_size=None)
    lengths = [len(list(loader)) for _ in range(2)]
    return lengths == [8, 0], f"samples in two epochs: {lengths}"


@behaviour()
def loader_has_in_order():
    """`DataLoader` has the setting `in_order`."""
    has = "in_order" in inspect.signature(DataLoader.__init__).parameters
    return has, "accepted" if has else "no such argument"


@behaviour()
def random_split_is_seeded_by_default():
    """`random_split` makes the same halves in every run without a generator."""
    torch.seed()
    halves = [random_split(range(64), [32, 32])[0].indices for _ in range(2)]
    same = list(halves[0]) == list(halves[1])
    return same, "equal halves" if same else "other halves"


@behaviour()
def random_split_takes_fractions():
    """`random_split` takes fractions instead of lengths."""
    try:
        random_split(range(10), [0.5, 0.5])
    except (TypeError, ValueError) as error:
        return False, type(error).__name__
    return True, "accepted"


@behaviour()
def fork_is_the_default():
    """Workers are forked unless the program chooses another start method."""
    method = multiprocessing.get_all_start_methods()[0]
    if "fork" not in multiprocessing.get_all_start_methods():
        message = "this system cannot fork"
        raise Absent(message)
    return method == "fork", f"the default is {method}"
