"""Failure modes of section 3_order: the order repeats."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="next-iter-in-the-loop",
        title="next(iter(dataloader)) returns the first batch at every step",
        section="3_order",
        symptom="The loss falls fast, and most of the data is never seen. Without "
        "shuffling, every step gets the same batch.",
        seen=("number", "order"),
        words=(
            "next(iter(dataloader))",
            "same batch every step",
            "duplicate batches",
            "overfits one batch",
            "loss stuck on one batch",
            "while True training loop",
            "steps instead of epochs",
            "StopIteration after one epoch",
            "iterator ends after one epoch",
        ),
        cause="`next(iter(loader))` starts a new pass over the data and takes its "
        "first batch.",
        fix="Write `for batch in loader`; to count steps, call `next` on an iterator "
        "that starts a new pass after each epoch.",
    ),
    FailureMode(
        slug="itertools-cycle",
        title="itertools.cycle(dataloader) repeats the first epoch",
        section="3_order",
        symptom="Every epoch has the same order and the same augmented samples, and "
        "memory grows during the first epoch.",
        seen=("epochs", "order"),
        words=(
            "itertools.cycle",
            "infinite DataLoader",
            "duplicate batches",
            "endless training loop",
            "memory grows",
            "infinite training loop",
            "CPU memory grows",
        ),
        cause="`itertools.cycle(loader)` stores every batch of the first epoch and "
        "replays the stored batches.",
        fix="Start a new pass over the loader for each epoch, as "
        "`dejabatch.forever(loader)` does.",
    ),
    FailureMode(
        slug="one-iterator-per-persistent-loader",
        title="Two loops over one persistent loader take each other's batches",
        section="3_order",
        symptom="`zip(loader, loader)` gives each batch to one side only, and looking "
        "at the first batch restarts the epoch.",
        seen=("number",),
        words=(
            "zip(loader, loader)",
            "persistent_workers",
            "nested loops",
            "two iterators",
            "Lightning val_check_interval",
        ),
        cause="With `persistent_workers=True`, a loader has a single iterator, which "
        "every `iter(loader)` restarts.",
        fix="Create one loader for each loop.",
    ),
    FailureMode(
        slug="loader-repeats-batches",
        title="Custom DataLoader yields the same batch several times",
        section="3_order",
        symptom="A subclass or wrapper of the DataLoader delivers the same batches again, "
        "although the sampler draws new indices.",
        seen=("number", "order"),
        words=(
            "DataLoader subclass __iter__",
            "cached batches",
            "same batch repeated",
            "prefetcher returns the same batch",
        ),
        cause="The loader's own `__iter__` keeps a batch, and yields it again.",
        fix="Yield from `super().__iter__()` in the loader's `__iter__`.",
    ),
    FailureMode(
        slug="order-fixed-at-construction",
        title="The shuffled order is the same in every epoch",
        section="3_order",
        symptom="Batches are mixed, but every epoch has the same batches in the same "
        "order.",
        seen=("order",),
        words=(
            "custom Sampler",
            "same order every epoch",
            "randperm in __init__",
            "shuffle not working",
        ),
        cause="The sampler draws its permutation once, when it is created.",
        fix="Draw the permutation in the sampler's `__iter__`.",
    ),
    FailureMode(
        slug="sampler-repeats-indices",
        title="Some samples repeat in an epoch and others are missing",
        section="3_order",
        symptom="An epoch has the right length, but some samples come twice and "
        "others never.",
        seen=("number",),
        words=(
            "duplicate indices",
            "custom Sampler",
            "RandomSampler replacement",
            "missing samples",
        ),
        cause="The sampler yields some indices more than once and never yields others.",
        fix="Yield every index once: `yield from "
        "torch.randperm(len(dataset)).tolist()`.",
    ),
    FailureMode(
        slug="samples-in-both-loaders",
        title="Validation samples are in the training set",
        section="3_order",
        symptom="The validation score is much better than the score on new data.",
        seen=("loaders",),
        words=(
            "data leakage",
            "train test overlap",
            "random_split twice",
            "leak",
            "validation accuracy too high",
            "resplit after restart",
        ),
        cause="Two different splits of the data, such as two unseeded random splits, "
        "put some samples in both loaders.",
        fix="Split once, with a seeded generator, and store the indices.",
    ),
    FailureMode(
        slug="one-shot-sampler",
        title="The second epoch is empty",
        section="3_order",
        symptom="The first epoch is right. Every later epoch ends at once, without an "
        "error.",
        seen=("number",),
        words=(
            "second epoch empty",
            "sampler exhausted",
            "iterator as sampler",
            "no batches after first epoch",
        ),
        cause="The sampler is a generator or another iterator, which can be read only "
        "once.",
        fix="Use a sampler class whose `__iter__` starts a new pass each time.",
    ),
    FailureMode(
        slug="sorted-without-shuffle",
        title="Every batch contains only one class",
        section="3_order",
        symptom="The loss jumps whenever the class changes, and the model predicts a "
        "single class.",
        seen=("order",),
        words=(
            "shuffle not working",
            "ImageFolder",
            "sorted by class",
            "one class per batch",
            "loss oscillates",
            "shuffle=False",
            "accuracy stuck",
        ),
        cause="The dataset is sorted by class, as `ImageFolder` is, and the loader "
        "keeps the dataset's order.",
        fix="Pass `shuffle=True` to the training loader.",
    ),
    FailureMode(
        slug="shuffle-of-a-copy",
        title="random.shuffle has no effect on the order",
        section="3_order",
        symptom="You shuffle a list of samples, and the list keeps its order.",
        seen=("order", "effect"),
        words=(
            "random.shuffle",
            "shuffle a slice",
            "shuffle a part of a list",
            "shuffle not working",
        ),
        cause="`random.shuffle(samples[:100])` shuffles the slice, which is a copy, "
        "and drops the copy.",
        fix="Draw the new order instead: `samples[:100] = random.sample(samples[:100], "
        "100)`.",
        has_page=False,
    ),
    FailureMode(
        slug="class-weights-as-sample-weights",
        title="WeightedRandomSampler draws only the first few samples",
        section="3_order",
        symptom="An epoch has the right length but repeats the same few samples.",
        seen=("number",),
        words=(
            "WeightedRandomSampler",
            "class imbalance",
            "oversampling",
            "class weights",
            "imbalanced classes",
            "only two samples drawn",
        ),
        cause="`WeightedRandomSampler` got one weight for each class but needs one "
        "weight for each sample.",
        fix="Pass `class_weights[labels]`, which holds the weight of each sample's "
        "class.",
    ),
    FailureMode(
        slug="batch-sampler-reuses-its-list",
        title="A custom batch sampler repeats and loses samples with workers",
        section="3_order",
        symptom="Without workers every index comes once; with workers batches are "
        "mixed up, too short, too long or empty.",
        seen=("number", "workers"),
        words=(
            "custom BatchSampler",
            "duplicate samples with num_workers",
            "batches mixed up",
        ),
        cause="The batch sampler changes a list after yielding it, before the loader "
        "has sent the list to a worker.",
        fix="Yield a new list for each batch: `yield list(batch)`.",
    ),
    FailureMode(
        slug="subset-of-a-subset",
        title="Subset of a Subset returns the wrong samples",
        section="3_order",
        symptom="A split of a split raises an `IndexError`, or returns other samples "
        "without an error.",
        seen=("values",),
        words=(
            "nested Subset",
            "random_split twice",
            "IndexError in Subset",
            "Subset indices",
            "wrong labels",
            "cross validation",
        ),
        cause="The indices of a `Subset` are positions in the dataset that it wraps, "
        "here another `Subset`.",
        fix="Take the subset of the whole dataset: `Subset(dataset, indices)`.",
    ),
    FailureMode(
        slug="drop-last",
        title="With drop_last=True, the DataLoader is empty or loses samples",
        section="3_order",
        symptom="The loop over the loader does nothing, or an epoch loses more "
        "samples the more workers you use.",
        seen=("number",),
        words=("drop_last", "empty DataLoader", "no batches", "missing samples"),
        cause="`drop_last=True` drops every batch that is not full, and each worker "
        "of an iterable dataset drops its own.",
        fix="Keep the last batch: pass `drop_last=False`.",
    ),
)
