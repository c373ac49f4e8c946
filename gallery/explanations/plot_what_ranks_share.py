# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "accelerate",
#   "lightning",
#   "matplotlib",
#   "torch",
#   "transformers",
# ]
# ///
"""
What do ranks share? Seeds, order and who splits the data
=========================================================

Ranks must share the order, read different parts of it, and augment differently.

A program on several GPUs is started once for each GPU. Each process is a rank, and makes a
dataset, a loader and workers of its own. ``DistributedDataParallel`` shares gradients and
weights, and nothing of the data.

.. code-block:: text

              start           each epoch             each batch
   rank 0     seed            order, split           workers augment
   rank 1     seed            order, split           workers augment
              the same        the same order,        different
              on all ranks    another part           random numbers

   plain torch   you seed     you call set_epoch,    you add the rank
                              and pass a sampler     to the seed
   Accelerate    set_seed     prepare splits         device_specific=True
   Trainer       seed=        Trainer splits         by itself
   Lightning     seed_everything   Trainer splits    workers=True

Below, each framework trains on two ranks, and evaluates.
"""

# sphinx_gallery_tags = ["same across ranks", "Accelerate", "Lightning", "Trainer"]
# sphinx_gallery_parallel = False

import logging
import os
import socket
import tempfile
import warnings

import lightning.pytorch as pl
import matplotlib.pyplot as plt
import torch
import torch.distributed
import torch.multiprocessing
from accelerate import Accelerator
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset
from transformers import Trainer, TrainingArguments

RANKS = 2
EPOCHS = 2
seen = []  # the index and the random number of each sample that a model got


