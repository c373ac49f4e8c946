import os
import random
import time
from functools import partial

import numpy as np
import torch
import torch.distributed as dist
from lightning.pytorch import seed_everything
from torch.utils.data import DataLoader, get_worker_info

from project.data import args, cfg, photographs

SEED = 17


def with_settings(worker_id):
    np.random.seed(args.seed + worker_id)  # found: worker-seed-without-epoch
    random.seed(cfg["train"]["seed"] + worker_id)  # found: worker-seed-without-epoch
    torch.manual_seed(SEED + worker_id)  # found: worker-seed-without-epoch


def of_a_rank(worker_id, num_workers, rank, seed):
    np.random.seed(num_workers * rank + worker_id + seed)  # found: worker-seed-without-epoch


def of_the_environment(worker_id):
    rank = int(os.environ.get("RANK", 0))
    random.seed(1000 * rank + worker_id)  # found: worker-seed-without-epoch


def of_a_sequence(worker_id):
    sequence = np.random.SeedSequence([SEED, dist.get_rank(), worker_id])
    np.random.seed(sequence.generate_state(4))  # found: worker-seed-without-epoch


class SeedsWorkers:
    def __init__(self, seed):
        self.seed = seed

    def __call__(self, worker_id):
        np.random.seed(self.seed + worker_id)  # found: worker-seed-without-epoch


class Training:
    def __init__(self, seed):
        self.seed = seed

    def seed_worker(self, worker_id):
        random.seed(self.seed + worker_id)  # found: worker-seed-without-epoch

    def loader(self):
        return DataLoader(photographs, num_workers=2, worker_init_fn=self.seed_worker)


def seeding(seed):
    def init(worker_id):
        seed_everything(seed + worker_id)  # found: worker-seed-without-epoch

    return init


def from_the_id_in_the_worker(_):
    info = get_worker_info()
    np.random.seed(SEED + info.id)  # found: worker-seed-without-epoch


def from_the_seed_in_the_worker(_):
    info = get_worker_info()
    np.random.seed((info.seed + info.id) % 2**32)


def from_the_clock(worker_id):
    np.random.seed(int(time.time()) + worker_id)


def with_the_epoch_of_a_setting(worker_id):
    np.random.seed(args.epoch * 100 + worker_id)


plain = {"num_workers": 4, "worker_init_fn": with_settings}
loader = DataLoader(photographs, **plain)
ranked = DataLoader(
    photographs,
    num_workers=4,
    worker_init_fn=partial(of_a_rank, num_workers=4, rank=dist.get_rank(), seed=SEED)
    if args.seed is not None
    else None,
)
options = dict(batch_size=8, num_workers=2)
options["worker_init_fn"] = of_the_environment
from_options = DataLoader(photographs, **options)
sequence = DataLoader(photographs, num_workers=2, worker_init_fn=of_a_sequence)
called = DataLoader(photographs, num_workers=2, worker_init_fn=SeedsWorkers(SEED))
closed = DataLoader(photographs, num_workers=2, worker_init_fn=seeding(SEED))
by_id = DataLoader(photographs, num_workers=2, worker_init_fn=from_the_id_in_the_worker)
by_seed = DataLoader(
    photographs, num_workers=2, worker_init_fn=from_the_seed_in_the_worker
)
by_clock = DataLoader(photographs, num_workers=2, worker_init_fn=from_the_clock)
by_epoch = DataLoader(
    photographs, num_workers=2, worker_init_fn=with_the_epoch_of_a_setting
)

# The function never runs without workers.
without_workers = DataLoader(
    photographs, num_workers=0, worker_init_fn=lambda i: random.seed(i)
)
by_default = DataLoader(photographs, worker_init_fn=lambda i: random.seed(i))


def build(num_workers, persistent_workers=True):
    return DataLoader(
        photographs,
        num_workers=num_workers,
        persistent_workers=persistent_workers,
        worker_init_fn=lambda i: random.seed(i),
    )


kept = DataLoader(
    photographs,
    num_workers=args.workers,
    persistent_workers=args.num_workers > 0,
    worker_init_fn=lambda i: random.seed(i),
)


def of_options(worker_id, num_workers, rank, seed):
    seed = num_workers * rank + worker_id + seed
    random.seed(seed)  # found: worker-seed-without-epoch


def loader_of_options(train_opt, seed=None):
    rank, _ = rank_and_size()
    number = train_opt["workers"]
    init = partial(of_options, num_workers=number, rank=rank, seed=seed)
    return DataLoader(
        photographs,
        num_workers=number,
        worker_init_fn=init if seed is not None else None,
    )


def of_a_draw(worker_id, shift, seed):
    random.seed(seed + shift + worker_id)


def loader_of_a_draw(train_opt, seed=None):
    shift, _ = draw_shift()
    init = partial(of_a_draw, shift=shift, seed=seed)
    return DataLoader(photographs, num_workers=2, worker_init_fn=init)


def of_the_clock_after_all(worker_id, seed):
    seed = seed + worker_id + time.time_ns()
    random.seed(seed)


by_clock_after_all = DataLoader(
    photographs, num_workers=2, worker_init_fn=partial(of_the_clock_after_all, seed=3)
)
