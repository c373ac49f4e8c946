"""Probes of the random numbers that two workers draw in two epochs."""

import functools
import random

import numpy as np
import torch
from behaviour import behaviour, count
from torch.utils.data import DataLoader, Dataset, get_worker_info

GENERATOR_OF_MODULE = np.random.default_rng()
IS_SET_BY_THE_PROGRAM = False


class Draws(Dataset):
    """Draw from every generator that a dataset can reach, and report the worker."""

    def __init__(self):
        self.default_rng = np.random.default_rng(0)
        self.random_state = np.random.RandomState(0)
        self.python_random = random.Random(0)
        self.stored = torch.zeros(1)
        self.epoch = 0
        self.worker_inits = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.stored += 1
        return {
            "np.random": np.random.random(),
            "random": random.random(),
            "torch": torch.rand(()).item(),
            "default_rng": self.default_rng.random(),
            "RandomState": self.random_state.random_sample(),
            "random.Random": self.python_random.random(),
            "module": GENERATOR_OF_MODULE.random(),
            "seed": get_worker_info().seed,
            "epoch": self.epoch,
            "worker_inits": self.worker_inits,
            "global": IS_SET_BY_THE_PROGRAM,
        }


def count_worker_init(_worker_id):
    """Count the calls of worker_init_fn in the worker's copy of the dataset."""
    get_worker_info().dataset.worker_inits += 1


def get_state_recipe(worker_id):
    """Seed NumPy as the recipe does that many programs copy."""
    np.random.seed(np.random.get_state()[1][0] + worker_id)


@functools.lru_cache(maxsize=None)
def read(method, *, persistent=False, init=count_worker_init):
    """Return epochs of an unseeded run, the dataset, and whether iter() starts anew.

    One worker answers what concerns no other worker, because a spawned worker takes
    seconds to start. The recipe's third epoch is the first epoch of another run.
    """
    global IS_SET_BY_THE_PROGRAM  # as a program sets a global
    IS_SET_BY_THE_PROGRAM = True
    dataset = Draws()
    epochs = []
    for run in ("first", "second") if init is get_state_recipe else ("first",):
        # A process starts with states like these, which the operating system chooses.
        torch.seed()
        np.random.set_state(np.random.RandomState().get_state())
        loader = DataLoader(
            dataset,
            batch_size=None,
            num_workers=1 if persistent or init is get_state_recipe else 2,
            multiprocessing_context=method,
            persistent_workers=persistent,
            worker_init_fn=init,
            timeout=120,
        )
        for epoch in range(2 if run == "first" else 1):
            dataset.epoch = epoch
            epochs.append(list(loader))
    is_one_iterator = persistent and iter(loader) is iter(loader)
    del loader  # ends persistent workers
    return epochs, dataset, is_one_iterator


def alike(one, other, name):
    """Return whether two lists of samples have equal values, and how many are equal."""
    equal = sum(a[name] == b[name] for a, b in zip(one, other))
    return equal == len(one), count(equal, len(one), "equal")


def alike_in_workers(method, name):
    """Compare worker 0, which makes every second sample, with worker 1."""
    first = read(method)[0][0]
    return alike(first[0::2], first[1::2], name)


def alike_in_epochs(method, name, **options):
    """Compare the first two epochs."""
    first, second, *_ = read(method, **options)[0]
    return alike(first, second, name)


@behaviour("numpy-global-before-1-9", starts_workers=True)
def numpy_is_equal_in_workers(method):
    """All workers draw the same numbers from `np.random`."""
    return alike_in_workers(method, "np.random")


@behaviour("numpy-global-before-1-9", starts_workers=True)
def numpy_is_equal_in_epochs(method):
    """Every epoch draws the same numbers from `np.random`."""
    return alike_in_epochs(method, "np.random")


@behaviour(starts_workers=True)
def python_random_is_equal_in_workers(method):
    """All workers draw the same numbers from Python's `random`."""
    return alike_in_workers(method, "random")


@behaviour(starts_workers=True)
def torch_is_equal_in_workers(method):
    """All workers draw the same numbers from `torch`."""
    return alike_in_workers(method, "torch")


@behaviour("rng-object-on-dataset", starts_workers=True)
def numpy_generator_of_dataset_is_equal_in_workers(method):
    """All workers draw the same numbers from a `default_rng` of the dataset."""
    return alike_in_workers(method, "default_rng")


@behaviour("rng-object-on-dataset", starts_workers=True)
def numpy_generator_of_dataset_is_equal_in_epochs(method):
    """Every epoch draws the same numbers from a `default_rng` of the dataset."""
    return alike_in_epochs(method, "default_rng")


@behaviour("rng-object-on-dataset", starts_workers=True)
def random_state_of_dataset_is_equal_in_workers(method):
    """All workers draw the same numbers from a `RandomState` of the dataset."""
    return alike_in_workers(method, "RandomState")


@behaviour("rng-object-on-dataset", starts_workers=True)
def python_generator_of_dataset_is_equal_in_workers(method):
    """All workers draw the same numbers from a `random.Random` of the dataset."""
    return alike_in_workers(method, "random.Random")


@behaviour("rng-object-on-dataset", starts_workers=True)
def unseeded_generator_of_module_is_equal_in_workers(method):
    """All workers draw the same numbers from an unseeded `default_rng` of a module."""
    return alike_in_workers(method, "module")


class HoldsTorchGenerator(Dataset):
    """Draw from a `torch.Generator` of the dataset."""

    def __init__(self):
        self.generator = torch.Generator()

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.rand((), generator=self.generator).item()


