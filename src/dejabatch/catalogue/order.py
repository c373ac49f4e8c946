"""Failure modes of section 3_order: the order repeats."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
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
)
