"""Failure modes of section 1_sample: the dataset returns the same sample."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
    FailureMode(
        slug="getitem-ignores-index",
        title="DataLoader returns the same sample for every index",
        section="1_sample",
        symptom="Every row of every batch is the same. Shuffling or changing "
        "`num_workers` does not help.",
        seen=("batch",),
        words=(
            "all samples identical",
            "same features for every sample",
            "DataLoader always returns the same data",
            "duplicates",
            "model output is the same for every input",
            "loss does not decrease",
        ),
        cause="`__getitem__` ignores its index and returns the same stored sample "
        "every time.",
        fix="Look up the sample by its index: `return self.features[index]`.",
    ),
    FailureMode(
        slug="stateful-cursor",
        title="DataLoader with num_workers > 1 duplicates some samples and skips "
        "others",
        section="1_sample",
        symptom="With `num_workers=0`, every sample comes once. With two workers, half "
        "of the samples come twice and the other half never.",
        seen=("number", "workers"),
        words=(
            "duplicate samples with num_workers",
            "every sample twice",
            "iterator or counter in __getitem__",
            "duplicates",
            "data right with num_workers=0",
            "workers duplicate and drop batches",
        ),
        cause="`__getitem__` counts its calls instead of using the index, and each "
        "worker has its own counter.",
        fix="Use the index: `return self.features[index]`.",
    ),
    FailureMode(
        slug="reused-buffer",
        title="All samples in a batch are copies of the last sample",
        section="1_sample",
        symptom="All rows of a batch are the same: each row is the last sample of the "
        "batch.",
        seen=("batch",),
        words=(
            "all rows of a batch identical",
            "list of references to one array",
            "preallocated array",
        ),
        cause="The dataset overwrites one buffer for each sample and returns the same "
        "object every time.",
        fix="Return a copy: `return self.buffer.clone()`.",
    ),
    FailureMode(
        slug="inplace-edit-of-stored-data",
        title="Dataset samples change every epoch without augmentation",
        section="1_sample",
        symptom="The same index returns different features in every epoch, although no "
        "transform is random.",
        seen=("values",),
        words=(
            "dataset modified in place",
            "normalized twice",
            "features drift from epoch to epoch",
        ),
        cause="`__getitem__` edits the stored data in place, so the next epoch starts "
        "from edited data.",
        fix="Edit a copy: `x = self.features[index].clone()`.",
    ),
    FailureMode(
        slug="augmented-once",
        title="Random augmentation is the same every epoch, even with num_workers=0",
        section="1_sample",
        symptom="Samples are augmented, but each sample has the same augmentation in "
        "every epoch.",
        seen=("epochs",),
        words=(
            "augmentation in __init__",
            "random transform applied once",
            "augmentation not random",
            "random augmentations are not random",
        ),
        cause="The random numbers are drawn once, when the dataset or the transform is "
        "created.",
        fix="Draw the random numbers in `__getitem__`, which runs for each sample in "
        "each epoch.",
    ),
    FailureMode(
        slug="cached-augmentation",
        title="Cached dataset returns the same augmentation in every epoch",
        section="1_sample",
        symptom="The first epoch crops each sample at random. Every later epoch "
        "repeats the crops of the first epoch.",
        seen=("epochs",),
        words=("lru_cache", "cached dataset", "cache after transform", "joblib Memory"),
        cause="A cache stores the result of the random transform and returns the "
        "stored result in later epochs.",
        fix="Cache the image that is read from disk, and apply the random transform "
        "after the cache.",
    ),
    FailureMode(
        slug="collate-repeats-one-sample",
        title="Custom collate_fn repeats one sample in the whole batch",
        section="1_sample",
        symptom="`dataset[i]` differs for each index, but all rows of a batch are the "
        "same.",
        seen=("batch", "values"),
        words=(
            "duplicate samples in a batch",
            "custom collate_fn",
            "batch of identical samples",
        ),
        cause="`collate_fn` uses one sample of its list for every row.",
        fix="Use each sample in turn: `torch.stack([x for x, _ in batch])`.",
    ),
    FailureMode(
        slug="error-fallback-sample",
        title="The same sample appears in almost every batch",
        section="1_sample",
        symptom="One image comes many times in an epoch, although the sampler draws "
        "each index once.",
        seen=("number",),
        words=(
            "try except in __getitem__",
            "corrupt images",
            "missing files",
            "duplicate image",
            "truncated image",
            "broken files",
            "duplicates",
        ),
        cause="`__getitem__` catches every error and returns a fallback sample, which "
        "hides broken files.",
        fix="Find the broken files once before training and leave them out, or let the "
        "error stop the program.",
    ),
    FailureMode(
        slug="indices-share-a-sample",
        title="Dataset returns the same sample under different indices",
        section="1_sample",
        symptom="The sampler draws each index once, and yet some samples come several "
        "times in an epoch.",
        seen=("number",),
        words=(
            "duplicate samples",
            "list of references to one object",
            "same data for different indices",
            "augmented copies are identical",
        ),
        cause="Several indices lead to one stored sample: a list holds one object "
        "several times, or an index is computed wrongly.",
        fix="Store a copy for each index: `samples.append(copy.deepcopy(sample))`.",
    ),
    FailureMode(
        slug="split-shares-transform",
        title="random_split uses the same transform for training and validation",
        section="1_sample",
        symptom="The validation set is augmented too, or the training set is no longer "
        "augmented.",
        seen=("loaders", "effect"),
        words=(
            "random_split transform",
            "different transforms for train and validation",
            "validation set augmented",
            "Subset transform",
            "validation is augmented after random_split",
            "validation loss changes",
            "training augmentation on validation data",
        ),
        cause="Both halves of `random_split` share one dataset, and the transform "
        "belongs to the dataset.",
        fix="Create two datasets with their own transforms, shuffle the indices once, "
        "and give each dataset its part.",
    ),
    FailureMode(
        slug="one-draw-for-the-whole-batch",
        title="All images in a batch get the same random crop",
        section="1_sample",
        symptom="All images of a batch are cropped and flipped in the same way. The "
        "next batch gets a different crop.",
        seen=("batch",),
        words=(
            "same crop",
            "batch transform",
            "same random transform for the whole batch",
            "augmentation on the GPU",
            "Kornia",
            "same flip for all images",
            "GPU augmentation",
            "same_on_batch",
            "RandomResizedCrop at the same location",
        ),
        cause="Most torchvision transforms draw random parameters once per call, and "
        "each call here gets a whole batch.",
        fix="Call the transform once for each sample, in the dataset's `__getitem__`.",
    ),
    FailureMode(
        slug="transform-that-does-nothing",
        title="Random transform has no effect",
        section="1_sample",
        symptom="A random transform is set, but the images come out unchanged.",
        seen=("effect",),
        words=(
            "RandomCrop has no effect",
            "augmentation does not work",
            "no augmentation",
            "ColorJitter",
            "transform has no effect",
            "images not augmented",
        ),
        cause="The arguments leave no room for change: a crop of the image's own size, "
        "`p=0`, or no colour range.",
        fix="Set arguments that allow a change, such as `RandomCrop(size, padding=4)`, "
        "`p=0.5` or `ColorJitter(brightness=0.4)`.",
    ),
    FailureMode(
        slug="getitems-bypass",
        title="Transform works for dataset[i] but not for DataLoader batches",
        section="1_sample",
        symptom="`dataset[0]` is transformed, but the batches of the DataLoader "
        "contain the original samples.",
        seen=("values", "effect"),
        words=(
            "__getitems__",
            "transform not applied",
            "wrapper dataset",
            "__getattr__",
        ),
        cause="The DataLoader prefers `__getitems__` to `__getitem__`, and an "
        "inherited or forwarded `__getitems__` skips the transform.",
        fix="Give the wrapper its own `__getitems__`: `return [self[i] for i in "
        "indices]`.",
    ),
    FailureMode(
        slug="wrong-length",
        title="Every sample appears several times in one epoch",
        section="1_sample",
        symptom="An epoch takes longer than it should, and the same samples return "
        "under other indices.",
        seen=("number",),
        words=(
            "__len__",
            "duplicate samples in an epoch",
            "epoch too long",
            "modulo index",
        ),
        cause="`__len__` is larger than the number of samples, and `__getitem__` wraps "
        "around at the end.",
        fix="Return the number of samples: `return len(self.features)`.",
    ),
    FailureMode(
        slug="error-in-a-later-epoch",
        title="The DataLoader raises an error in the second epoch or after some batches",
        section="1_sample",
        symptom="The first batches are right. A later batch or the next epoch raises an "
        "error, such as `KeyError` or `IndexError`.",
        seen=("number",),
        words=(
            "KeyError in second epoch",
            "IndexError after some batches",
            "Caught KeyError in DataLoader worker process",
            "crash after first epoch",
            "corrupt sample",
            "pop",
        ),
        cause="`__getitem__` removes a part of the stored sample, as `row.pop('label')` "
        "does, or one stored sample is broken.",
        fix="Go to the line that the finding names: copy what is stored before you change "
        "it, and repair or leave out the sample that cannot be read.",
        has_page=False,
    ),
)