@behaviour("rng-object-on-dataset", starts_workers=True)
def torch_generator_of_dataset_is_equal_in_workers(method):
    """All workers draw the same numbers from a `torch.Generator` of the dataset."""
    loader = DataLoader(
        HoldsTorchGenerator(),
        batch_size=None,
        num_workers=2,
        multiprocessing_context=method,
        timeout=120,
    )
    try:
        values = list(loader)
    except (RuntimeError, TypeError, OSError) as error:
        return False, f"the workers do not start: {type(error).__name__}"
    equal = sum(a == b for a, b in zip(values[0::2], values[1::2]))
    return equal == 2, count(equal, 2, "equal")


@behaviour("get-state-recipe", starts_workers=True)
def get_state_recipe_is_equal_in_epochs(method):
    """Every epoch draws the same numbers after `seed(get_state()[1][0] + id)`."""
    return alike_in_epochs(method, "np.random", init=get_state_recipe)


@behaviour("get-state-recipe", starts_workers=True)
def get_state_recipe_is_equal_in_runs(method):
    """Every run draws the same numbers after `seed(get_state()[1][0] + id)`."""
    first, _, other_run = read(method, init=get_state_recipe)[0]
    return alike(first, other_run, "np.random")


@behaviour(starts_workers=True)
def persistent_workers_replay_torch(method):
    """Persistent workers draw the same numbers from `torch` in every epoch."""
    return alike_in_epochs(method, "torch", persistent=True)


@behaviour(starts_workers=True)
def persistent_workers_replay_numpy(method):
    """Persistent workers draw the same numbers from `np.random` in every epoch."""
    return alike_in_epochs(method, "np.random", persistent=True)


@behaviour("one-iterator-per-persistent-loader", starts_workers=True)
def persistent_loader_has_one_iterator(method):
    """Two calls of `iter()` on a persistent loader return one iterator."""
    same = read(method, persistent=True)[2]
    return same, "one iterator" if same else "two iterators"


@behaviour(starts_workers=True)
def worker_seed_is_equal_in_epochs(method):
    """`get_worker_info().seed` is the same in every epoch of new workers."""
    return alike_in_epochs(method, "seed")


@behaviour("stream-with-fixed-shuffle", starts_workers=True)
def worker_seed_is_equal_in_persistent_epochs(method):
    """`get_worker_info().seed` is the same in every epoch of persistent workers."""
    return alike_in_epochs(method, "seed", persistent=True)


@behaviour("worker-init-runs-once", starts_workers=True)
def worker_init_runs_once_with_persistent_workers(method):
    """`worker_init_fn` runs once, although persistent workers make two epochs."""
    _, second = read(method, persistent=True)[0]
    calls = max(sample["worker_inits"] for sample in second)
    return calls == 1, f"calls in two epochs: {calls}"


@behaviour("stale-worker-copy", starts_workers=True)
def persistent_workers_keep_old_attributes(method):
    """An attribute that changes after epoch 0 never reaches persistent workers."""
    _, second = read(method, persistent=True)[0]
    seen = {sample["epoch"] for sample in second}
    return seen == {0}, f"dataset.epoch in epoch 1: {sorted(seen)}"


@behaviour("globals-reset-by-spawn", starts_workers=True)
def workers_reset_module_globals(method):
    """A global that the program changes has its old value in the workers."""
    seen = {sample["global"] for sample in read(method)[0][0]}
    return seen == {False}, f"the global in workers: {sorted(seen)}"


@behaviour(starts_workers=True)
def workers_edit_tensors_of_the_parent(method):
    """A worker that edits a stored tensor in place changes the parent's tensor."""
    stored = read(method)[1].stored.item()
    return stored > 0, "the parent's tensor changes" if stored else "no change"


@behaviour("default-torch-generator")
def new_torch_generators_are_equal():
    """Every new `torch.Generator()` has the same seed."""
    seeds = {torch.Generator().initial_seed() for _ in range(4)}
    return len(seeds) == 1, f"{len(seeds)} distinct of 4 seeds"


@behaviour("seeds-equal-in-32-bits")
def seeds_equal_in_32_bits_are_equal():
    """`torch.manual_seed` ignores the upper 32 bits of a seed on the CPU."""
    draws = []
    for seed in (7, 7 + 2**32):
        torch.manual_seed(seed)
        draws.append(torch.rand(4).tolist())
    equal = draws[0] == draws[1]
    return equal, "7 and 7 + 2**32 give " + ("equal" if equal else "other") + " numbers"


@behaviour("one-generator-for-two-loaders")
def iterating_without_shuffle_draws_a_number():
    """`iter(loader)` draws a number although `shuffle=False, num_workers=0`."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    iter(DataLoader(range(4)))
    moved = not torch.equal(before, torch.get_rng_state())
    return moved, "the generator moves" if moved else "no change"


@behaviour("reseed-in-getitem")
def seeding_a_sample_seeds_the_program():
    """`torch.manual_seed` in `__getitem__` makes all later random numbers equal."""
    later = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        torch.manual_seed(0)  # as in __getitem__ with num_workers=0
        later.append(torch.rand(()).item())
    return later[0] == later[1], count(len(set(later)), 2, "later numbers distinct")


@behaviour()
def numpy_rejects_the_initial_seed_of_torch():
    """`np.random.seed(torch.initial_seed())` raises an error in most workers."""
    torch.manual_seed(2**40)
    try:
        np.random.seed(torch.initial_seed())
    except ValueError:
        return True, "ValueError for a seed of 41 bits"
    return False, "no error"
