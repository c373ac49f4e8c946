"""`audit` reads the loaders of real libraries, and diagnoses their real failures.

Every loader gets a dataset with a generator of its own, which is to be named, and one
that draws from NumPy's global generator, about which nothing is to be said.
"""

import functools
import random
import warnings

import numpy as np
import pytest
import torch
from green_runs import slow_audit
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from dejabatch import Expect, audit
from dejabatch.observe.spy import observe

# Their deprecations are their own. Importing must not fail on them.
pytestmark = pytest.mark.filterwarnings("default")
OPTIONS = {"batch_size": 3, "shuffle": True, "num_workers": 2}


class Stored(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng()

    def __len__(self):
        return 24

    def draw(self):
        return self.rng.random()

    def __getitem__(self, index):
        return torch.full((3,), index * self.draw())


class Global(Stored):
    def draw(self):
        return np.random.random()


def plain(dataset):
    return DataLoader(dataset, **OPTIONS)


def torchdata_stateful(dataset):
    from torchdata.stateful_dataloader import StatefulDataLoader

    return StatefulDataLoader(dataset, **OPTIONS)


def accelerate_prepared(dataset):
    from accelerate import Accelerator

    return Accelerator(cpu=True).prepare(plain(dataset))


def fabric_wrapped(dataset):
    from lightning.fabric import Fabric

    return Fabric(accelerator="cpu", devices=1).setup_dataloaders(plain(dataset))


def monai_loader(dataset):
    from monai.data import DataLoader as MonaiDataLoader

    return MonaiDataLoader(dataset, **OPTIONS)


def timm_with_its_own_iterator(dataset):
    from timm.data.loader import MultiEpochsDataLoader

    return MultiEpochsDataLoader(dataset, **OPTIONS)


def webdataset_loader(dataset):
    from webdataset import WebLoader

    return WebLoader(dataset, **OPTIONS)


def torch_geometric_loader(dataset):
    from torch_geometric.data import Data
    from torch_geometric.loader import DataLoader as GraphLoader

    dataset.__class__ = type("Graphs", (type(dataset),), {"__getitem__": graph(Data)})
    return GraphLoader(dataset, **OPTIONS)


def graph(data):
    def __getitem__(self, index):
        edges = torch.tensor([[0, 1], [1, 2]])
        return data(x=torch.full((3, 2), index * self.draw()), edge_index=edges)

    return __getitem__


def batches_of_a_tokenizer(dataset):
    from transformers import BatchEncoding

    def collate(rows):
        return BatchEncoding({"x": default_collate(rows)})

    return DataLoader(dataset, **OPTIONS, collate_fn=collate)


class Endless:
    """Repeats a batch sampler, as the loader of ultralytics does."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        while True:
            yield from self.batches


class Infinite(DataLoader):
    """Has one iterator for all epochs."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        object.__setattr__(self, "batch_sampler", Endless(self.batch_sampler))
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler.batches)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)


def ultralytics_form(dataset):
    return Infinite(dataset, **OPTIONS)


LOADERS = pytest.mark.parametrize(
    "wrap",
    [
        plain,
        torchdata_stateful,
        accelerate_prepared,
        fabric_wrapped,
        monai_loader,
        timm_with_its_own_iterator,
        webdataset_loader,
        torch_geometric_loader,
        batches_of_a_tokenizer,
        ultralytics_form,
    ],
    ids=lambda wrap: wrap.__name__,
)