class Rows(Dataset):
    """Samples with their index and a random number."""

    def __init__(self, length=32):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return {"x": torch.tensor([float(index)]), "labels": torch.rand(1)}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, labels):
        seen.extend(zip(x[:, 0].tolist(), labels[:, 0].tolist(), strict=True))
        return {"loss": self.layer(x).mean(), "logits": x}


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = Model()

    def training_step(self, batch, _):
        return self.model(**batch)["loss"]

    def validation_step(self, batch, _):
        self.model(**batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


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


# %%
# Three loaders
# -------------
# A program may leave the split to the framework, use a ``DistributedSampler``, or cut the
# dataset by hand.


def unsplit():
    return {"dataset": Rows(), "shuffle": True}


def with_sampler():
    return {"dataset": Rows(), "sampler": DistributedSampler(Rows())}


def by_hand():
    rank = torch.distributed.get_rank()
    return {"dataset": Subset(Rows(), range(rank, 32, RANKS)), "shuffle": True}


def make_loader(options):
    return DataLoader(batch_size=4, num_workers=1, **options)


# %%
# Four programs
# -------------
# Each program sets one seed on all ranks, makes a loader and trains for two epochs.


def plain(options):
    torch.manual_seed(0)
    model, loader = Model(), make_loader(options)
    for _ in range(EPOCHS):
        for batch in loader:
            model(**batch)


def accelerate(options):
    torch.manual_seed(0)
    model, loader = (
        Model(),
        Accelerator(cpu=True).prepare(make_loader(options)),
    )
    for _ in range(EPOCHS):
        for batch in loader:
            model(**batch)


def trainer_arguments(folder):
    return TrainingArguments(
        folder,
        use_cpu=True,
        seed=0,
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=4,
        per_device_eval_batch_size=4,
        dataloader_num_workers=1,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
    )


def trainer(options):
    """Train on the dataset: Trainer makes the loader, so a sampler has no place."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = trainer_arguments(folder)
        Trainer(Model(), arguments, train_dataset=options["dataset"]).train()


def lightning_trainer():
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return pl.Trainer(
        accelerator="cpu",
        devices=RANKS,
        strategy="ddp",
        max_epochs=EPOCHS,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def lightning(options, workers=False):
    pl.seed_everything(0, workers=workers, verbose=False)
    lightning_trainer().fit(Module(), make_loader(options))


def run(program, make_options):
    """Return the epochs of this rank: the index and the number of each sample."""
    seen.clear()
    program(make_options())
    half = len(seen) // EPOCHS
    return [seen[:half], seen[half:]]


def run_each(program):
    """Run a program with each of its loaders."""
    return {
        make_options.__name__: run(program, make_options)
        for make_options in (unsplit, with_sampler, by_hand)
        if (program, make_options) != (trainer, with_sampler)
    }


PROGRAMS = plain, accelerate, trainer, lightning

if __name__ == "__main__":
    results = {
        program.__name__: on_ranks(run_each, program) for program in PROGRAMS
    }
    assert results.keys() == {"plain", "accelerate", "trainer", "lightning"}

# %%
# Who splits the data?
# --------------------
# Plain torch never splits. The others split what they are given, and Lightning alone leaves
# a ``DistributedSampler`` as it is. A split by hand therefore needs plain torch.


def on_no_rank(ranks, loader):
    read = {index for rank in ranks for index, _ in rank[loader][0]}
    return 32 - len(read)


def on_both(ranks, loader):
    zero, one = ({index for index, _ in rank[loader][0]} for rank in ranks)
    return len(zero & one)


if __name__ == "__main__":
    lost = {
        (name, loader): (on_no_rank(ranks, loader), on_both(ranks, loader))
        for name, ranks in results.items()
        for loader in ranks[0]
    }
    for (name, loader), (none, both) in lost.items():
        print(f"{name:11}{loader:13}{none:3} on no rank, {both:2} on both")
    right = (0, 0)
    assert lost["plain", "unsplit"] == (0, 32)
    assert lost["plain", "with_sampler"] == lost["plain", "by_hand"] == right
    for name in ("accelerate", "trainer", "lightning"):
        assert lost[name, "unsplit"] == right
        assert lost[name, "by_hand"] == (16, 0)
    assert lost["accelerate", "with_sampler"] == (16, 0)
    assert lost["lightning", "with_sampler"] == right

# %%
# Each square is a sample that a rank reads in the first epoch.


def plot(results):
    names = "unsplit", "with_sampler", "by_hand"
    _, axes = plt.subplots(
        4, 3, figsize=(9, 6), sharex=True, sharey=True, layout="constrained"
    )
    for row, (program, ranks) in zip(axes, results.items(), strict=True):
        row[0].set_ylabel(program)
        for ax, name in zip(row, names, strict=True):
            for rank, loaders in enumerate(ranks):
                samples = [index for index, _ in loaders.get(name, [[]])[0]]
                ax.scatter(samples, [rank] * len(samples), marker="s", s=16)
            ax.set(ylim=(1.7, -0.7), xticks=(0, 16, 31))
            ax.set_yticks([0, 1], ["rank 0", "rank 1"])
            if name not in ranks[0]:
                ax.text(
                    15.5, 0.5, "makes the loader", ha="center", va="center"
                )
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name)
    axes[-1, 1].set_xlabel("sample")
    plt.show()


if __name__ == "__main__":
    plot(results)

# %%
# Who calls set_epoch?
# --------------------
# The frameworks do. In plain torch, the second epoch repeats the order of the first.


def has_new_order(ranks, loader):
    first, second = (
        [index for index, _ in epoch] for epoch in ranks[0][loader]
    )
    return first != second


if __name__ == "__main__":
    for program, loader in (
        ("plain", "with_sampler"),
        ("accelerate", "unsplit"),
        ("trainer", "unsplit"),
        ("lightning", "unsplit"),
        ("lightning", "with_sampler"),
    ):
        new = has_new_order(results[program], loader)
        print(
            f"{program}, {loader}: {'new' if new else 'same'} order in epoch 1"
        )
        assert new == (program != "plain")

# %%
# Who augments differently?
# -------------------------
# All programs set one seed. Only ``Trainer`` adds the rank to the seeds of the workers by
# itself. Lightning does so with ``seed_everything(0, workers=True)``.


def share_numbers(ranks, loader):
    zero, one = ({number for _, number in rank[loader][0]} for rank in ranks)
    return bool(zero & one)


def lightning_with_workers():
    return {"unsplit": run(lambda options: lightning(options, True), unsplit)}


if __name__ == "__main__":
    results["workers=True"] = on_ranks(lightning_with_workers)
    for program, ranks in results.items():
        same = share_numbers(ranks, "unsplit")
        print(
            f"{program}: {'the same' if same else 'different'} random numbers"
        )
        assert same == (program in {"plain", "accelerate", "lightning"})

# %%
# Who counts repeated samples in evaluation?
# ------------------------------------------
# Nine samples are evaluated on two ranks. Accelerate's ``gather_for_metrics`` and
# ``Trainer.evaluate`` drop the tenth, which is a copy. Lightning evaluates ten.


def evaluate_with_accelerate():
    accelerator = Accelerator(cpu=True)
    loader = accelerator.prepare(DataLoader(Rows(9), batch_size=4))
    return sum(
        len(accelerator.gather_for_metrics(batch["x"])) for batch in loader
    )


def count_labels(predictions):
    return {"number": len(predictions.label_ids)}


def evaluate_with_trainer():
    with tempfile.TemporaryDirectory() as folder:
        evaluator = Trainer(
            Model(), trainer_arguments(folder), compute_metrics=count_labels
        )
        return evaluator.evaluate(Rows(9))["eval_number"]


def evaluate_with_lightning():
    seen.clear()
    loader = DataLoader(Rows(9), batch_size=4)
    lightning_trainer().validate(Module(), loader, verbose=False)
    number = torch.tensor(len(seen))
    torch.distributed.all_reduce(number)
    return int(number)


if __name__ == "__main__":
    numbers = {
        evaluate.__name__: on_ranks(evaluate)[0]
        for evaluate in (
            evaluate_with_accelerate,
            evaluate_with_trainer,
            evaluate_with_lightning,
        )
    }
    for name, number in numbers.items():
        print(f"{name}: {number} samples of 9")
    assert [*numbers.values()] == [9, 9, 10]

# %%
# See also
# --------
# * :doc:`/gallery/6_ranks/plot_no_distributed_sampler`,
#   :doc:`/gallery/6_ranks/plot_data_split_twice`,
#   :doc:`/gallery/6_ranks/plot_no_set_epoch`,
#   :doc:`/gallery/6_ranks/plot_ranks_augment_alike` and
#   :doc:`/gallery/6_ranks/plot_padded_evaluation`.
# * Recipes: :ref:`part-for-each-rank` and :ref:`another-seed-on-every-rank`.
