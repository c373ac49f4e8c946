# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "accelerate",
#   # dejabatch: a build of the site adds its wheel here
#   "lightning",
#   "matplotlib",
#   "numpy",
#   "torch",
# ]
# ///
"""
Changing a dataset attribute has no effect with persistent_workers
==================================================================

``set_epoch`` changes the main process's dataset; persistent workers keep their old copies.

* **You see:** ``dataset.set_epoch`` or a new attribute value has no effect while the
  loader's workers live.
* **Because:** With ``persistent_workers=True``, each worker keeps the copy of the
  dataset that it got when it started.
* **Do:** Keep the value in shared memory, as ``dejabatch.SharedEpoch`` does.
"""

# %%
# See it happen
# -------------
# The dataset crops a photograph at random, seeded by epoch and index. The loop calls
# ``set_epoch`` before each epoch.

# sphinx_gallery_tags = ["same in every epoch", "persistent workers", "dataset"]
# sphinx_gallery_parallel = False

import logging
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from accelerate import Accelerator
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, Sampler

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = plt.imread(file)
SIZE = 220


def random_crop(epoch, index):
    height, width, _ = PHOTOGRAPH.shape
    rng = np.random.default_rng([epoch, index])
    top, left = rng.integers([height - SIZE, width - SIZE])
    crop = PHOTOGRAPH[top : top + SIZE, left : left + SIZE]
    return torch.tensor(crop.copy())


class Crops(Dataset):
    def __init__(self):
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return random_crop(self.epoch, index)


def load(dataset, num_workers=2, persistent_workers=True, sampler=None):
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=persistent_workers,
    )


broken = load(Crops())
OPTIONS = {  # (num_workers, persistent_workers)
    "no workers": (0, False),
    "new workers for each epoch": (2, False),
    "persistent workers": (2, True),
}


def first_crops(loader):
    """Return the crop of index 0 in each of three epochs."""
    crops = []
    for epoch in range(3):
        loader.dataset.set_epoch(epoch)
        first, *_ = loader
        crops.append(first)
    return crops


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    counts = []
    for name, options in OPTIONS.items():
        broken_crops = first_crops(load(Crops(), *options))
        counts.append(count_distinct(broken_crops))
        print(f"{name}: {counts[-1]} distinct crops in 3 epochs")
    print("broken:", counts[-1], "distinct crop in 3 epochs")
    assert counts == [3, 3, 1]

# %%
# Why
# ---
# A worker gets its copy of the dataset when it starts. New workers copy a dataset that has
# the current epoch. Persistent workers keep their copy from the first epoch, because
# ``set_epoch`` changes only the main process's dataset. A sampler that calls ``set_epoch``
# in its ``__iter__`` is late even for new workers, which have started before.


class ReturnsEpoch(Crops):
    def __getitem__(self, index):
        return self.epoch


class SamplerThatSetsEpoch(Sampler):
    def __init__(self, dataset):
        self.dataset = dataset

    def __iter__(self):
        self.dataset.set_epoch(self.dataset.epoch + 1)
        yield from range(len(self.dataset))


if __name__ == "__main__":
    epochs_seen = []
    for name, options in OPTIONS.items():
        dataset = ReturnsEpoch()
        loader = load(dataset, *options, sampler=SamplerThatSetsEpoch(dataset))
        epochs_seen.append([set(loader) for _ in range(3)])
        print(f"{name}: epochs", *epochs_seen[-1])
        del loader  # stops persistent workers
    assert epochs_seen == [[{1}, {2}, {3}], [{0}, {1}, {2}], [{0}, {0}, {0}]]

# %%
# The fix
# -------
# Keep the epoch in a shared-memory tensor. All copies of such a tensor use the same memory,
# so every worker sees the new value.


class SharedCrops(Crops):
    def __init__(self):
        self.epoch = torch.tensor(0).share_memory_()

    def set_epoch(self, epoch):
        self.epoch.fill_(epoch)

    def __getitem__(self, index):
        return random_crop(int(self.epoch), index)


fixed = load(SharedCrops())

if __name__ == "__main__":
    fixed_crops = first_crops(load(SharedCrops()))
    print("fixed:", count_distinct(fixed_crops), "distinct crops in 3 epochs")
    assert count_distinct(fixed_crops) == 3

