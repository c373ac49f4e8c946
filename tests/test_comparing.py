"""`compare` names what two loaders share and should not."""

import runpy

import pytest
import torch
from conftest import ROOT
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    get_worker_info,
    random_split,
)
from torch.utils.data.distributed import DistributedSampler

from dejabatch import FAILURE_MODES, compare
from dejabatch.finders import found_by
from dejabatch.state import generators as rngs

DATA = TensorDataset(torch.arange(48.0).reshape(-1, 2))


class Augmented(Dataset):
    def __init__(self):
        self.transform = torch.nn.Dropout(0.5)

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return self.transform(torch.full((8,), float(index)))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def load(dataset, **arguments):
    return DataLoader(dataset, **{"batch_size": 4, **arguments})


def slugs(a, b):
    return [(f.slug, f.severity, f.where) for f in compare(a, b).findings]


def test_halves_of_one_split_have_nothing_in_common():
    a, b = random_split(DATA, [16, 8], seeded(0))
    assert slugs(load(a, shuffle=True), load(b)) == []


class Transformed(Dataset):
    def __init__(self, samples, transform):
        self.samples, self.transform = samples, transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.transform(self.samples[index])


def noise(sample):
    return sample + torch.rand(2)


def split_then_transformed(seed_a, seed_b):
    data = list(DATA.tensors[0])
    (a, _), (_, b) = (random_split(data, [16, 8], seeded(s)) for s in (seed_a, seed_b))
    return Transformed(a, noise), Transformed(b, torch.neg)


def transformed_then_split(seed_a, seed_b):
    data = list(DATA.tensors[0])
    a, _ = random_split(Transformed(data, noise), [16, 8], seeded(seed_a))
    _, b = random_split(Transformed(data, torch.neg), [16, 8], seeded(seed_b))
    return a, b


@pytest.mark.parametrize("make", [split_then_transformed, transformed_then_split])
def test_common_indices_are_seen_through_transforms(make):
    a, b = make(0, 1)
    (finding,) = compare(load(a, shuffle=True), load(b)).findings
    assert (finding.slug, finding.severity) == ("samples-in-both-loaders", "error")
    a, b = make(0, 0)
    assert compare(load(a, shuffle=True), load(b)).findings == ()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_halves_of_two_splits_overlap(num_workers):
    (a, _), (_, b) = (random_split(DATA, [16, 8], seeded(i)) for i in (0, 1))
    report = compare(load(a, num_workers=num_workers), load(b))
    (finding,) = report.findings
    assert (finding.slug, finding.severity) == ("samples-in-both-loaders", "error")
    common = len(set(a.indices) & set(b.indices))
    assert common > 0
    assert f"{common} of the 8 indices of one dataset" in finding.evidence
    assert report.other.facts.length == 8


def test_subsets_of_subsets_are_followed():
    inner = Subset(DATA, range(4, 20))
    assert slugs(load(Subset(inner, [0, 1])), load(Subset(DATA, [2, 3]))) == []
    (found,) = slugs(load(Subset(inner, [0, 1])), load(Subset(DATA, [4, 23])))
    assert found == ("samples-in-both-loaders", "error", "dataset")


def test_equal_content_of_two_datasets_is_a_warning():
    other = TensorDataset(torch.arange(40.0, 88.0).reshape(-1, 2))
    (finding,) = compare(load(DATA), load(other)).findings
    assert (finding.slug, finding.severity) == ("samples-in-both-loaders", "warning")
    assert "4 of the 24 different samples" in finding.evidence


class Numbers(IterableDataset):
    def __init__(self, rank=0, world_size=1, start=0):
        self.numbers = range(start + rank, start + 40, world_size)

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from self.numbers[first::step]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_ranks_of_one_stream_are_named(num_workers):
    def of_rank(*arguments):
        return load(Numbers(*arguments), num_workers=num_workers)

    (finding,) = compare(of_rank(), of_rank()).findings
    assert (finding.slug, finding.severity) == ("stream-not-split-by-rank", "error")
    assert "all 40 samples" in finding.evidence
    assert compare(of_rank(0, 2), of_rank(1, 2)).findings == ()
    assert slugs(of_rank(), of_rank(0, 1, 20)) == [
        ("samples-in-both-loaders", "warning", "dataset")
    ]


def test_equal_streams_of_two_classes_are_no_ranks():
    class Others(Numbers):
        pass

    assert slugs(load(Numbers()), load(Others())) == [
        ("samples-in-both-loaders", "warning", "dataset")
    ]


@pytest.mark.parametrize(
    "mode",
    [m for m in FAILURE_MODES.values() if "compare" in found_by(m.slug) and m.has_page],
    ids=lambda mode: mode.slug,
)
def test_pages_loaders_are_named_right(mode):
    names = runpy.run_path(str(ROOT / "gallery" / mode.page), run_name="page")
    assert [f.slug for f in compare(*names["broken"]).findings] == [mode.slug]
    assert not compare(*names["fixed"]).findings


