"""The failure modes: one record each, to which everything else refers by its slug.

A record's page is ``gallery/<section>/plot_<slug with underscores>.py``. The page's
title and its lines "You see", "Because" and "Do" are the record's `title`, `symptom`,
`cause` and `fix`, word for word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SITE = "https://dejabatch.github.io/dejabatch/"
"""Where the site is published."""

SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "1_sample": "The sample itself is the same",
        "2_randomness": "The randomness is the same",
        "3_order": "The order repeats",
        "4_streaming": "The stream repeats",
        "5_workers": "The workers keep what was",
        "6_ranks": "The ranks repeat each other",
        "7_resume": "The restarted run repeats what was",
    }
)
"""Folder of each gallery section, in the order of the site, and its title."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "number": "Does an epoch have samples several times, or too few, or none?",
        "batch": "Is something the same within one batch?",
        "values": "Are samples in a batch other than dataset[i]?",
        "workers": "Is it right with num_workers=0, and wrong with more?",
        "epochs": "Is a random augmentation the same in every epoch?",
        "order": "Is the order the same in every epoch, or sorted?",
        "runs": "Do two runs agree or differ where they should not?",
        "ranks": "Do two ranks have the same?",
        "loaders": "Do two loaders have something in common?",
        "effect": "Does a change that you made have no effect?",
    }
)
"""What can be seen from outside, as questions in the order in which to ask them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMode:
    """One way in which a :class:`~torch.utils.data.DataLoader` repeats itself.

    Attributes
    ----------
    slug : str
        Name of the failure mode everywhere, for example ``rng-object-on-dataset``.
    title : str
        The symptom in the words of somebody who has it.
    section : str
        A key of `SECTIONS`.
    symptom : str
        What that person sees. Code stands between single backticks, here and below.
    seen : tuple of str
        The keys of `SIGNS` that it shows, the clearest first.
    words : tuple of str
        What else people call it or look for: names, old recipes, words of other
        libraries. The site's search and index know them.
    cause, fix : str
        One sentence each.
    detected_by : str or None
        The tool of this package that finds it in a user's own code: ``"audit"``,
        ``"compare"`` (of two loaders) or ``"lint"``.
    undetected_because : str or None
        Why no tool finds it; set exactly where `detected_by` is None.
    has_page : bool
        Whether its page is written. Until then its address is that of its record.
    since, until : str or None
        First release with the failure and first release without it, as in
        ``"torch 1.9"``; None where there is no such release.

    Raises
    ------
    ValueError
        If `section` or what is in `seen` is unknown, if `seen` is empty, or if not
        exactly one of `detected_by` and `undetected_because` is set.

    Examples
    --------
    >>> from dejabatch import FAILURE_MODES, SECTIONS, SIGNS
    >>> mode = FAILURE_MODES["exhausted-stream"]
    >>> mode.title
    'The second epoch of an IterableDataset is empty'
    >>> SECTIONS[mode.section]
    'The stream repeats'
    >>> SIGNS[mode.seen[0]]
    'Does an epoch have samples several times, or too few, or none?'
    """

    slug: str
    title: str
    section: str
    symptom: str
    seen: tuple[str, ...]
    words: tuple[str, ...]
    cause: str
    fix: str
    detected_by: Literal["audit", "compare", "lint"] | None = None
    undetected_because: str | None = None
    has_page: bool = True
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        """Refuse a record that other parts of the project could not use."""
        if self.section not in SECTIONS:
            known = ", ".join(SECTIONS)
            msg = f"{self.slug}: section {self.section!r} is not one of {known}"
            raise ValueError(msg)
        if not self.seen or not SIGNS.keys() >= set(self.seen):
            known = ", ".join(SIGNS)
            msg = f"{self.slug}: seen {self.seen!r} must be some of {known}"
            raise ValueError(msg)
        if (self.detected_by is None) == (self.undetected_because is None):
            msg = f"{self.slug}: set either detected_by or undetected_because"
            raise ValueError(msg)

    @property
    def page(self) -> str:
        """Path of the page's script below ``gallery/``."""
        return f"{self.section}/plot_{self.slug.replace('-', '_')}.py"

    @property
    def url(self) -> str:
        """Address of the page on the published site."""
        if not self.has_page:
            return f"{SITE}reference/failure-modes.html#{self.slug}"
        return f"{SITE}gallery/{self.page.removesuffix('.py')}.html"


