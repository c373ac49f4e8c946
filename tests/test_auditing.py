"""`audit` names what is wrong with a loader, and is silent about one that is right."""

import copy
import importlib
import random
import runpy
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from green_runs import slow_audit
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from dejabatch import FAILURE_MODES, audit, compare, seed_worker
from dejabatch.checks import CHECKS
from dejabatch.finders import found_by
from dejabatch.state import generators as rngs

# The loaders of the section about ranks need a process group.
PAGES_OF_AUDIT = [
    mode
    for mode in FAILURE_MODES.values()
    if mode.has_page and mode.section != "6_ranks" and "audit" in found_by(mode.slug)
]


class Images(Dataset):
    """Different samples, with an augmentation that a subclass draws."""

    def __init__(self, length=24):
        self.data = torch.arange(float(length)).reshape(-1, 1).expand(-1, 6)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index] * self.draw(index)

    def draw(self, index):
        return 1.0


class GlobalNumpy(Images):
    def draw(self, index):
        return np.random.random()


class GlobalPython(Images):
    def draw(self, index):
        return random.random()


class GlobalTorch(Images):
    def draw(self, index):
        return torch.rand(())


class Stored(Images):
    def __init__(self, rng):
        super().__init__()
        self.transform = Jitter(rng)

    def draw(self, index):
        return self.transform()


class Jitter:
    def __init__(self, rng):
        self.rng = rng

    def __call__(self):
        if isinstance(self.rng, torch.Generator):
            return torch.rand((), generator=self.rng)
        return self.rng.random()


class Unused(Stored):
    def draw(self, index):
        return 1.0


class SeededForEachSample(Stored):
    """The generator is seeded by the index before each use, so workers do not share it."""

    def draw(self, index):
        self.transform.rng.manual_seed(index)
        return self.transform()


class RebuiltForEachSample(Images):
    def draw(self, index):
        self.rng = np.random.default_rng([7, index])
        return self.rng.random()


class PairedTransforms(Images):
    """Image and mask are to be changed alike."""

    def draw(self, index):
        seed = int(torch.randint(2**31, ()))
        one, other = np.random.default_rng(seed), np.random.default_rng(seed)
        return one.random() + other.random()


class FivePercentTwice(Images):
    def __getitem__(self, index):
        return super().__getitem__(index % 23)


class BlankImages(Images):
    def __getitem__(self, index):
        return torch.zeros(6), index % 2