def test_transform_of_both_halves_is_named():
    a, b = random_split(Augmented(), [16, 8], seeded(0))
    (found,) = slugs(load(a), load(b))
    assert found == ("split-shares-transform", "error", "dataset.dataset.transform")
    a.dataset.transform = torch.nn.Identity()
    (found,) = slugs(load(a), load(b))
    assert found == ("split-shares-transform", "note", "dataset.dataset.transform")


@pytest.mark.parametrize(
    ("name", "named"),
    [("tfms", True), ("aug", True), ("target_transform", False), ("size", False)],
)
def test_transform_is_known_by_its_name(name, named):
    data = Augmented()
    setattr(data, name, data.__dict__.pop("transform"))
    renamed = {
        "__getitem__": lambda self, index: getattr(self, name)(torch.ones(8)) + index
    }
    data.__class__ = type("Renamed", (Augmented,), renamed)
    a, b = random_split(data, [16, 8], seeded(0))
    found = ("split-shares-transform", "error", f"dataset.dataset.{name}")
    assert slugs(load(a), load(b)) == ([found] if named else [])


class Coins(Augmented):
    def __getitem__(self, index):
        return torch.randint(2, (1,))


def test_random_samples_that_happen_to_be_equal_are_not_named():
    a, b = random_split(Coins(), [16, 8], seeded(0))
    (found,) = slugs(load(a), load(b))
    assert found[0] == "split-shares-transform"
    assert slugs(load(Coins()), load(Coins())) == []


def test_one_generator_object_is_named():
    generator = seeded(0)
    a, b = random_split(DATA, [12, 12], seeded(0))
    loaders = [load(half, shuffle=True, generator=generator) for half in (a, b)]
    (found,) = slugs(*loaders)
    assert found[0] == "one-generator-for-two-loaders"
    assert found[1] == "warning"


def test_generators_seeded_alike_draw_one_order():
    a, b = random_split(DATA, [12, 12], seeded(0))
    loaders = [load(half, shuffle=True, generator=seeded(5)) for half in (a, b)]
    (found,) = slugs(*loaders)
    assert found == ("one-generator-for-two-loaders", "error", "sampler.generator")
    loaders[1] = load(b, shuffle=True, generator=seeded(6))
    assert slugs(*loaders) == []


def test_nothing_changes_here():
    generator = seeded(0)
    a, b = random_split(DATA, [12, 12], seeded(0))
    loaders = [load(half, shuffle=True, generator=generator) for half in (a, b)]
    held = [generator, *rngs.global_rngs().values()]
    before = [rngs.digest(g) for g in held], [dict(vars(one)) for one in loaders]
    compare(*loaders)
    assert ([rngs.digest(g) for g in held], [dict(vars(o)) for o in loaders]) == before


def test_bad_argument_is_named():
    with pytest.raises(TypeError, match=r"b must be a torch\.utils\.data\.DataLoader"):
        compare(load(DATA), [1, 2])
    with pytest.raises(TypeError, match="a must be"):
        compare(lambda: load(DATA), load(DATA))
    with pytest.raises(ValueError, match="epochs must be"):
        compare(load(DATA), load(DATA), epochs=0)


def test_loaders_of_two_ranks_are_not_compared():
    loaders = [load(DATA, sampler=DistributedSampler(DATA, 2, r)) for r in range(2)]
    report = compare(*loaders)
    assert report.findings == ()
    assert "torchrun" in report.skipped["samples-in-both-loaders"]


def test_two_training_loaders_of_one_dataset_are_a_warning():
    (finding,) = compare(load(DATA, shuffle=True), load(DATA, shuffle=True)).findings
    assert (finding.slug, finding.severity) == ("samples-in-both-loaders", "warning")
    assert "right if both are for training" in finding.evidence


class OwnRows(Dataset):
    """Noise, on rows of its own."""

    def __init__(self, seed, *, augment):
        self.rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(seed))
        self.labels = [0, 1] * 20
        self.augment = augment

    def __len__(self):
        return 40

    def __getitem__(self, index):
        noise = torch.rand(3) if self.augment else 0
        return self.rows[index] + noise, self.labels[index]


@pytest.mark.parametrize(
    ("other_seed", "common"), [(0, "10 of the 20 indices"), (1, None)]
)
def test_indices_of_two_datasets_with_the_same_data_are_those_of_one(
    other_seed, common
):
    train = Subset(OwnRows(0, augment=True), range(30))
    val = Subset(OwnRows(other_seed, augment=False), range(20, 40))
    report = compare(DataLoader(train), DataLoader(val))
    found = [f.evidence for f in report.findings if f.slug == "samples-in-both-loaders"]
    assert len(found) == (common is not None)
    assert not found or found[0].startswith(common)