def audited(make):
    """Audit with the library's own warnings left alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return audit(make())


@LOADERS
def test_stored_generator_is_named_through_any_loader(wrap):
    (finding,) = audited(lambda: wrap(Stored())).findings
    assert finding.slug == "rng-object-on-dataset"
    assert finding.where == "dataset.rng"


@LOADERS
def test_healthy_dataset_is_met_with_silence_in_any_loader(wrap):
    report = audited(lambda: wrap(Global()))
    assert report.ok, str(report)
    assert report.observation.error is None


def test_epoch_of_an_endless_iterator_is_what_the_class_takes_of_it():
    loader = Infinite(Global(), **OPTIONS)
    seen = observe(lambda: loader, max_batches=20)
    assert [sorted(order) for order in seen.orders()] == [list(range(24))] * 2
    assert all(end.complete for end in seen.ends)


@pytest.mark.filterwarnings("ignore")
def test_prefetching_loader_is_read_by_its_dataloader():
    from timm.data.loader import PrefetchLoader

    images = torch.randint(0, 255, (24, 3, 4, 4), dtype=torch.uint8)
    dataset = TensorDataset(images, torch.arange(24))
    batches = PrefetchLoader(plain(dataset), device=torch.device("cpu"))
    report = audit(batches)
    assert report.incomplete is None
    assert report.observation.facts.data_loader
    assert len(report.observation.fetches) == 2 * len(batches)


class Alternating:
    """An iterable of the batches of two loaders in turn."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def __iter__(self):
        for pair in zip(self.first, self.second, strict=True):
            yield from pair


def test_loader_of_which_only_batches_are_seen_names_the_one_to_audit():
    loaders = [plain(TensorDataset(torch.arange(24.0))) for _ in range(2)]
    report = audit(Alternating(*loaders))
    assert report.incomplete == (
        "only the batches of test_auditing_libraries.Alternating were seen; audit its "
        "DataLoader, which is loader.first"
    )
    assert not report.ok
    assert audit(loaders[0]).incomplete is None


class ResetByTheLoop:
    """Gives batches as the iterators of DALI do: a pass ends until `reset` is called."""

    def __init__(self, *, auto_reset=False, seed=None):
        self.auto_reset, self.seed = auto_reset, seed
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self):
        if self.seed is not None:
            self.rng = np.random.default_rng(self.seed)
        self.left = [*self.rng.permutation(24).reshape(8, 3)]

    def __iter__(self):
        return self

    def __next__(self):
        if self.left:
            rows = torch.tensor(self.left.pop())
            return [{"data": rows + self.rng.random(), "label": rows}]
        if self.auto_reset:
            self.reset()
        raise StopIteration


@pytest.mark.parametrize("auto_reset", [False, True])
def test_iterator_with_reset_is_read_for_two_epochs(auto_reset):
    batches = ResetByTheLoop(auto_reset=auto_reset)
    next(batches)
    report = audit(batches)
    assert report.findings == (), str(report)
    read = [fetch.epoch for fetch in report.observation.fetches]
    assert (read.count(0), read.count(1)) == (7, 8)
    assert report.incomplete.startswith("only the batches of ")
    assert report.incomplete.endswith("makes them, if there is one")
    assert len(batches.left) == 7


def test_iterator_that_is_reset_to_one_order_is_told():
    def make_batches():
        return ResetByTheLoop(seed=0)

    slug = "stream-with-fixed-shuffle"
    assert "Expect(fixed_order=False)" in str(audit(make_batches).untold)
    (finding,) = audit(make_batches, expect=Expect(fixed_order=False)).findings
    assert finding.slug == slug


def test_iterator_without_reset_has_an_empty_second_epoch():
    (finding,) = audit(iter([torch.arange(3.0), torch.arange(3.0, 6)])).findings
    assert (finding.slug, finding.where) == ("exhausted-stream", "loader")


def test_timm_loader_with_running_workers_goes_on():
    loader = timm_with_its_own_iterator(Global())
    first = next(iter(loader))
    report = audit(loader)
    assert report.ok
    # The loader's own iteration is read with workers of the audit.
    assert len(report.observation.delivered.fetches) == 16
    assert len(list(loader)) == 8
    assert first.shape == (3, 3)
    loader.iterator._shutdown_workers()


@pytest.mark.parametrize("form", ["map-style", "iterable"])
def test_hugging_face_datasets_are_read(form):
    from datasets import Dataset as HuggingFaceDataset

    dataset = HuggingFaceDataset.from_dict({"x": list(range(24))})
    if form == "iterable":
        dataset = dataset.to_iterable_dataset(num_shards=2)
    loader = DataLoader(dataset.with_format("torch"), batch_size=3, num_workers=2)
    report = audited(lambda: loader)
    assert report.ok, str(report)
    assert len(report.observation.fetches) == 16


