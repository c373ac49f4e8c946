"""Failure modes of section 2_randomness: the random numbers are the same."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
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
)
