"""Failure modes of section 1_sample: the sample itself is the same."""

from dejabatch.catalogue.record import FailureMode

RECORDS = (
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
)