class Split(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        yield from range(first, 24, step)


class Constant(Images):
    def __getitem__(self, index):
        return self.data[0]


def docs_recipe(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


def rebuild(worker_id):
    info = get_worker_info()
    info.dataset.transform.rng = np.random.default_rng(info.seed)


def seed_in_place(worker_id):
    info = get_worker_info()
    info.dataset.transform.rng.manual_seed(info.seed)


def get_state_recipe(worker_id):
    np.random.seed(np.random.get_state()[1][0] + worker_id)


HEALTHY = {
    "no randomness": (Images, None),
    "np.random": (GlobalNumpy, None),
    "random": (GlobalPython, None),
    "torch": (GlobalTorch, None),
    "np.random, seeded as PyTorch's docs do": (GlobalNumpy, docs_recipe),
    "random, seeded as PyTorch's docs do": (GlobalPython, docs_recipe),
    "stored and never drawn from": (lambda: Unused(np.random.default_rng()), None),
    "stored and rebuilt": (lambda: Stored(np.random.default_rng()), rebuild),
    "stored and seeded": (lambda: Stored(torch.Generator()), seed_in_place),
    "stored, seeded for each sample": (
        lambda: SeededForEachSample(torch.Generator()),
        None,
    ),
    "rebuilt for each sample": (RebuiltForEachSample, None),
    "paired transforms": (PairedTransforms, None),
    "five percent true duplicates": (FivePercentTwice, None),
    "blank images": (BlankImages, None),
    "a split stream": (Split, None),
}


@pytest.mark.parametrize(
    "num_workers",
    [0, 2, pytest.param(1, marks=slow_audit), pytest.param(4, marks=slow_audit)],
)
@pytest.mark.parametrize("healthy", HEALTHY.values(), ids=HEALTHY)
def test_nothing_is_found_in_a_healthy_loader(healthy, num_workers):
    make, worker_init_fn = healthy
    report = audit(
        DataLoader(
            make(),
            batch_size=3,
            num_workers=num_workers,
            persistent_workers=num_workers == 2,
            worker_init_fn=worker_init_fn,
        )
    )
    assert report.ok, str(report)
    assert report.observation.error is None


# The pages' own asserts say the same during the build of the site.
@slow_audit
@pytest.mark.parametrize(
    ("slug", "page"),
    [(mode.slug, ROOT / "gallery" / mode.page) for mode in PAGES_OF_AUDIT],
    ids=[mode.slug for mode in PAGES_OF_AUDIT],
)
def test_pages_loaders_are_named_right(slug, page):
    names = runpy.run_path(str(page), run_name="page")
    for name, found in (("broken", [slug]), ("fixed", [])):
        loader = names[name]
        if isinstance(loader, tuple):
            report = compare(*loader)
        else:
            report = audit(loader, expect=names.get("expect"))
        assert [finding.slug for finding in report.findings] == found
        of_batches_only = report.observation.facts.data_loader is False
        assert report.ok == (not found and not of_batches_only)


# The pages whose failure is one of seeds, of generators that have an object or of OpenCV's.
CURED_BY_SEED_WORKER = [
    "rng-object-on-dataset",
    "get-state-recipe",
    "constant-worker-seed",
    "worker-seed-without-epoch",
    "library-holds-its-own-rng",
    "opencv-rng",
    "rng-in-collate",
    "seeds-equal-in-32-bits",
]


@slow_audit
@pytest.mark.parametrize(
    ("slug", "page"),
    [
        (slug, ROOT / "gallery" / FAILURE_MODES[slug].page)
        for slug in CURED_BY_SEED_WORKER
    ],
    ids=CURED_BY_SEED_WORKER,
)
def test_seed_worker_cures_the_pages_loader(slug, page):
    broken = runpy.run_path(str(page), run_name="page")["broken"]
    assert [finding.slug for finding in audit(broken).findings] == [slug]
    broken.worker_init_fn = seed_worker
    report = audit(broken)
    assert not report.findings, str(report)


# Start method, number of workers, persistent. A spawned worker imports torch, which takes
# seconds, so the slow methods come once each.
WORKERS = [
    (None, 0, False),
    ("fork", 1, False),
    ("fork", 2, True),
    ("fork", 4, False),
    ("forkserver", 2, True),
    ("spawn", 2, False),
]


# The pages about workers, and one that is not; the other pages run under every start
# method as downloads.
IN_ALL_WORKERS = [
    "getitem-ignores-index",
    "rng-object-on-dataset",
    "numpy-global-before-1-9",
    "get-state-recipe",
]


@slow_audit
@pytest.mark.parametrize(("method", "num_workers", "persistent"), WORKERS)
@pytest.mark.parametrize("slug", IN_ALL_WORKERS)
def test_pages_loaders_are_named_right_in_other_workers(
    slug, method, num_workers, persistent, monkeypatch
):
    """A failure that cannot be seen is reported as skipped, and not as another one."""
    mode = FAILURE_MODES[slug]
    if num_workers == 0 and slug == "numpy-global-before-1-9":
        pytest.skip("the samples of this page name their worker")
    # By import, because spawned workers have to find the page's classes; anew, because
    # a page may keep the state of a generator that tests have drawn from since.
    name = Path(mode.page).stem
    monkeypatch.syspath_prepend(ROOT / "gallery" / mode.section)
    monkeypatch.delitem(sys.modules, name, raising=False)
    page = importlib.import_module(name)

    def with_workers(loader):
        made = copy.copy(loader if isinstance(loader, DataLoader) else loader())
        made.__dict__.update(
            num_workers=num_workers,
            persistent_workers=persistent,
            prefetch_factor=2 if num_workers else None,
        )
        made.multiprocessing_context = method
        return made

    factory = not isinstance(page.broken, DataLoader)
    broken, fixed = (
        (lambda one=one: with_workers(one)) if factory else with_workers(one)
        for one in (page.broken, page.fixed)
    )
    report = audit(broken)
    if mode.slug in report.skipped:
        assert report.ok, str(report)
    else:
        found = {finding.slug for finding in report.findings}
        assert found <= {mode.slug}, str(report)
        # Persistent workers run worker_init_fn once, so that their epochs differ.
        assert found or (mode.slug == "get-state-recipe"), str(report)
    assert audit(fixed).ok


@pytest.mark.parametrize("num_workers", [2, pytest.param(4, marks=slow_audit)])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    "make",
    [np.random.default_rng, np.random.RandomState, random.Random, torch.Generator],
    ids=["Generator", "RandomState", "Random", "torch.Generator"],
)
def test_stored_generator_is_named_by_its_path(make, persistent, num_workers):
    loader = DataLoader(
        Stored(make()),
        batch_size=3,
        shuffle=True,
        num_workers=num_workers,
        persistent_workers=persistent,
    )
    (finding,) = audit(loader).findings
    assert finding.slug == "rng-object-on-dataset"
    assert finding.where == "dataset.transform.rng"
    assert f"the {num_workers} workers" in finding.evidence
    # Persistent workers go on with their copies, so their epochs differ.
    assert ("next epoch" in finding.evidence) is not persistent


def test_one_worker_repeats_its_epochs():
    dataset = Stored(np.random.default_rng())
    loader = DataLoader(dataset, num_workers=1, shuffle=True)
    (finding,) = audit(loader).findings
    assert finding.where == "dataset.transform.rng"
    assert "worker draws the same numbers from it in the next epoch" in finding.evidence
    assert "the 1 workers" not in finding.evidence


def test_one_worker_in_a_fixed_order_repeats_its_epochs():
    dataset = Stored(np.random.default_rng())
    (finding,) = audit(DataLoader(dataset, num_workers=1)).findings
    assert finding.where == "dataset.transform.rng"
    assert audit(DataLoader(SeededForEachSample(torch.Generator()), num_workers=1)).ok


def test_generator_in_the_collate_function_is_named():
    rng = np.random.default_rng()

    def mix(samples):
        return rng.random() * torch.stack(samples)

    loader = DataLoader(Images(), batch_size=3, num_workers=2, collate_fn=mix)
    (finding,) = audit(loader).findings
    assert finding.where == "collate_fn.<rng>"


@pytest.mark.parametrize(
    "num_workers",
    [0, 2, pytest.param(1, marks=slow_audit), pytest.param(4, marks=slow_audit)],
)
def test_constant_sample_is_found_with_any_number_of_workers(num_workers):
    loader = DataLoader(Constant(), batch_size=3, num_workers=num_workers)
    (finding,) = audit(loader).findings
    assert finding.slug == "getitem-ignores-index"
    assert "24 different indices" in finding.evidence


def test_recipe_that_seeds_an_unused_generator_is_a_note():
    loader = DataLoader(
        GlobalPython(), batch_size=3, num_workers=2, worker_init_fn=get_state_recipe
    )
    report = audit(loader)
    (finding,) = report.findings
    assert (finding.slug, finding.severity) == ("get-state-recipe", "note")
    report.raise_for_findings()
    with pytest.raises(AssertionError, match="2147483648"):
        report.raise_for_findings("note")


def test_a_function_that_makes_the_loader_is_called_elsewhere():
    calls = []

    def make():
        calls.append(1)
        return DataLoader(Constant(), batch_size=3)

    assert not audit(make).ok
    assert calls == []


def test_nothing_changes_here():
    dataset = Stored(np.random.default_rng(3))
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(dataset, shuffle=True, num_workers=2, generator=generator)
    held = [generator, dataset.transform.rng, *rngs.global_rngs().values()]
    before = [rngs.digest(one) for one in held], dict(vars(loader))
    audit(loader)
    assert ([rngs.digest(one) for one in held], dict(vars(loader))) == before


def test_only_the_chosen_checks_run():
    report = audit(DataLoader(Constant()), checks=["getitem-ignores-index"])
    assert report.checked == ("getitem-ignores-index",)
    assert not report.ok


def test_what_could_not_be_checked_is_told_with_the_reason():
    report = audit(DataLoader(Images(), batch_size=3))
    assert set(report.checked) | set(report.skipped) == set(CHECKS)
    assert report.skipped["rng-object-on-dataset"].startswith("there are no workers")
    assert "rng-object-on-dataset" not in report.untold
    assert "there are no workers" not in str(report)
    reason = "was made; audit a function that makes the loader"
    assert report.untold["augmented-once"].endswith(reason)
    assert reason in " ".join(str(report).split())


class Hangs(Images):
    def draw(self, index):
        if index == 6:
            time.sleep(1000)
        return 1.0


class Raises(Images):
    def draw(self, index):
        if index == 6:
            raise KeyError(index)
        return 1.0


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loader_that_hangs_ends_at_the_time_limit(num_workers):
    started = time.monotonic()
    loader = DataLoader(Hangs(), batch_size=3, num_workers=num_workers)
    report = audit(loader, time_limit=4)
    assert time.monotonic() - started < 9
    assert not report.ok
    assert report.verdict == (
        "incomplete: time_limit was reached after 2 batches of epoch 0, counted from 0; "
        "raise time_limit"
    )
    assert "in 1 epoch of 6 samples" in str(report)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loader_that_raises_midway_still_gets_a_report(num_workers):
    report = audit(DataLoader(Raises(), batch_size=3, num_workers=num_workers))
    assert report.incomplete.startswith("dataset raised KeyError: 6 after 2 batches")
    assert [finding.slug for finding in report.findings] == ["error-in-a-later-epoch"]


def test_loader_that_gives_nothing_raises_with_its_traceback():
    with pytest.raises(
        RuntimeError, match=r"loader: it could not be read(.|\n)*KeyError"
    ):
        audit(DataLoader(Raises(), batch_size=24))
    with pytest.raises(RuntimeError, match=r"loader must be a torch.* not int"):
        audit(lambda: 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1, not 0"),
        ({"max_batches": 1.5}, "max_batches must be an integer of at least 1, not 1.5"),
        ({"time_limit": 0}, "time_limit must be a number of seconds above 0"),
        (
            {"checks": ["no-such"]},
            "checks: no-such cannot be detected; choose from get",
        ),
    ],
)
def test_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        audit(DataLoader(Images()), **arguments)


def test_what_is_no_loader_is_refused():
    with pytest.raises(
        TypeError, match=r"loader must be a torch\.utils\.data\.DataLoader"
    ):
        audit(3)
