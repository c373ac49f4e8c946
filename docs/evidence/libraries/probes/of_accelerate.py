"""Probes of the loaders that accelerate prepares."""

import inspect
import multiprocessing
import tempfile

from accelerate import Accelerator
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import set_seed
from behaviour import Absent, behaviour
from torch.utils.data import DataLoader, DistributedSampler

SAMPLES, STOP = 40, 5


def make_loader(**options):
    """Return a loader of 40 numbers in 10 batches."""
    return DataLoader(range(SAMPLES), batch_size=4, **options)


def split_by_hand(rank):
    """Return a loader with the part of one of two ranks."""
    sampler = DistributedSampler(range(SAMPLES), 2, rank, shuffle=False)
    return make_loader(sampler=sampler)


def drawn_by_ranks(loaders, options):
    """Return what all ranks read from the loaders that accelerate prepares for them."""
    Accelerator(cpu=True)  # without one, older releases refuse to prepare a loader
    drawn, ranks = [], len(loaders)
    for rank, loader in enumerate(loaders):
        prepared = prepare_data_loader(
            loader, num_processes=ranks, process_index=rank, **options
        )
        drawn += [index for batch in prepared for index in batch.tolist()]
    return drawn


def in_new_process(function, *arguments):
    """Call a function in a fork, because accelerate keeps its state in the process."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(function, arguments)


def repeats(**options):
    """Return whether four ranks draw more samples than there are."""
    loaders = [make_loader() for _rank in range(4)]
    drawn = in_new_process(drawn_by_ranks, loaders, options)
    return len(drawn) > SAMPLES, f"{len(drawn)} draws of {SAMPLES} samples on 4 ranks"


@behaviour("padded-evaluation")
def prepare_repeats_samples():
    """`prepare` repeats samples if the ranks do not divide the batches."""
    return repeats()


@behaviour("padded-evaluation")
def uneven_batches_repeat_samples():
    """`prepare` repeats samples even with `even_batches=False`."""
    if "even_batches" not in inspect.signature(prepare_data_loader).parameters:
        message = "no even_batches"
        raise Absent(message)
    return repeats(even_batches=False)


@behaviour("data-split-twice")
def prepare_splits_twice():
    """`prepare` splits the part that a `DistributedSampler` gives to a rank once more."""
    loaders = [split_by_hand(rank) for rank in range(2)]
    seen = len(set(in_new_process(drawn_by_ranks, loaders, {})))
    return seen < SAMPLES, f"2 ranks read {seen} of {SAMPLES} samples"


def seedable():
    """Return the option that asks an Accelerator for its seedable sampler."""
    try:
        from accelerate.utils import DataLoaderConfiguration
    except ImportError:
        if "use_seedable_sampler" in inspect.signature(Accelerator).parameters:
            return {"use_seedable_sampler": True}
        message = "no use_seedable_sampler"
        raise Absent(message) from None
    return {"dataloader_config": DataLoaderConfiguration(use_seedable_sampler=True)}


def train(folder, resumes, options):
    """Return the samples of an epoch, or of its rest if the run is resumed."""
    set_seed(0)
    accelerator = Accelerator(cpu=True, **options)
    loader = accelerator.prepare(make_loader(shuffle=True))
    read, active = [], loader
    if resumes:
        accelerator.load_state(folder)
        active = accelerator.skip_first_batches(loader, STOP)
    for number, batch in enumerate(active, 1):
        read += batch.tolist()
        if number == STOP and not resumes:
            accelerator.save_state(folder)
            break
    return read


def resume(options):
    """Return whether a run that stops after 5 of 10 batches repeats or loses samples."""
    if not hasattr(Accelerator, "skip_first_batches"):
        message = "no skip_first_batches"
        raise Absent(message)
    with tempfile.TemporaryDirectory() as folder:
        parts = [in_new_process(train, folder, half, options) for half in (False, True)]
    read = parts[0] + parts[1]
    again, never = len(read) - len(set(read)), SAMPLES - len(set(read))
    return (again, never) != (0, 0), f"{again} again, {never} never of {SAMPLES}"


@behaviour("mid-epoch-resume")
def skip_first_batches_skips_others():
    """`skip_first_batches` repeats and skips samples of the resumed epoch."""
    return resume({})


@behaviour("mid-epoch-resume")
def seedable_skip_first_batches_skips_others():
    """With `use_seedable_sampler`, the resumed epoch repeats and skips samples, too."""
    return resume(seedable())


def two_orders(options):
    """Return the orders of two epochs without any call of `set_epoch`."""
    set_seed(0)
    loader = Accelerator(cpu=True, **options).prepare(make_loader(shuffle=True))
    return [[i for batch in loader for i in batch.tolist()] for _epoch in range(2)]


def repeats_its_order(options):
    """Return whether two epochs have one order."""
    one, other = in_new_process(two_orders, options)
    return one == other, "equal orders" if one == other else "other orders"


@behaviour("no-set-epoch")
def prepare_repeats_the_order():
    """A prepared loader has the same order in every epoch without `set_epoch`."""
    return repeats_its_order({})


@behaviour("no-set-epoch")
def seedable_sampler_repeats_the_order():
    """With `use_seedable_sampler`, every epoch without `set_epoch` has the same order."""
    return repeats_its_order(seedable())
