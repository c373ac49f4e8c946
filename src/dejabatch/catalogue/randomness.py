"""Failure modes of section 2_randomness: random numbers repeat."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="rng-object-on-dataset",
        title="Every worker applies the same augmentation",
        section="2_randomness",
        symptom="All workers apply the same random crops and flips, and every epoch "
        "repeats them.",
        seen=("workers", "epochs"),
        words=(
            "duplicate augmentations",
            "numpy default_rng in a dataset",
            "Generator in __init__",
            "np.random.RandomState",
            "random.Random",
            "identical augmentation across workers",
            "same random rotation angle",
            "detectron2",
            "same images from every worker",
            "Hugging Face Trainer worker_init_fn",
        ),
        cause="Every worker gets a copy of the random generator on the dataset or "
        "transform, and nothing reseeds the copies.",
        fix="Draw from torch's global generator, which torch seeds in every worker, "
        "or rebuild your generator in `worker_init_fn` from `get_worker_info().seed`.",
    ),
    FailureMode(
        slug="numpy-global-before-1-9",
        title="All workers draw the same NumPy random numbers",
        section="2_randomness",
        symptom="With torch 1.8 or older, several workers return the same random images. "
        "Or you read that `worker_init_fn` must seed NumPy.",
        seen=("workers",),
        words=(
            "NumPy random seed",
            "np.random.randint in __getitem__",
            "NumPy random workers same",
            "identical random numbers",
            "same random numbers in each batch",
            "Cutout",
            "identical augmentation across workers",
            "NumPy random same between workers",
            "same images with several workers",
        ),
        cause="Before torch 1.9, every forked worker inherited the `np.random` state "
        "of the main process. Since 1.9, torch also seeds `np.random` in every "
        "worker.",
        fix="Use torch 1.9 or newer, and reset `np.random` nowhere in the workers. "
        "Before 1.9, call `np.random.seed(torch.initial_seed() % 2**32)` in "
        "`worker_init_fn`.",
        until="torch 1.9",
    ),
    FailureMode(
        slug="get-state-recipe",
        title="np.random.get_state() in worker_init_fn repeats every epoch",
        section="2_randomness",
        symptom="With `np.random.seed(np.random.get_state()[1][0] + worker_id)` in "
        "`worker_init_fn`, the workers differ, but every epoch repeats the first "
        "epoch.",
        seen=("epochs", "runs"),
        words=("np.random.get_state", "worker seed", "recommended worker_init_fn"),
        cause="Since torch 1.9, `np.random.get_state()[1][0]` is 2147483648 in every "
        "worker, so every epoch seeds NumPy with the same numbers.",
        fix="Delete the recipe: torch 1.9 and newer seed `np.random` in every worker.",
    ),
    FailureMode(
        slug="constant-worker-seed",
        title="Workers draw the same numbers despite worker_init_fn",
        section="2_randomness",
        symptom="You added `worker_init_fn`, and now every worker applies the same "
        "augmentations.",
        seen=("workers", "epochs", "runs"),
        words=(
            "worker seed",
            "worker_init_fn",
            "np.random.seed(42)",
            "same seed in every worker",
            "seed_everything",
            "set_seed",
            "pl.seed_everything",
        ),
        cause="`worker_init_fn` seeds every worker with the same number.",
        fix="Delete `worker_init_fn`, or seed from `torch.initial_seed() % 2**32`, "
        "which differs in each worker and changes each time workers start.",
    ),
    FailureMode(
        slug="worker-seed-without-epoch",
        title="Augmentations repeat every epoch despite worker_init_fn",
        section="2_randomness",
        symptom="The workers differ, but each worker repeats its first epoch in every "
        "later epoch.",
        seen=("epochs", "runs"),
        words=(
            "worker seed",
            "worker_init_fn",
            "np.random.seed(worker_id)",
            "same augmentation every epoch",
            "same augmentation in each epoch",
            "timm",
        ),
        cause="`worker_init_fn` seeds each worker with a number that ignores the "
        "epoch, such as `worker_id`.",
        fix="Delete `worker_init_fn`, or seed from `torch.initial_seed() % 2**32`, "
        "which differs in each worker and changes each time workers start.",
    ),
    FailureMode(
        slug="reseed-in-getitem",
        title="All samples get the same augmentation, and shuffling stops",
        section="2_randomness",
        symptom="Every sample of every epoch gets the same crop. Without workers, the "
        "shuffled order repeats, too.",
        seen=("batch", "epochs", "order"),
        words=(
            "segmentation mask",
            "mask does not match image",
            "same transform for image and mask",
            "manual_seed in __getitem__",
            "manual_seed in collate_fn",
            "RandomState(42) in __getitem__",
            "paired transforms",
        ),
        cause="`__getitem__`, `collate_fn` or a transform seeds a random generator with "
        "a constant, "
        "often to crop an image and its mask together.",
        fix="Delete the seed. Wrap the pair as `tv_tensors.Image` and "
        "`tv_tensors.Mask`, and pass both to one call of a "
        "`torchvision.transforms.v2` transform.",
    ),
    FailureMode(
        slug="seed-in-constructor",
        title="Creating the dataset resets the random seed",
        section="2_randomness",
        symptom="Every run shuffles and augments in the same way, although you set "
        "another seed or none.",
        seen=("runs",),
        words=(
            "random.seed in __init__",
            "torch.manual_seed in a dataset",
            "np.random.seed in a dataset",
            "same random numbers in every run",
            "dataset sets the global seed",
        ),
        cause="The constructor of the dataset or sampler seeds a global random "
        "generator with a constant.",
        fix="Use a generator of its own in the constructor, such as "
        "`random.Random(seed)` or `np.random.default_rng(seed)`.",
    ),
    FailureMode(
        slug="reseed-every-epoch",
        title="DataLoader shuffles in the same order every epoch",
        section="2_randomness",
        symptom="Samples are shuffled, but every epoch repeats the first epoch's "
        "order.",
        seen=("order", "epochs"),
        words=(
            "shuffle not working",
            "same order every epoch",
            "manual_seed in the training loop",
            "seed_everything",
            "seed_everything in each epoch",
            "set_seed",
            "same batches every epoch",
        ),
        cause="Before each epoch, your code reseeds the generator that draws the "
        "order.",
        fix="Seed once, before the first epoch.",
    ),
    FailureMode(
        slug="default-torch-generator",
        title="Every run shuffles in the same order without a seed",
        section="2_randomness",
        symptom="You set no seed, but the first batch has the same samples in every "
        "run of your program.",
        seen=("runs",),
        words=(
            "torch.Generator",
            "generator seed",
            "generator without a seed",
            "same shuffle in every run",
            "shuffle=True has the same order in every run",
            "script sets a seed",
        ),
        cause="`torch.Generator()` always starts from one fixed seed, while torch's "
        "global generator starts from a new seed in each run.",
        fix="Remove `generator=`, or call the generator's `seed()`.",
    ),
    FailureMode(
        slug="library-holds-its-own-rng",
        title="A library's random transforms repeat in every worker",
        section="2_randomness",
        symptom="You use a library's random transforms and no generator of your own. "
        "Every worker applies the same transforms, and every epoch repeats them.",
        seen=("workers", "epochs"),
        words=(
            "Albumentations",
            "MONAI",
            "torchio",
            "imgaug",
            "random state of a library",
            "AlbumentationsX",
            "same augmentation in every worker",
            "random transforms repeat",
            "identical augmentation at each batch position",
            "Compose",
        ),
        cause="The library keeps random generators in its transforms. Every worker "
        "gets a copy, and nothing reseeds the copies.",
        fix="With MONAI, use `monai.data.DataLoader`. With another library, pass "
        "`worker_init_fn=dejabatch.seed_worker`, or call the library's own method there.",
    ),
    FailureMode(
        slug="opencv-rng",
        title="All workers draw the same OpenCV random numbers",
        section="2_randomness",
        symptom="`cv2.randn` and `cv2.randu` return the same numbers in every worker, "
        "epoch and run.",
        seen=("workers", "epochs", "runs"),
        words=("cv2", "cv2.setRNGSeed", "cv2.theRNG"),
        cause="OpenCV starts its own random generator from a constant in every "
        "process, and PyTorch does not seed that generator.",
        fix="Call `cv2.setRNGSeed(torch.initial_seed() % 2**31)` in `worker_init_fn`.",
    ),
    FailureMode(
        slug="rng-in-collate",
        title="A random collate_fn repeats in every worker",
        section="2_randomness",
        symptom="MixUp, padding or masking in `collate_fn` is random, but every "
        "worker and every epoch repeats the same draws.",
        seen=("workers", "epochs"),
        words=(
            "MixUp",
            "CutMix",
            "masking tokens",
            "random collate_fn",
            "data collator",
        ),
        cause="`collate_fn` holds a random generator, and every worker gets a copy in "
        "the same state.",
        fix="Draw from torch's global generator, which torch seeds in every worker.",
    ),
    FailureMode(
        slug="seeds-equal-in-32-bits",
        title="Different torch seeds draw the same random numbers",
        section="2_randomness",
        symptom="Your workers have different seeds in every epoch, but torch draws "
        "the same numbers, as with Lightning 2.4 to 2.6.0 and "
        "`seed_everything(workers=True)`.",
        seen=("epochs", "ranks"),
        words=(
            "64-bit seed",
            "seed overflow",
            "SeedSequence",
            "large seeds",
            "Lightning seed_everything workers=True",
            "same augmentation every epoch",
        ),
        cause="The seeds differ only in their high 32 bits, and torch's CPU generator "
        "uses only the low 32 bits.",
        fix="Mix all bits of the seed into 32 bits with `numpy.random.SeedSequence`. With "
        "Lightning 2.4 to 2.6.0, upgrade to Lightning 2.6.1.",
    ),
    FailureMode(
        slug="seeds-next-to-each-other",
        title="Ranks or runs with different seeds share augmentations",
        section="2_randomness",
        symptom="Two ranks share some augmentations, or runs with the seeds 42 and 43 "
        "share most of them.",
        seen=("ranks", "runs"),
        words=(
            "seed + rank",
            "seed + worker_id",
            "DDP duplicate augmentations",
            "consecutive seeds",
            "same augmentation on every GPU",
            "seed of each rank",
        ),
        cause="Sums such as `seed + rank + worker_id` collide: seed 42 on rank 1 "
        "equals seed 43 on rank 0.",
        fix="Mix the numbers instead of adding them: "
        "`np.random.SeedSequence([torch.initial_seed(), rank, worker_id])`.",
        undetected_because="A loader shows one rank of one run; `check_seeding` "
        "compares many.",
    ),
    FailureMode(
        slug="workers-change-the-augmentation",
        title="Changing num_workers changes the random augmentations",
        section="2_randomness",
        symptom="Two runs with the same seed and different `num_workers` have the "
        "same order, but different augmentations.",
        seen=("runs",),
        words=(
            "reproducibility",
            "not reproducible",
            "different results with num_workers",
            "deterministic DataLoader",
            "different loss with num_workers",
            "seed_everything",
            "different output with the same seed",
        ),
        cause="Each worker has its own random stream, and `num_workers` decides which "
        "worker makes a sample.",
        fix="Seed each sample from the run's seed, the epoch and the index.",
        undetected_because="A loader has one `num_workers`; the failure shows between "
        "two values.",
    ),
    FailureMode(
        slug="one-generator-for-two-loaders",
        title="Two DataLoaders shuffle in the same order",
        section="2_randomness",
        symptom="Two loaders pair the same samples in every epoch, or reading the "
        "validation set changes the order of training.",
        seen=("loaders",),
        words=(
            "generator shared by train and validation loader",
            "validation changes training",
            "generator seed",
            "validation loop changes training loss",
        ),
        cause="Both loaders draw from one generator, or from two generators with the "
        "same seed.",
        fix="Give each loader its own generator with a different seed.",
    ),
)