@pytest.mark.parametrize(
    ("method", "seed"),
    [
        ("fork", None),
        pytest.param("fork", 0, marks=slow_audit),
        pytest.param("spawn", None, marks=slow_audit),
    ],
)
def test_albumentations_2_0_8_is_diagnosed_by_path(method, seed):
    """The last release under the MIT licence; it seeds nothing in workers."""
    loader = DataLoader(
        AlbumentationsImages(seed), **OPTIONS, multiprocessing_context=method
    )
    report = audited(lambda: loader)
    assert len(report.findings) == 1, str(report)
    (finding,) = report.findings
    assert finding.slug == "library-holds-its-own-rng"
    assert finding.where == "dataset.transform.py_random"
    assert "albumentations holds it" in finding.evidence
    assert "dataset.transform.transforms[0].py_random" in finding.evidence


class AlbumentationsImages(Stored):
    def __init__(self, seed):
        import albumentations

        assert albumentations.__version__ == "2.0.8"
        flip, crop = albumentations.HorizontalFlip(), albumentations.RandomCrop(8, 8)
        self.transform = albumentations.Compose([crop, flip], seed=seed)

    def __getitem__(self, index):
        image = np.random.RandomState(index).randint(0, 255, (16, 16, 3), np.uint8)
        return torch.from_numpy(self.transform(image=image)["image"].copy())


def test_monai_transforms_repeat_in_a_plain_loader_only():
    from monai.data import DataLoader as MonaiDataLoader

    (finding,) = audited(lambda: DataLoader(MonaiImages(), **OPTIONS)).findings
    assert finding.slug == "library-holds-its-own-rng"
    assert finding.where == "dataset.transform.transforms[0].R"
    assert audited(lambda: MonaiDataLoader(MonaiImages(), **OPTIONS)).ok


class MonaiImages(Stored):
    def __init__(self):
        from monai.transforms import Compose, RandFlip, RandGaussianNoise

        self.transform = Compose([RandGaussianNoise(prob=1.0), RandFlip(prob=0.5)])

    def __getitem__(self, index):
        return self.transform(torch.full((1, 4, 4), float(index)))


def test_several_loaders_in_one_are_to_be_audited_one_by_one():
    from lightning.pytorch.utilities import CombinedLoader

    several = CombinedLoader({"a": plain(Stored()), "b": plain(Global())})
    with pytest.raises(TypeError, match=r"2 loaders: audit each of loader\.flattened"):
        audit(several)
    assert [audit(one).ok for one in several.flattened] == [False, True]


class Mixed(Global):
    """Samples drawn from all three global generators."""

    def draw(self):
        return np.random.random() + random.random() + float(torch.rand(()))


def timm_recipe():
    from timm.data import loader

    return loader._worker_init


def transformers_recipe():
    from transformers.trainer_utils import seed_worker

    return functools.partial(seed_worker, num_workers=2, rank=0)


def lightning_recipe():
    from lightning.fabric.utilities.seed import pl_worker_init_function

    return pl_worker_init_function


def monai_recipe():
    from monai.data.utils import worker_init_fn

    return worker_init_fn


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    "recipe", [timm_recipe, transformers_recipe, lightning_recipe, monai_recipe]
)
def test_recipes_of_trainers_that_are_right_are_no_finding(recipe, persistent):
    loader = DataLoader(
        Mixed(), **OPTIONS, persistent_workers=persistent, worker_init_fn=recipe()
    )
    report = audit(loader)
    assert not report.findings, str(report)
    assert report.observation.error is None


def test_state_of_an_epochs_end_loses_the_next_epoch():
    from torchdata.stateful_dataloader import StatefulDataLoader

    first = StatefulDataLoader(list(range(24)), batch_size=3)
    for _ in first:
        state = first.state_dict()
    resumed = StatefulDataLoader(list(range(24)), batch_size=3)
    resumed.load_state_dict(state)
    (finding,) = audited(lambda: resumed).findings
    assert (finding.slug, finding.where) == ("resume-loses-an-epoch", "loader")
    assert "the first epoch has no batch, and the next has 8" in finding.evidence
    assert audited(lambda: StatefulDataLoader(list(range(24)), batch_size=3)).ok
