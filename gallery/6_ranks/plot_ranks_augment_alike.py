# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "accelerate",
#   "matplotlib",
#   "torch",
# ]
# ///
"""
All GPUs apply the same random augmentation
===========================================

The order must be the same on all ranks, and the augmentation must not.

* **You see:** The first image of rank 0 is cropped and flipped as the first image of
  rank 1 is; noise and dropout masks are equal too.
* **Because:** All ranks set one seed, so the workers of all ranks draw the same random
  numbers.
* **Do:** Add the rank to the seed of the augmentation, and leave the rank out of the
  seed of the sampler; ``worker_init_fn=dejabatch.seed_worker`` does that. In Accelerate,
  call ``set_seed(seed, device_specific=True)``.
"""

# %%
# See it happen
# -------------
# Two ranks set the same seed, so that a run can be repeated. Each sample is a random crop
# of one photograph. Two crops differ only if their augmentations differ.

# sphinx_gallery_tags = ["same across ranks", "same augmentation", "manual_seed"]
# sphinx_gallery_parallel = False

import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from accelerate import Accelerator
from accelerate.utils import set_seed
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, DistributedSampler

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = torch.tensor(plt.imread(file))
RANKS = 2
SIZE = 220


class RandomCrops(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        top = int(torch.randint(PHOTOGRAPH.shape[0] - SIZE, ()))
        left = int(torch.randint(PHOTOGRAPH.shape[1] - SIZE, ()))
        crop = PHOTOGRAPH[top : top + SIZE, left : left + SIZE]
        return index, top, left, crop.clone()


def broken():
    torch.manual_seed(0)
    dataset = RandomCrops()
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=1, sampler=sampler, num_workers=1)


def run_rank(rank, port, folder, function, arguments):
    torch.seed()  # forked ranks start with one random state
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": f"{rank}",
        "LOCAL_RANK": f"{rank}",
        "WORLD_SIZE": f"{RANKS}",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": f"{port}",
    }
    torch.distributed.init_process_group("gloo")
    torch.save(function(*arguments), f"{folder}/{rank}")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def on_ranks(function, *arguments):
    """Return what a function returns on each rank of a new program."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # is free
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            run_rank,
            args=(port, folder, function, arguments),
            nprocs=RANKS,
            start_method=torch.multiprocessing.get_start_method(),
        )
        return [torch.load(f"{folder}/{rank}") for rank in range(RANKS)]


def read(make_loader):
    """Return index, top and left of each sample of this rank, and its first crop."""
    batches = list(make_loader())
    return [[int(n) for n in batch[:3]] for batch in batches], batches[0][3][0]


def crops(ranks):
    """Return how many samples all ranks have, and how many different crops."""
    rows = [row for samples, _ in ranks for row in samples]
    return len({row[0] for row in rows}), len({tuple(row[1:]) for row in rows})


if __name__ == "__main__":
    alike = on_ranks(read, broken)
    indices, different = crops(alike)
    print(
        f"broken: {different} different crops of {indices} samples on two ranks"
    )
    assert (indices, different) == (8, 4)

# %%
# Why
# ---
# A loader draws the seeds of its workers from the main process. Equal seeds in the main
# processes make equal seeds in the workers: worker 0 of both ranks draws the same numbers.
# Noise and dropout masks in the main process are equal as well.


def dropout_mask():
    torch.manual_seed(0)
    model = torch.nn.Dropout()
    return (model(torch.ones(8)) > 0).tolist()


if __name__ == "__main__":
    zero, one = on_ranks(dropout_mask)
    print("kept by dropout on both ranks:", zero)
    assert zero == one

# %%
# The fix
# -------
# Keep the seed, and let the workers add their rank. ``DistributedSampler`` has a seed of
# its own, so all ranks still agree on the order. Without workers, seed the main process by
# ``seed + rank`` after making the model.

import dejabatch


def fixed():
    torch.manual_seed(0)
    dataset = RandomCrops()
    sampler = DistributedSampler(dataset)
    return DataLoader(
        dataset,
        batch_size=1,
        sampler=sampler,
        num_workers=1,
        worker_init_fn=dejabatch.seed_worker,
    )


if __name__ == "__main__":
    apart = on_ranks(read, fixed)
    indices, different = crops(apart)
    print(
        f"fixed: {different} different crops of {indices} samples on two ranks"
    )
    assert (indices, different) == (8, 8)
    for (samples, _), (again, _) in zip(
        apart, on_ranks(read, fixed), strict=True
    ):
        assert samples == again  # the run repeats

# %%
# In Accelerate, ``set_seed`` gives all ranks one seed. ``device_specific=True`` adds the
# rank. Set this seed after making the model, or the ranks begin with different weights.


def prepared(device_specific=False):
    accelerator = Accelerator(cpu=True)
    set_seed(0, device_specific=device_specific)
    loader = DataLoader(
        RandomCrops(), batch_size=1, shuffle=True, num_workers=1
    )
    return accelerator.prepare(loader)


def read_prepared():
    return read(prepared), read(lambda: prepared(device_specific=True))


if __name__ == "__main__":
    one_seed, own_seeds = zip(*on_ranks(read_prepared), strict=True)
    print("set_seed(0):", crops(one_seed)[1], "different crops of 8")
    print("device_specific=True:", crops(own_seeds)[1], "different crops of 8")
    assert crops(one_seed) == (8, 4)
    assert crops(own_seeds) == (8, 8)

# %%
# In Lightning, ``seed_everything(0)`` has the effect of the broken program, and
# ``seed_everything(0, workers=True)`` adds the rank in the workers.
# :doc:`/gallery/explanations/plot_what_ranks_share` runs both.

# %%
# Proof
# -----
# The first crop of each rank. The broken ranks cut the same square out of two samples.


def plot(**programs):
    _, axes = plt.subplots(1, 4, figsize=(8, 2.6), layout="constrained")
    pictures = [
        (f"{name}, rank {rank}", crop)
        for name, ranks in programs.items()
        for rank, (_, crop) in enumerate(ranks)
    ]
    for ax, (title, crop) in zip(axes, pictures, strict=True):
        ax.imshow(crop)
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, fontsize=13)
    plt.show()


if __name__ == "__main__":
    plot(broken=alike, fixed=apart)

# %%
# Find it in your code
# --------------------
# Add ``torch.initial_seed()`` to the sample that ``__getitem__`` returns, and compare the
# numbers of the ranks.
#
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank. It compares the generators on which the samples depend.


def audit_both():
    report = dejabatch.audit(broken)
    slugs = [f.slug for f in report.findings]
    return str(report), slugs, dejabatch.audit(fixed).ok


if __name__ == "__main__":
    (text, slugs, fixed_is_ok), _ = on_ranks(audit_both)
    print(text)
    assert "ranks-augment-alike" in slugs
    assert fixed_is_ok

# %%
# See also
# --------
# * Workers of one rank augment alike:
#   :doc:`/gallery/2_randomness/plot_constant_worker_seed`.
# * Seeds of ranks that overlap: :doc:`/gallery/2_randomness/plot_seeds_next_to_each_other`.
# * A recipe without a package: :ref:`another-seed-on-every-rank`.
