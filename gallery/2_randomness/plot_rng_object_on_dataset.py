# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "accelerate",
#   # dejabatch: a build of the site adds its wheel here
#   "matplotlib",
#   "numpy",
#   "torch",
#   "transformers",
# ]
# ///
"""
Every worker applies the same augmentation
==========================================

A generator on the dataset starts in the same state in every worker and epoch.

* **You see:** All workers apply the same random crops and flips, and every epoch
  repeats them.
* **Because:** Every worker gets a copy of the random generator on the dataset or
  transform, and nothing reseeds the copies.
* **Do:** Draw from torch's global generator, which torch seeds in every worker, or
  rebuild your generator in ``worker_init_fn`` from ``get_worker_info().seed``.
"""

# %%
# See it happen
# -------------
# Each sample is a random crop of one photograph, flipped half of the time. Two samples
# differ only if their augmentations differ. Four workers make one sample each.

# sphinx_gallery_tags = ["same across workers", "same in every epoch", "transform"]
# sphinx_gallery_parallel = False
# sphinx_gallery_thumbnail_number = 1
# sphinx_gallery_dummy_images = 2

import multiprocessing
import pickle
import random
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from torch.utils.data import DataLoader, Dataset, Subset, get_worker_info

with get_sample_data("grace_hopper.jpg") as file:
    PHOTOGRAPH = plt.imread(file)
SIZE = 220
WORKERS = 4


class RandomCrops(Dataset):
    def __init__(self):
        # Created once; every worker gets a copy.
        self.rng = np.random.default_rng()

    def __len__(self):
        return WORKERS

    def __getitem__(self, index):
        height, width, _ = PHOTOGRAPH.shape
        top = self.rng.integers(height - SIZE + 1)
        left = self.rng.integers(width - SIZE + 1)
        crop = PHOTOGRAPH[top : top + SIZE, left : left + SIZE]
        if self.rng.random() < 0.5:
            crop = crop[:, ::-1]
        return torch.tensor(crop.copy())


broken = DataLoader(RandomCrops(), batch_size=1, num_workers=WORKERS)


def crops(loader):
    return [batch[0] for batch in loader]


def count_distinct(images):
    return len({image.numpy().tobytes() for image in images})


if __name__ == "__main__":
    state = broken.dataset.rng.bit_generator.state
    broken_epochs = [crops(broken), crops(broken)]  # two epochs
    assert broken.dataset.rng.bit_generator.state == state
    distinct = count_distinct(broken_epochs[0] + broken_epochs[1])
    print("broken:", distinct, "distinct crop of 8 in two epochs")
    assert distinct == 1

# %%
# Why
# ---
# Each new worker copies the dataset, with the generator and its state. torch then seeds
# the worker's three *global* generators, but not the copy.
#
# .. code-block:: text
#
#    main process     dataset.rng at state A
#      +-- worker 0   copy at state A  ->  crop 1, crop 2, ...
#      +-- worker 1   copy at state A  ->  crop 1, crop 2, ...   the same crops
#      next epoch: new workers, new copies, at state A again
#
# With ``persistent_workers=True``, the epochs differ, but the workers do not.

