# /// script
# requires-python = ">=3.11"
# dependencies = [
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "torch",
# ]
# ///
"""
Tensor-parallel ranks read different batches
============================================

Ranks that hold parts of one model are one reader, and need one and the same batch.

* **You see:** The loss is wrong or training hangs, because ranks that hold parts of one
  model get different samples.
* **Because:** The data are split by the global rank, and not by the rank in the
  data-parallel dimension.
* **Do:** Split by the number of models and the number of this model, such as
  ``mesh["dp"].size()`` and ``mesh["dp"].get_local_rank()``.
"""

# %%
# See it happen
# -------------
# Four ranks hold two models: ranks 0 and 1 hold the halves of one, ranks 2 and 3 those of
# the other. A ``DeviceMesh`` says so. The sampler splits the data between all four.

# sphinx_gallery_tags = ["same across ranks", "tensor parallel", "DeviceMesh"]
# sphinx_gallery_parallel = False

import os
import socket
import tempfile

import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from torch.distributed.device_mesh import init_device_mesh
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

RANKS = 4
dataset = TensorDataset(torch.arange(32))


def make_mesh():
    return init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))


def broken():
    sampler = DistributedSampler(dataset)
    return DataLoader(dataset, batch_size=4, sampler=sampler)


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


def train(make_loader):
    """Return the samples of this rank, its first batch, and the model's output."""
    torch.manual_seed(make_mesh()["dp"].get_local_rank())
    batches = [batch for (batch,) in make_loader()]
    # The weights of a model are 1 and 2, on two ranks.
    own = make_mesh()["tp"]
    output = batches[0] * (own.get_local_rank() + 1)
    torch.distributed.all_reduce(output, group=own.get_group())
    samples = torch.cat(batches).tolist()
    return samples, samples[:4], output.tolist(), float(torch.rand(()))


def models_that_agree(ranks):
    return sum(ranks[first][0] == ranks[first + 1][0] for first in (0, 2))


if __name__ == "__main__":
    apart = on_ranks(train, broken)
    print(f"broken: {models_that_agree(apart)} of 2 models get one batch")
    assert models_that_agree(apart) == 0

# %%
# Why
# ---
# In tensor parallelism, each rank multiplies the batch by its part of the weights, and the
# ranks of a model add their results. Here the weights 1 and 2 should give three times the
# batch. Results of different batches have no meaning, and their sum raises no error.

if __name__ == "__main__":
    _, batch, output, _ = apart[0]
    print("3 times", batch, "is not", output)
    assert output != [3 * number for number in batch]

# %%
# The fix
# -------
# Split by the model. Its number is the rank in the data-parallel dimension of the mesh.


def fixed():
    models = make_mesh()["dp"]
    sampler = DistributedSampler(
        dataset, num_replicas=models.size(), rank=models.get_local_rank()
    )
    return DataLoader(dataset, batch_size=4, sampler=sampler)


if __name__ == "__main__":
    together = on_ranks(train, fixed)
    print(f"fixed: {models_that_agree(together)} of 2 models get one batch")
    assert models_that_agree(together) == 2
    assert sorted(together[0][0] + together[2][0]) == list(range(32))
    _, batch, output, _ = together[0]
    assert output == [3 * number for number in batch]

# %%
# The augmentation must agree, too. Ranks of one model need one seed, and the models need
# different ones: ``train`` above seeds by the same number.

if __name__ == "__main__":
    draws = [draw for *_, draw in together]
    print("ranks 0 to 3 draw", [round(draw, 3) for draw in draws])
    assert draws[0] == draws[1] != draws[2] == draws[3]

# %%
# Proof
# -----
# Each square is a sample that a rank reads in one epoch. The fixed ranks of one model read
# the same, and the two models share nothing.


def plot(**programs):
    _, axes = plt.subplots(
        2, 1, figsize=(8, 4.6), sharex=True, layout="constrained"
    )
    for ax, (name, ranks) in zip(axes, programs.items(), strict=True):
        for rank, (samples, *_) in enumerate(ranks):
            colour = f"C{rank // 2}"
            places = [rank] * len(samples)
            ax.scatter(samples, places, marker="s", s=90, color=colour)
        ax.set(title=name, xticks=range(0, 32, 4), ylim=(3.6, -0.6))
        names = [f"model {rank // 2}, rank {rank}" for rank in range(4)]
        ax.set_yticks(range(4), names)
    axes[1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(broken=apart, fixed=together)

# %%
# Find it in your code
# --------------------
# Hash the batch, and compare the hash inside the group of the model.


def same_in_model(make_loader):
    (batch,) = next(iter(make_loader()))
    others = [None, None]
    group = make_mesh()["tp"].get_group()
    torch.distributed.all_gather_object(others, batch.tolist(), group=group)
    return others[0] == others[1]


# %%
# Or call ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on every
# rank, and say which ranks share data: by the mesh and the name of its data-parallel
# dimension, or as ``same_data=[[0, 1], [2, 3]]``.

import dejabatch
from dejabatch import Expect


def audit_both():
    same = same_in_model(broken), same_in_model(fixed)
    expect = Expect(same_data=(make_mesh(), "dp"))
    report = dejabatch.audit(broken, expect=expect)
    slugs = [f.slug for f in report.findings]
    return same, str(report), slugs, dejabatch.audit(fixed, expect=expect).ok


if __name__ == "__main__":
    (same, text, slugs, fixed_is_ok), *_ = on_ranks(audit_both)
    print("one batch in each model, broken and fixed:", same)
    print(text)
    assert same == (False, True)
    assert slugs == ["model-parallel-ranks-differ"]
    assert fixed_is_ok

# %%
# See also
# --------
# * Two nodes read the same by mistake: :doc:`/gallery/6_ranks/plot_wrong_rank`.
# * Ranks with one seed: :doc:`/gallery/6_ranks/plot_ranks_augment_alike`.
# * :class:`torch.distributed.device_mesh.DeviceMesh`.