_RECORDS = (
    FailureMode(
        slug="getitem-ignores-index",
        title="The DataLoader returns the same features for every sample",
        section="1_sample",
        symptom="Every row of every batch is the same. Shuffling changes nothing, and "
        "neither does the number of workers.",
        seen=("batch",),
        words=(
            "all samples identical",
            "same item for every index",
            "DataLoader always returns the same data",
        ),
        cause="`__getitem__` does not use its index and always returns the same stored "
        "sample.",
        fix="Read the sample that belongs to the index: `return self.features[index]`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="stateful-cursor",
        title="Every sample comes twice with two workers",
        section="1_sample",
        symptom="Without workers all is well. With two, half of the samples come twice, "
        "and the others never.",
        seen=("number", "workers"),
        words=(
            "duplicate samples with num_workers",
            "iterator or counter in __getitem__",
        ),
        cause="The dataset counts its calls instead of using the index, and each worker "
        "counts for itself.",
        fix="Use the index: `return self.features[index]`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="reused-buffer",
        title="A batch holds copies of its last sample",
        section="1_sample",
        symptom="All rows of a batch are the same, and it is the row of the last sample.",
        seen=("batch",),
        words=(
            "all rows of a batch identical",
            "list of references to one array",
            "preallocated array",
        ),
        cause="The dataset fills one buffer again and again and returns it each time, so "
        "that all samples of a batch are one object.",
        fix="Return a copy: `return self.buffer.clone()`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="inplace-edit-of-stored-data",
        title="The features drift from epoch to epoch",
        section="1_sample",
        symptom="The same index gives other features in every epoch, though nothing "
        "about them is random.",
        seen=("values",),
        words=(
            "dataset modified in place",
            "normalized twice",
            "data changes every epoch",
        ),
        cause="`__getitem__` edits the stored data in place, so that the next epoch "
        "begins with the result.",
        fix="Edit a copy: `x = self.features[index].clone()`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="augmented-once",
        title="Every epoch has the same augmentation, also without workers",
        section="1_sample",
        symptom="A sample is augmented, but in every epoch in the same way.",
        seen=("epochs",),
        words=(
            "augmentation in __init__",
            "random transform applied once",
            "augmentation not random",
        ),
        cause="The random numbers are drawn once, when the dataset or the transform is "
        "made.",
        fix="Draw the random numbers where the sample is made, in `__getitem__`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="cached-augmentation",
        title="The second epoch replays the augmentation of the first",
        section="1_sample",
        symptom="In the first epoch each sample gets a crop of its own, and keeps it in "
        "all others.",
        seen=("epochs",),
        words=("lru_cache", "cached dataset", "cache after transform", "joblib Memory"),
        cause="A cache around the random part keeps the first result.",
        fix="Cache what is read from the disk, and augment what comes out of the cache.",
        detected_by="audit",
    ),
    FailureMode(
        slug="collate-repeats-one-sample",
        title="A batch repeats one sample, though the dataset is right",
        section="1_sample",
        symptom="`dataset[i]` differs for each index, but all rows of a batch are the "
        "same.",
        seen=("batch", "values"),
        words=(
            "duplicate samples in a batch",
            "custom collate_fn",
            "batch of identical samples",
        ),
        cause="`collate_fn` uses one sample of its list for all rows.",
        fix="Use each sample in turn: `torch.stack([x for x, _ in batch])`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="error-fallback-sample",
        title="One sample comes back again and again",
        section="1_sample",
        symptom="One image is in nearly every batch, although the order is right and no "
        "index is drawn twice.",
        seen=("number",),
        words=(
            "try except in __getitem__",
            "corrupt images",
            "missing files",
            "duplicate image",
        ),
        cause="`__getitem__` catches every error and returns another sample, so that "
        "broken files are hidden behind it.",
        fix="Let the error through, or find the broken files once, up front, and leave "
        "them out.",
        detected_by="audit",
    ),
    FailureMode(
        slug="split-shares-transform",
        title="Training and validation have the same transform after random_split",
        section="1_sample",
        symptom="The validation set is augmented as well, or the training set is not.",
        seen=("loaders", "effect"),
        words=(
            "random_split transform",
            "different transforms for train and validation",
            "validation set augmented",
            "Subset transform",
        ),
        cause="Both halves of `random_split` are views of one dataset, which has one "
        "transform.",
        fix="Make two datasets, each with its own transform, shuffle the indices once, "
        "and give each dataset its own part of them.",
        detected_by="compare",
    ),
    FailureMode(
        slug="one-draw-for-the-whole-batch",
        title="All images of a batch get the same crop",
        section="1_sample",
        symptom="Within a batch every image is cropped and flipped alike; the next batch "
        "is different.",
        seen=("batch",),
        words=(
            "same crop",
            "batch transform",
            "same random transform for the whole batch",
            "augmentation on the GPU",
        ),
        cause="Most transforms of torchvision draw once for each call, and here one is called "
        "with a whole batch.",
        fix="Call the transform for each sample, in the dataset's `__getitem__`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="transform-that-does-nothing",
        title="The augmentation changes nothing",
        section="1_sample",
        symptom="A random transform is in place, and the images look as they did before.",
        seen=("effect",),
        words=(
            "RandomCrop has no effect",
            "augmentation does not work",
            "no augmentation",
            "ColorJitter",
        ),
        cause="Its arguments leave it nothing to do: a crop of the image's own size, a "
        "probability of 0, a colour change without a range.",
        fix="Give it room, such as `RandomCrop(size, padding=4)`, `p=0.5` or "
        "`ColorJitter(brightness=0.4)`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="getitems-bypass",
        title="dataset[i] is transformed, and batches are not",
        section="1_sample",
        symptom="`dataset[0]` is right, but what comes out of the DataLoader never went "
        "through the transform.",
        seen=("values", "effect"),
        words=(
            "__getitems__",
            "transform not applied",
            "wrapper dataset",
            "__getattr__",
        ),
        cause="A DataLoader asks for a whole batch by `__getitems__` if the dataset has "
        "it, and this wrapper has inherited it, or hands it through by `__getattr__`.",
        fix="Give the wrapper a `__getitems__` of its own: "
        "`return [self[i] for i in indices]`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="wrong-length",
        title="Every sample comes several times in an epoch",
        section="1_sample",
        symptom="An epoch takes longer than it should, and the same samples come again "
        "under other indices.",
        seen=("number",),
        words=(
            "__len__",
            "duplicate samples in an epoch",
            "epoch too long",
            "modulo index",
        ),
        cause="`__len__` says more than there is, and `__getitem__` begins again at its "
        "end.",
        fix="Return the number of samples: `return len(self.features)`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="rng-object-on-dataset",
        title="Every worker applies the same augmentation",
        section="2_randomness",
        symptom="Crops and flips repeat in every epoch, and with several workers also "
        "in each worker.",
        seen=("workers", "epochs"),
        words=(
            "duplicate augmentations",
            "numpy default_rng in a dataset",
            "Generator in __init__",
            "np.random.RandomState",
            "random.Random",
        ),
        cause="A random generator that is stored on the dataset or on a transform is "
        "copied into every worker, and nothing seeds the copies.",
        fix="Draw from torch's global generator, which every worker seeds for itself, "
        "or rebuild the stored generator in `worker_init_fn` from "
        "`get_worker_info().seed`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="numpy-global-before-1-9",
        title="All workers draw the same NumPy random numbers",
        section="2_randomness",
        symptom="An article says that workers draw the same random numbers by default, "
        "and that `worker_init_fn` must seed them; or you see it, on an old torch.",
        seen=("workers",),
        words=(
            "NumPy random seed",
            "np.random.randint in __getitem__",
            "NumPy random workers same",
            "identical random numbers",
        ),
        cause="Only torch older than 1.9 left `np.random` in every forked worker in the "
        "state of the main process; since 1.9 each worker seeds `random`, `torch` and "
        "`np.random` for itself.",
        fix="Use torch 1.9 or newer and let nothing reset NumPy in the workers; before "
        "1.9, call `np.random.seed(torch.initial_seed() % 2**32)` in `worker_init_fn`.",
        detected_by="audit",
        until="torch 1.9",
    ),
    FailureMode(
        slug="get-state-recipe",
        title="Every epoch is the same, although worker_init_fn seeds each worker",
        section="2_randomness",
        symptom="With `np.random.seed(np.random.get_state()[1][0] + worker_id)` in "
        "`worker_init_fn`, the workers differ, but each epoch repeats the one before it.",
        seen=("epochs", "runs"),
        words=("np.random.get_state", "worker seed", "recommended worker_init_fn"),
        cause="Since torch 1.9, `np.random.get_state()[1][0]` is 2147483648 in every "
        "worker when `worker_init_fn` runs, so this popular recipe seeds NumPy with the "
        "same numbers each time workers start.",
        fix="Delete the recipe: torch 1.9 and newer seed `np.random` in every worker "
        "that they start.",
        detected_by="audit",
    ),
    FailureMode(
        slug="constant-worker-seed",
        title="All workers draw the same numbers, although worker_init_fn seeds them",
        section="2_randomness",
        symptom="After `worker_init_fn` was added, every worker applies the same "
        "augmentations.",
        seen=("workers", "epochs", "runs"),
        words=(
            "worker seed",
            "worker_init_fn",
            "np.random.seed(42)",
            "same seed in every worker",
        ),
        cause="`worker_init_fn` seeds every worker with the same number.",
        fix="Delete it, or seed from `torch.initial_seed() % 2**32`, another number in each "
        "worker, and each time that workers start.",
        detected_by="audit",
    ),
    FailureMode(
        slug="worker-seed-without-epoch",
        title="With a worker_init_fn, every epoch repeats the first one's augmentations",
        section="2_randomness",
        symptom="The workers differ, but each repeats in every epoch what it did in the "
        "first.",
        seen=("epochs", "runs"),
        words=(
            "worker seed",
            "worker_init_fn",
            "np.random.seed(worker_id)",
            "same augmentation every epoch",
        ),
        cause="`worker_init_fn` seeds a worker with a number that does not depend on the "
        "epoch, such as `worker_id`.",
        fix="Delete it, or seed from `torch.initial_seed() % 2**32`, another number in each "
        "worker, and each time that workers start.",
        detected_by="audit",
    ),
    FailureMode(
        slug="reseed-in-getitem",
        title="All samples get the same augmentation, and shuffling stops",
        section="2_randomness",
        symptom="Every sample of every epoch is cropped alike. Without workers the order "
        "repeats, too.",
        seen=("batch", "epochs", "order"),
        words=(
            "segmentation mask",
            "mask does not match image",
            "same transform for image and mask",
            "manual_seed in __getitem__",
            "paired transforms",
        ),
        cause="`__getitem__` or a transform seeds a random generator with a constant, "
        "for example to treat an image and its mask alike.",
        fix="Wrap them as `tv_tensors.Image` and `tv_tensors.Mask`, give both to one call "
        "of a `torchvision.transforms.v2` transform, and delete the seed.",
        detected_by="audit",
    ),
    FailureMode(
        slug="reseed-every-epoch",
        title="Every epoch has the same shuffled order",
        section="2_randomness",
        symptom="The loader shuffles, but in every epoch in the same way.",
        seen=("order", "epochs"),
        words=(
            "shuffle not working",
            "same order every epoch",
            "manual_seed in the training loop",
            "seed_everything",
        ),
        cause="Something seeds the generator of the order again before each epoch.",
        fix="Seed once, before the first epoch.",
        detected_by="audit",
    ),
    FailureMode(
        slug="default-torch-generator",
        title="Every run of the program shuffles in the same way",
        section="2_randomness",
        symptom="You seed nothing, and still the first batch has the same samples "
        "whenever the program starts.",
        seen=("runs",),
        words=(
            "torch.Generator",
            "generator seed",
            "generator without a seed",
            "same shuffle in every run",
        ),
        cause="`torch.Generator()` begins with one fixed seed, where torch's global "
        "generator begins with another one in each run.",
        fix="Leave `generator=` out, or call the generator's `seed()`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="library-holds-its-own-rng",
        title="A library's transforms are the same in every worker",
        section="2_randomness",
        symptom="You use a library's random transforms and no generator of your own. "
        "Every worker applies the same ones, and every epoch repeats them.",
        seen=("workers", "epochs"),
        words=(
            "Albumentations",
            "MONAI",
            "torchio",
            "imgaug",
            "random state of a library",
        ),
        cause="The library keeps random generators in its transforms. Each worker gets "
        "a copy, and nothing seeds it there.",
        fix="Pass `worker_init_fn=dejabatch.seed_worker`, or what the library itself "
        "has for that.",
        detected_by="audit",
    ),
    FailureMode(
        slug="opencv-rng",
        title="All workers draw the same OpenCV random numbers",
        section="2_randomness",
        symptom="`cv2.randn` and `cv2.randu` give the same numbers in every worker, in "
        "every epoch and in every run.",
        seen=("workers", "epochs", "runs"),
        words=("cv2", "cv2.setRNGSeed", "cv2.theRNG"),
        cause="OpenCV has a random generator of its own, which begins with a constant in "
        "every process and which PyTorch does not seed.",
        fix="Call `cv2.setRNGSeed(torch.initial_seed() % 2**31)` in `worker_init_fn`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="rng-in-collate",
        title="Every worker mixes its batches alike",
        section="2_randomness",
        symptom="MixUp, padding or masking in `collate_fn` is random, but all workers do "
        "the same, and so does the next epoch.",
        seen=("workers", "epochs"),
        words=(
            "MixUp",
            "CutMix",
            "masking tokens",
            "random collate_fn",
            "data collator",
        ),
        cause="`collate_fn` holds a random generator. It runs in the workers, and each "
        "has a copy in the same state.",
        fix="Draw from torch's global generator, which is seeded in each worker.",
        detected_by="audit",
    ),
    FailureMode(
        slug="seeds-equal-in-32-bits",
        title="Different seeds draw the same numbers",
        section="2_randomness",
        symptom="Your workers have different seeds in every epoch, and still draw the "
        "same numbers from torch.",
        seen=("epochs", "ranks"),
        words=("64-bit seed", "seed overflow", "SeedSequence", "large seeds"),
        cause="The seeds differ in their high bits, and torch's CPU generator uses the "
        "low 32 bits only.",
        fix="Mix all bits of the seed into those 32, as `numpy.random.SeedSequence` "
        "does.",
        detected_by="audit",
    ),
    FailureMode(
        slug="seeds-next-to-each-other",
        title="Another rank or another run repeats the augmentations of this one",
        section="2_randomness",
        symptom="Two ranks share some of their augmentations, or runs with the seeds 42 "
        "and 43 share most of them.",
        seen=("ranks", "runs"),
        words=(
            "seed + rank",
            "seed + worker_id",
            "DDP duplicate augmentations",
            "consecutive seeds",
        ),
        cause="Seeds that are made by adding, such as `seed + rank + worker_id`, have the "
        "same sum for other numbers.",
        fix="Mix instead of adding: "
        "`np.random.SeedSequence([torch.initial_seed(), rank, worker_id])`.",
        undetected_because="A loader shows one rank of one run; `check_seeding` compares "
        "many.",
    ),
    FailureMode(
        slug="workers-change-the-augmentation",
        title="Another number of workers, another augmentation",
        section="2_randomness",
        symptom="With one seed, a run with four workers augments differently from a "
        "run with two. The order is the same.",
        seen=("runs",),
        words=(
            "reproducibility",
            "not reproducible",
            "different results with num_workers",
            "deterministic DataLoader",
        ),
        cause="Each worker has random streams of its own, and which worker makes a sample "
        "depends on how many there are.",
        fix="Seed each sample from the run's seed, the epoch and the index.",
        undetected_because="A loader has one number of workers, and it takes two to see "
        "it.",
    ),
    FailureMode(
        slug="one-generator-for-two-loaders",
        title="Two loaders draw the same order",
        section="2_randomness",
        symptom="In every epoch the same samples of two loaders meet, or looking at the "
        "validation set changes the order of training.",
        seen=("loaders",),
        words=(
            "generator shared by train and validation loader",
            "validation changes training",
            "generator seed",
        ),
        cause="The loaders have one generator, or two that were seeded alike, and every "
        "pass over a loader draws from it.",
        fix="Give each loader a generator of its own, seeded differently.",
        detected_by="compare",
    ),
    FailureMode(
        slug="next-iter-in-the-loop",
        title="Every training step gets the first batch",
        section="3_order",
        symptom="The loss falls fast, and most of the data is never seen. Without "
        "shuffling each step has the same batch.",
        seen=("number", "order"),
        words=(
            "next(iter(dataloader))",
            "same batch every step",
            "duplicate batches",
            "overfits one batch",
        ),
        cause="`next(iter(loader))` begins a new pass, and takes its first batch.",
        fix="Write `for batch in loader`; for steps in place of epochs, `next` of one"
        " iterator.",
        detected_by="lint",
    ),
    FailureMode(
        slug="itertools-cycle",
        title="From the second epoch on, the first one is played back",
        section="3_order",
        symptom="Samples, augmentations and order of all epochs are the same, and memory "
        "grows during the first.",
        seen=("epochs", "order"),
        words=(
            "itertools.cycle",
            "infinite DataLoader",
            "duplicate batches",
            "endless training loop",
            "memory grows",
        ),
        cause="`itertools.cycle(loader)` stores the batches of the first pass and "
        "repeats them.",
        fix="Iterate the loader anew for each pass, as `dejabatch.forever(loader)` "
        "does.",
        detected_by="lint",
    ),
    FailureMode(
        slug="one-iterator-per-persistent-loader",
        title="Two loops over one loader take each other's batches",
        section="3_order",
        symptom="`zip(loader, loader)` gives each batch once, to one side or the other, "
        "or a look at the first batch begins the epoch again.",
        seen=("number",),
        words=(
            "zip(loader, loader)",
            "persistent_workers",
            "nested loops",
            "two iterators",
        ),
        cause="With `persistent_workers=True` a loader has one iterator, and asking for"
        " another one begins its pass anew.",
        fix="Make two loaders for two loops.",
        detected_by="lint",
    ),
    FailureMode(
        slug="order-fixed-at-construction",
        title="The order is random, and the same in every epoch",
        section="3_order",
        symptom="Batches are mixed, but every epoch has the same ones in the same order.",
        seen=("order",),
        words=(
            "custom Sampler",
            "same order every epoch",
            "randperm in __init__",
            "shuffle not working",
        ),
        cause="The sampler draws its permutation once, when it is made.",
        fix="Draw the permutation in the sampler's `__iter__`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="sampler-repeats-indices",
        title="Some samples come several times in an epoch, and others never",
        section="3_order",
        symptom="An epoch has the right length, but some samples twice and others not at "
        "all.",
        seen=("number",),
        words=(
            "duplicate indices",
            "custom Sampler",
            "RandomSampler replacement",
            "missing samples",
        ),
        cause="The sampler yields some indices again and leaves others out.",
        fix="Yield every index once: `yield from torch.randperm(len(dataset)).tolist()`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="samples-in-both-loaders",
        title="Validation samples are in the training set, too",
        section="3_order",
        symptom="The validation score is too good, and falls on data from elsewhere.",
        seen=("loaders",),
        words=("data leakage", "train test overlap", "random_split twice", "leak"),
        cause="The two loaders were split from the data in different ways, for example "
        "with two random splits, so that some samples are in both.",
        fix="Split once, with a seeded generator, and keep the indices.",
        detected_by="compare",
    ),
    FailureMode(
        slug="one-shot-sampler",
        title="The second epoch is empty",
        section="3_order",
        symptom="The first epoch is right. From then on the loop over the loader ends at "
        "once, without an error.",
        seen=("number",),
        words=(
            "second epoch empty",
            "sampler exhausted",
            "iterator as sampler",
            "no batches after first epoch",
        ),
        cause="The sampler is an iterator or a generator, which has one pass.",
        fix="Make it a class whose `__iter__` begins again each time.",
        detected_by="audit",
    ),
    FailureMode(
        slug="sorted-without-shuffle",
        title="Each batch has samples of one class only",
        section="3_order",
        symptom="The loss jumps whenever the class changes, and the model predicts "
        "one class only.",
        seen=("order",),
        words=(
            "shuffle not working",
            "ImageFolder",
            "sorted by class",
            "one class per batch",
        ),
        cause="The dataset is sorted by class, as a folder of images is, and the loader "
        "keeps that order.",
        fix="Pass `shuffle=True` to the loader for training.",
        detected_by="audit",
    ),
    FailureMode(
        slug="class-weights-as-sample-weights",
        title="Only the first few samples are ever drawn",
        section="3_order",
        symptom="An epoch has the right length, and the same few samples again and "
        "again.",
        seen=("number",),
        words=(
            "WeightedRandomSampler",
            "class imbalance",
            "oversampling",
            "class weights",
        ),
        cause="`WeightedRandomSampler` was given one weight for each class, and wants one "
        "for each sample.",
        fix="Pass `class_weights[labels]`, the weight of each sample's class.",
        detected_by="audit",
    ),
    FailureMode(
        slug="batch-sampler-reuses-its-list",
        title="With workers, some samples come twice and others never",
        section="3_order",
        symptom="Without workers every index comes once; with workers batches are mixed "
        "up, of wrong lengths or empty.",
        seen=("number", "workers"),
        words=(
            "custom BatchSampler",
            "duplicate samples with num_workers",
            "batches mixed up",
        ),
        cause="The batch sampler changes a list that it has yielded, before the list is "
        "sent to a worker.",
        fix="Yield a new list for each batch: `yield list(batch)`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="subset-of-a-subset",
        title="A subset of a subset has the wrong samples",
        section="3_order",
        symptom="A split of a split raises an `IndexError`, or has samples of other "
        "indices, without an error.",
        seen=("values",),
        words=(
            "nested Subset",
            "random_split twice",
            "IndexError in Subset",
            "Subset indices",
        ),
        cause="The indices of a `Subset` are positions in what it is made of, here the "
        "first subset, and not in the whole dataset.",
        fix="Make the subset of the whole dataset: `Subset(dataset, indices)`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="drop-last",
        title="The loop over the loader does nothing, or misses samples",
        section="3_order",
        symptom="Epochs end at once, or have fewer samples the more workers there are.",
        seen=("number",),
        words=("drop_last", "empty DataLoader", "no batches", "missing samples"),
        cause="`drop_last=True` leaves out what fills no batch: all of a small dataset, "
        "and of an iterable one the rest of each worker.",
        fix="Keep the last batch, with `drop_last=False`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="stream-not-split-by-worker",
        title="Every sample of an IterableDataset comes once for each worker",
        section="4_streaming",
        symptom="With `num_workers=4` an epoch has four times the samples.",
        seen=("number", "workers"),
        words=(
            "IterableDataset duplicates",
            "duplicate data",
            "get_worker_info",
            "IterableDataset num_workers",
        ),
        cause="Every worker has a copy of the dataset and reads the whole stream.",
        fix="In `__iter__`, skip what belongs to the other workers, by "
        "`get_worker_info()`.",
        detected_by="audit",
    ),
    FailureMode(
        slug="split-computed-too-early",
        title="A split between workers has no effect",
        section="4_streaming",
        symptom="The dataset asks which worker it is in, and still every worker gives all"
        " samples.",
        seen=("number", "workers"),
        words=(
            "get_worker_info returns None",
            "get_worker_info in __init__",
            "IterableDataset duplicates",
        ),
        cause="`get_worker_info()` is asked in `__init__`, which runs in the main "
        "process, where it returns None.",
        fix="Ask in `__iter__`, which runs in the worker.",
        detected_by="lint",
    ),
    FailureMode(
        slug="exhausted-stream",
        title="The second epoch of an IterableDataset is empty",
        section="4_streaming",
        symptom="The first epoch is right. From then on there is no batch, and no error.",
        seen=("number",),
        words=(
            "second epoch empty",
            "IterableDataset exhausted",
            "StopIteration",
            "no batches after first epoch",
        ),
        cause="`__iter__` returns an iterator that was made before, and is at its end.",
        fix="Make a new iterator in `__iter__`, or write it as a generator.",
        detected_by="audit",
    ),
    FailureMode(
        slug="stream-not-split-by-rank",
        title="Every rank reads the same samples of an IterableDataset",
        section="4_streaming",
        symptom="Training on several GPUs is no faster than on one: an epoch has as many "
        "steps, and all ranks take the same samples.",
        seen=("ranks",),
        words=(
            "multi GPU same data",
            "DDP duplicate samples",
            "IterableDataset DDP",
            "split_dataset_by_node",
            "duplicate data",
        ),
        cause="The stream is split between a rank's workers, but not between the ranks.",
        fix="Split by rank and worker: the number of this worker among all, of how many.",
        detected_by="compare",
    ),
    FailureMode(
        slug="stream-with-fixed-shuffle",
        title="A shuffled stream has the same order in every epoch",
        section="4_streaming",
        symptom="An IterableDataset shuffles, and every epoch gives the same samples in "
        "the same order.",
        seen=("order",),
        words=(
            "IterableDataset shuffle",
            "shuffle buffer seed",
            "same order every epoch",
        ),
        cause="`__iter__` makes its generator anew from the same seed, so that each epoch "
        "shuffles alike.",
        fix="Seed the generator from the run's seed and the epoch.",
        detected_by="audit",
    ),
    FailureMode(
        slug="one-shard-per-batch",
        title="All samples of a batch come from one file",
        section="4_streaming",
        symptom="With an IterableDataset over several files, samples of a batch are "
        "neighbours in one file, often of one class.",
        seen=("order",),
        words=("WebDataset", "shards", "shuffle buffer", "interleave files"),
        cause="A batch is made by one worker, and the worker reads its files one after "
        "another.",
        fix="Read several files in turn, or hold samples back in a shuffle buffer.",
        detected_by="audit",
    ),
    FailureMode(
        slug="stale-worker-copy",
        title="A change of the dataset never reaches the workers",
        section="5_workers",
        symptom="`dataset.set_epoch`, or a new value of an attribute, has no effect while "
        "the loader's workers live.",
        seen=("effect", "epochs"),
        words=(
            "set_epoch",
            "persistent_workers",
            "dataset attribute not updated",
            "curriculum",
            "progressive resizing",
        ),
        cause="With `persistent_workers=True` each worker has a copy of the dataset, made "
        "when it was started.",
        fix="Keep the value in shared memory, as `dejabatch.SharedEpoch` does.",
        detected_by="audit",
    ),
    FailureMode(
        slug="state-lost-in-workers",
        title="What a dataset counts or caches is gone after the epoch",
        section="5_workers",
        symptom="Counters stay at 0, and a cache is empty again, as soon as "
        "`num_workers` is not 0.",
        seen=("effect",),
        words=(
            "counter stays 0",
            "cache lost",
            "dataset attribute in workers",
            "cache is not shared",
        ),
        cause="Each worker changes its own copy of the dataset, and the copy ends with the "
        "worker.",
        fix="Return it as a part of the sample, or keep it in shared memory.",
        undetected_because="A dataset that changes itself in a worker is right as long as "
        "nobody asks the main process's copy.",
    ),
    FailureMode(
        slug="worker-init-runs-once",
        title="With persistent workers, a worker_init_fn does nothing after the first epoch",
        section="5_workers",
        symptom="Seeds that `worker_init_fn` takes from the epoch stay those of the first "
        "one.",
        seen=("effect", "epochs"),
        words=("worker_init_fn", "persistent_workers", "worker_init_fn called once"),
        cause="`worker_init_fn` runs when a worker starts, and persistent workers start "
        "once.",
        fix="Do not seed by the epoch there; let workers draw on, or seed in the dataset.",
        detected_by="audit",
    ),
    FailureMode(
        slug="globals-reset-by-spawn",
        title="A global variable has its old value in the workers",
        section="5_workers",
        symptom="A setting that the program changes has no effect in the workers, on "
        "macOS, on Windows or since Python 3.14.",
        seen=("effect",),
        words=("Windows", "macOS", "spawn", "forkserver", "global variable in workers"),
        cause="Workers of the start methods spawn and forkserver import the module anew, "
        "and its globals have their first values.",
        fix="Hand the setting over as an attribute of the dataset.",
        undetected_because="Nobody can tell which of a module's values were meant to reach "
        "the workers.",
    ),
    FailureMode(
        slug="file-opened-before-fork",
        title="A file that workers share gives wrong samples",
        section="5_workers",
        symptom="Without workers every sample is right; with several, some have bytes of "
        "others, or reading the file fails.",
        seen=("values", "workers"),
        words=(
            "h5py",
            "HDF5",
            "LMDB",
            "open file in __init__",
            "file handle",
            "corrupt data with num_workers",
        ),
        cause="The dataset opened its file before the workers were forked, so that they "
        "all share one position in the file.",
        fix="Open the file in the process that reads it, and leave it out of the pickle.",
        detected_by="audit",
    ),
    FailureMode(
        slug="no-distributed-sampler",
        title="Every rank trains on the same batches",
        section="6_ranks",
        symptom="An epoch has as many steps on four GPUs as on one: every rank reads the "
        "whole dataset.",
        seen=("ranks",),
        words=(
            "DDP",
            "DistributedDataParallel",
            "DistributedSampler",
            "every GPU sees all data",
            "multi gpu same batches",
        ),
        cause="The loader has no `DistributedSampler`, so that each rank draws from the "
        "whole dataset.",
        fix="Pass `sampler=DistributedSampler(dataset)` in place of `shuffle=True`, and "
        "call its `set_epoch` before each epoch.",
        undetected_because="`audit` reads the loader of one rank, and does not know what "
        "the others read.",
        has_page=False,
    ),
    FailureMode(
        slug="no-set-epoch",
        title="With DistributedSampler, every epoch has the same order",
        section="6_ranks",
        symptom="Training on several ranks shuffles, but every epoch has the same order.",
        seen=("order", "ranks"),
        words=(
            "DistributedSampler",
            "set_epoch",
            "DDP shuffle",
            "same order every epoch",
        ),
        cause="`DistributedSampler` shuffles by its seed and its epoch, and the epoch "
        "stays 0 until `set_epoch` is called.",
        fix="Call `loader.sampler.set_epoch(epoch)` before each epoch.",
        detected_by="audit",
        has_page=False,
    ),
    FailureMode(
        slug="resume-replays-the-epoch",
        title="After a restart, training begins with the first epoch's data again",
        section="7_resume",
        symptom="A run that goes on from a checkpoint shuffles and augments as the first "
        "epoch did.",
        seen=("runs",),
        words=(
            "resume",
            "restart",
            "checkpoint",
            "continue training",
            "same data after resuming",
        ),
        cause="The program sets the same seed whenever it starts, and the epoch at which it "
        "goes on is no part of it.",
        fix="Make the order and the augmentation from the seed and the epoch, or store the "
        "states of the generators in the checkpoint and restore them.",
        undetected_because="`audit` reads one loader in one run, and does not know what an "
        "earlier run has read.",
        has_page=False,
    ),
)

FAILURE_MODES: Mapping[str, FailureMode] = MappingProxyType(
    {record.slug: record for record in _RECORDS}
)
"""Every failure mode by its slug, in the order of the site."""