if __name__ == "__main__":
    persistent = DataLoader(
        RandomCrops(),
        batch_size=1,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    epochs = [crops(persistent), crops(persistent)]
    assert [count_distinct(epoch) for epoch in epochs] == [1, 1]
    assert count_distinct(epochs[0] + epochs[1]) == 2
    del persistent  # ends its workers

# %%
# All kinds of generators and start methods
# -----------------------------------------
# Another start method does not help: spawned workers receive the generator by pickle,
# and pickle keeps its state. A :class:`torch.Generator` cannot be sent with the sharing
# strategy ``file_descriptor``, torch's default on Linux: the loader fails.

if __name__ == "__main__":
    original = np.random.default_rng()
    assert pickle.loads(pickle.dumps(original)).random() == original.random()


KINDS = {
    "numpy.random.Generator": np.random.default_rng,
    "numpy.random.RandomState": np.random.RandomState,
    "random.Random": random.Random,
    "torch.Generator": torch.Generator,
}


class OneNumberFromEach(Dataset):
    def __init__(self, kinds):
        self.rngs = [KINDS[kind]() for kind in kinds]

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return [
            torch.rand((), generator=rng).item()
            if isinstance(rng, torch.Generator)
            else rng.random()
            for rng in self.rngs
        ]


def compare_two_workers(kinds, method):
    loader = DataLoader(
        OneNumberFromEach(kinds),
        batch_size=None,
        num_workers=2,
        multiprocessing_context=method,
    )
    try:
        first, second = loader
    except (RuntimeError, OSError, ValueError):
        # The worker cannot unpickle the dataset, or dies while receiving it.
        return ["fails" for _ in kinds]
    pairs = zip(first, second, strict=True)
    return ["same" if a == b else "different" for a, b in pairs]


if __name__ == "__main__":
    strategy = torch.multiprocessing.get_sharing_strategy()
    *other_kinds, torch_kind = KINDS
    results = {}
    for method in multiprocessing.get_all_start_methods():
        results[method] = compare_two_workers(other_kinds, method)
        results[method] += compare_two_workers([torch_kind], method)

    print(f"{'two workers draw':26}", *(f"{method:11}" for method in results))
    by_kind = zip(*results.values(), strict=True)
    for kind, verdicts in zip(KINDS, by_kind, strict=True):
        print(f"{kind:26}", *(f"{verdict:11}" for verdict in verdicts))

    for method, (*verdicts, torch_verdict) in results.items():
        assert verdicts == ["same"] * 3
        can_be_sent = method == "fork" or strategy != "file_descriptor"
        assert torch_verdict == ("same" if can_be_sent else "fails")

# %%
# The fix
# -------
# **If the code is yours, draw from torch's global generator.** torch seeds this
# generator in every worker.


class RandomCropsByTorch(RandomCrops):
    def __getitem__(self, index):
        height, width, _ = PHOTOGRAPH.shape
        top = torch.randint(height - SIZE + 1, ()).item()
        left = torch.randint(width - SIZE + 1, ()).item()
        crop = PHOTOGRAPH[top : top + SIZE, left : left + SIZE]
        if torch.rand(()) < 0.5:
            crop = crop[:, ::-1]
        return torch.tensor(crop.copy())


by_torch = DataLoader(RandomCropsByTorch(), batch_size=1, num_workers=WORKERS)

if __name__ == "__main__":
    distinct = count_distinct(crops(by_torch) + crops(by_torch))
    print("by torch:", distinct, "distinct crops of 8 in two epochs")
    assert distinct >= 7  # two crops may match by chance

# %%
# **If you must keep the generator, rebuild it in each worker.**
# ``get_worker_info().seed`` differs in each worker and changes each time workers start.
# ``worker_id`` alone repeats in every epoch.


def rebuild_rng(worker_id):
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)


def rebuild_rng_from_worker_id(worker_id):
    get_worker_info().dataset.rng = np.random.default_rng(worker_id)


fixed = DataLoader(
    RandomCrops(),
    batch_size=1,
    num_workers=WORKERS,
    worker_init_fn=rebuild_rng,
)

if __name__ == "__main__":
    fixed_epochs = [crops(fixed), crops(fixed)]
    distinct = count_distinct(fixed_epochs[0] + fixed_epochs[1])
    print("fixed:", distinct, "distinct crops of 8 in two epochs")
    assert distinct >= 7

    worker_id_only = DataLoader(
        RandomCrops(),
        batch_size=1,
        num_workers=WORKERS,
        worker_init_fn=rebuild_rng_from_worker_id,
    )
    assert count_distinct(crops(worker_id_only) + crops(worker_id_only)) == 4

# %%
# Assign the new generator where the dataset reads it. Behind a ``Subset`` or
# ``random_split``, this place is ``info.dataset.dataset.rng``. There, the function
# above only adds an unused attribute. ``dejabatch.audit``, below, prints the path.


def rebuild_rng_of_subset(worker_id):
    info = get_worker_info()
    info.dataset.dataset.rng = np.random.default_rng(info.seed)


if __name__ == "__main__":
    subset = Subset(RandomCrops(), range(WORKERS))
    for function in (rebuild_rng, rebuild_rng_of_subset):
        loader = DataLoader(
            subset, num_workers=WORKERS, worker_init_fn=function
        )
        has_no_effect = count_distinct(crops(loader)) == 1
        assert has_no_effect == (function is rebuild_rng)

# %%
# Hugging Face's ``Trainer`` takes no ``worker_init_fn``. There, rebuild the generator
# before the first sample of each worker, where ``torch.initial_seed()`` is new. A loop of
# your own can read the same dataset.


class SeedsItself(RandomCrops):
    seed = None

    def __getitem__(self, index):
        if self.seed != torch.initial_seed():
            self.seed = torch.initial_seed()
            self.rng = np.random.default_rng(self.seed)
        return super().__getitem__(index)