# %%
# ``dejabatch.SharedEpoch`` stores such an epoch in its ``value``.
# ``dejabatch.set_epoch(loader, epoch)`` sets the epoch of the dataset and the sampler, and
# raises if the workers cannot see it.

import dejabatch

if __name__ == "__main__":
    loader = load(Crops())
    list(loader)  # starts the workers
    try:
        dejabatch.set_epoch(loader, 1)
    except RuntimeError as error:
        message = str(error)
    del loader
    print(message)
    assert "persistent workers have copies of their own" in message

    loader = load(SharedCrops())
    list(loader)
    dejabatch.set_epoch(loader, 1)
    first, *_ = loader
    del loader
    assert torch.equal(first, random_crop(epoch=1, index=0))

# %%
# In Lightning, call ``dataset.set_epoch`` in ``on_train_epoch_start``. Lightning calls the
# ``set_epoch`` of samplers alone. Accelerate calls ``dataset.set_epoch`` itself. Both need
# the fix above. For Hugging Face's ``Trainer``, see
# :ref:`a recipe <augmentation-from-seed-epoch-and-index>`.


def in_lightning(dataset, call_set_epoch=True):
    """Return the first crop of each epoch, as a model gets it."""
    import lightning.pytorch as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    crops = []

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def on_train_epoch_start(self):
            if call_set_epoch:
                dataset.set_epoch(self.current_epoch)

        def training_step(self, crop, number):
            if number == 0:
                crops.append(crop)

        def configure_optimizers(self):
            return None

    pl.Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(Module(), load(dataset))
    return crops


def in_accelerate(dataset):
    loader = Accelerator(cpu=True).prepare(load(dataset))
    return [first for _ in range(3) for first, *_ in [loader]]


if __name__ == "__main__":
    results = {
        "Lightning, no call": in_lightning(
            SharedCrops(), call_set_epoch=False
        ),
        "Lightning, Crops": in_lightning(Crops()),
        "Lightning, SharedCrops": in_lightning(SharedCrops()),
        "Accelerate, Crops": in_accelerate(Crops()),
        "Accelerate, SharedCrops": in_accelerate(SharedCrops()),
    }
    counts = [count_distinct(images) for images in results.values()]
    for name, count in zip(results, counts, strict=True):
        print(f"{name}: {count} distinct crops in 3 epochs")
    assert counts == [1, 1, 3, 1, 3]

# %%
# Proof
# -----
# Compare the three epochs of a row. Each row shows the crop of index 0.


def plot(broken_crops, fixed_crops):
    _, axes = plt.subplots(2, 3, figsize=(6, 4.2), layout="constrained")
    for row, name, images in (
        (axes[0], "broken", broken_crops),
        (axes[1], "fixed", fixed_crops),
    ):
        for epoch, ax in enumerate(row):
            ax.imshow(images[epoch])
            ax.set(xticks=[], yticks=[], title=f"epoch {epoch}")
        row[0].set_ylabel(name)
    plt.show()


if __name__ == "__main__":
    plot(broken_crops, fixed_crops)

# %%
# Find it in your code
# --------------------
# Change the epoch after the workers have started. Then compare a worker's sample with the
# same sample from the main process.


def workers_see_epoch(dataset):
    loader = load(dataset, num_workers=1)
    list(loader)  # starts the worker
    dataset.set_epoch(1)
    first, *_ = loader
    return torch.equal(first, dataset[0])


if __name__ == "__main__":
    print("broken:", workers_see_epoch(Crops()))
    print("fixed: ", workers_see_epoch(SharedCrops()))
    assert not workers_see_epoch(Crops())
    assert workers_see_epoch(SharedCrops())

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`), which
# reads the loader in a separate process and leaves yours unchanged.

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("stale-worker-copy", "dataset.epoch")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * Changes in a worker do not reach the main process:
#   :doc:`/gallery/5_workers/plot_state_lost_in_workers`.
# * A global variable, not an attribute, has an old value:
#   :doc:`/gallery/5_workers/plot_globals_reset_by_spawn`.
# * ``worker_init_fn`` sets the seed only once:
#   :doc:`/gallery/5_workers/plot_worker_init_runs_once`.
# * Persistent workers keep other things, too:
#   :doc:`/gallery/explanations/plot_persistent_workers`.