def crops_in_trainer(dataset):
    """Return the crops of two epochs of the loader that Trainer makes."""
    from transformers import Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            use_cpu=True,
            per_device_train_batch_size=1,
            dataloader_num_workers=WORKERS,
            report_to=[],
        )
        model = torch.nn.Linear(1, 1)
        options = {"train_dataset": dataset, "data_collator": torch.stack}
        trainer = Trainer(model, arguments, **options)
        loader = trainer.get_train_dataloader()
        return crops(loader) + crops(loader)


if __name__ == "__main__":
    import accelerate
    import transformers

    print("transformers", transformers.__version__)
    print("accelerate", accelerate.__version__)  # Trainer needs it
    for make, least, most in ((RandomCrops, 1, 1), (SeedsItself, 7, 8)):
        distinct = count_distinct(crops_in_trainer(make()))
        print(f"Trainer, {make.__name__}: {distinct} distinct crops of 8")
        assert least <= distinct <= most
    own_loop = DataLoader(SeedsItself(), batch_size=1, num_workers=WORKERS)
    assert count_distinct(crops(own_loop) + crops(own_loop)) >= 7

# %%
# Each kind of generator takes a large seed in its own way.


def seeded_random_state(seed):
    return np.random.RandomState(seed % 2**32)


def seeded_torch_generator(seed):
    return torch.Generator().manual_seed(seed)


BY_SEED = {
    "numpy.random.Generator": np.random.default_rng,
    "numpy.random.RandomState": seeded_random_state,
    "random.Random": random.Random,
    "torch.Generator": seeded_torch_generator,
}

if __name__ == "__main__":
    for kind, make in BY_SEED.items():
        first, second = make(2**62 + 1), make(2**62 + 2)
        assert isinstance(first, type(KINDS[kind]()))
        if kind == "torch.Generator":
            assert torch.rand((), generator=first) != torch.rand(
                (), generator=second
            )
        else:
            assert first.random() != second.random()

# %%
# Proof
# -----
# Compare the crops of the workers. Each half shows two epochs, a crop from each worker.


def plot(broken_epochs, fixed_epochs):
    figure = plt.figure(figsize=(8, 3), layout="constrained")
    halves = figure.subfigures(1, 2, wspace=0.06)
    results = {"broken": broken_epochs, "fixed": fixed_epochs}
    for half, (name, epochs) in zip(halves, results.items(), strict=True):
        half.suptitle(name)
        axes = half.subplots(2, WORKERS)
        for epoch, row in enumerate(axes):
            row[0].set_ylabel(f"epoch {epoch}")
            for worker, ax in enumerate(row):
                ax.imshow(epochs[epoch][worker])
                ax.set(xticks=[], yticks=[])
        for worker, ax in enumerate(axes[-1]):
            ax.set_xlabel(str(worker))
        half.supxlabel("worker")
    plt.show()


if __name__ == "__main__":
    plot(broken_epochs, fixed_epochs)

# %%
# Find it in your code
# --------------------
# Search your dataset and transforms for ``default_rng(``, ``RandomState(``,
# ``random.Random(`` and ``torch.Generator(``. Then read one sample in four workers and
# two epochs. Eight different results are right.


def count_augmentations(loader, workers=4):
    """Read sample 0 once in each worker, in two epochs."""
    probe = DataLoader(
        loader.dataset,
        sampler=[0] * workers,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=loader.worker_init_fn,
    )
    return len({str(np.asarray(s).tolist()) for _ in range(2) for s in probe})


if __name__ == "__main__":
    print("broken:", count_augmentations(broken), "of 8")
    print("fixed: ", count_augmentations(fixed), "of 8")
    assert count_augmentations(broken) == 1
    assert count_augmentations(fixed) >= 7

# %%
# Or run ``dejabatch.audit`` (:ref:`in your framework <where-is-my-loader>`) on your
# loader. The report names the failure and the object that causes it.

import dejabatch

if __name__ == "__main__":
    report = dejabatch.audit(broken)
    print(report)
    assert [(f.slug, f.where) for f in report.findings] == [
        ("rng-object-on-dataset", "dataset.rng")
    ]
    assert dejabatch.audit(fixed).ok

# %%
# See also
# --------
# * You draw from ``np.random`` or ``random`` directly:
#   :doc:`/gallery/2_randomness/plot_numpy_global_before_1_9`.
# * Your ``worker_init_fn`` seeds NumPy, but epochs repeat:
#   :doc:`/gallery/2_randomness/plot_get_state_recipe`.
# * User reports: `MONAI#2020 <https://github.com/Project-MONAI/MONAI/issues/2020>`__,
#   `pytorch#5059 <https://github.com/pytorch/pytorch/issues/5059>`__ and, for
#   :class:`torch.Generator`, `pytorch#146828
#   <https://github.com/pytorch/pytorch/issues/146828>`__.
