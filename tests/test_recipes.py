"""Every recipe does what its line on the site says, on real loaders."""

import ast
import importlib
import importlib.util
import itertools
import json
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from dejabatch import Expect, audit

FOLDER = ROOT / "docs" / "recipes"
RECIPES = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
CI = FOLDER / "ci"
LENGTH = 24
WORKERS = pytest.mark.parametrize("num_workers", [0, 2])


def recipe(name):
    """Import a recipe as a module, so that other processes can."""
    spec = importlib.util.spec_from_file_location(name, RECIPES[name])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Rows(Dataset):
    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return torch.full((2,), float(index))


class Noisy(Rows):
    """Noise of the three global generators."""

    def __getitem__(self, index):
        noise = [np.random.random(), random.random(), float(torch.rand(()))]
        return torch.tensor([*noise, float(index)])


class HoldsGenerator(Rows):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __getitem__(self, index):
        return torch.tensor([self.rng.random(), float(index)])


class HoldsUnseeded(HoldsGenerator):
    def __init__(self):
        self.rng = np.random.default_rng()


def columns(loader):
    return torch.cat(list(loader)).double()


@pytest.mark.parametrize("path", RECIPES.values(), ids=RECIPES)
def test_it_is_short_and_needs_torch_and_numpy_only(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 20
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names <= {"torch", "numpy"}


def test_the_page_has_them_all_with_a_line_on_when_to_use_it():
    text = (FOLDER / "index.md").read_text()
    _, *parts, for_ci = text.split("\n## ")
    assert [part.count("```{literalinclude}") for part in parts] == [1] * len(RECIPES)
    assert for_ci.count("```{literalinclude} ci/") == len(list(CI.iterdir()))
    parts.append(for_ci)
    assert all("\n\nUse when " in part for part in parts)
    assert {name for name in RECIPES if f"literalinclude}} {name}.py" in text} == set(
        RECIPES
    )


def test_worker_init_fn():
    init = recipe("worker_init_fn").worker_init_fn
    loader = DataLoader(
        HoldsGenerator(), batch_size=4, num_workers=2, worker_init_fn=init
    )
    assert len(columns(loader)[:, 0].unique()) == LENGTH
    assert audit(loader).ok
    without = DataLoader(HoldsGenerator(), batch_size=4, num_workers=2)
    assert not audit(without).ok


@WORKERS
def test_reproducible(num_workers):
    def run(seed):
        loader = recipe("reproducible").make_loader(
            Noisy(), seed, batch_size=4, num_workers=num_workers
        )
        return [columns(loader) for _ in range(2)]

    one, again, other = run(0), run(0), run(1)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one[0], other[0])
    make_loader = recipe("reproducible").make_loader
    init = recipe("worker_init_fn").worker_init_fn
    for options, expected in (({}, False), ({"worker_init_fn": init}, True)):
        options |= {"num_workers": 2, "batch_size": 4}
        one, again = (
            columns(make_loader(HoldsUnseeded(), 0, **options)) for _ in range(2)
        )
        assert torch.equal(one, again) == expected
    order = make_loader(Noisy(), 0).generator.get_state()
    assert not torch.equal(order, torch.get_rng_state())  # else both draw alike
    assert audit(make_loader(Noisy(), 0, num_workers=num_workers)).ok


def noisy(sample, rng):
    return sample + rng.random()


def test_per_sample():
    dataset = recipe("per_sample").PerSample(Rows(), noisy, seed=0)
    epochs = []
    for epoch in range(2):
        dataset.set_epoch(epoch)
        one, other = (
            columns(DataLoader(dataset, batch_size=4, num_workers=n)) for n in (0, 2)
        )
        assert torch.equal(one, other)
        epochs.append(one)
    assert not torch.equal(*epochs)
    loader = DataLoader(dataset, num_workers=2, persistent_workers=True)
    dataset.set_epoch(0)
    first = columns(loader)
    dataset.set_epoch(1)
    assert not torch.equal(first, columns(loader))
    assert audit(DataLoader(dataset, num_workers=2, shuffle=True)).ok


def of_a_rank(rank, store, results):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    batches = recipe("ranks").batches_of_rank(range(LENGTH), epochs=2, batch_size=4)
    results[rank] = torch.cat(list(batches)).reshape(2, -1)
    torch.distributed.destroy_process_group()


def test_ranks(tmp_path):
    results = torch.zeros(2, 2, LENGTH // 2, dtype=torch.int64).share_memory_()
    torch.multiprocessing.start_processes(
        of_a_rank, args=(tmp_path / "store", results), nprocs=2, start_method="fork"
    )
    for epoch in (0, 1):
        assert sorted(results[:, epoch].flatten().tolist()) == list(range(LENGTH))
    assert not torch.equal(results[:, 0], results[:, 1])


def test_rank_seed():
    def of_rank(rank):
        torch.manual_seed(0)
        init = recipe("rank_seed").SeedByRank(rank)
        loader = DataLoader(Noisy(), num_workers=2, worker_init_fn=init)
        return loader, columns(loader)[:, :3]

    (loader, first), (_, again), (_, second) = (of_rank(rank) for rank in (0, 0, 1))
    assert torch.equal(first, again)
    assert len(torch.cat([first, second]).unique()) == 2 * first.numel()
    assert audit(loader).ok


@pytest.mark.parametrize(
    ("num_workers", "world_size"), [(0, 1), (0, 2), (2, 1), (2, 2)]
)
def test_split_stream(num_workers, world_size):
    split = recipe("split_stream").Split
    loaders = [
        DataLoader(split(range(20), rank, world_size), None, num_workers=num_workers)
        for rank in range(world_size)
    ]
    assert sorted(itertools.chain(*loaders)) == list(range(20))
    assert audit(loaders[0]).ok


def test_endless():
    sampler = DistributedSampler(range(8), num_replicas=1, rank=0)
    for loader in (
        DataLoader(range(8), shuffle=True),
        DataLoader(range(8), sampler=sampler),
    ):
        batches = recipe("endless").endless(loader)
        passes = [[int(next(batches)) for _ in range(8)] for _ in range(4)]
        assert all(sorted(one) == list(range(8)) for one in passes)
        assert any(one != passes[0] for one in passes)
    assert sampler.epoch == 3
    with pytest.raises(RuntimeError, match="epoch 0 has no batch"):
        next(recipe("endless").endless(DataLoader([])))


def test_endless_tells_the_dataset_of_another_recipe_its_epoch():
    dataset = recipe("per_sample").PerSample(Rows(), noisy, seed=0)
    batches = recipe("endless").endless(DataLoader(dataset, batch_size=len(dataset)))
    one, other = itertools.islice(batches, 2)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("persistent_workers", [True, False])
def test_persistent_epochs(persistent_workers):
    module = recipe("persistent_epochs")
    loader = DataLoader(
        module.WithEpoch(range(4)),
        batch_size=4,
        num_workers=1,
        persistent_workers=persistent_workers,
    )
    epochs = [batch[1].tolist() for batch in module.batches_of(loader, 3)]
    assert epochs == [[0] * 4, [1] * 4, [2] * 4]
    assert audit(loader).ok


def test_image_and_mask():
    augment = recipe("image_and_mask").augment_both

    class Pairs(Rows):
        def __getitem__(self, index):
            image = torch.arange(192.0).reshape(3, 8, 8) + index
            return augment(image, image[:1].clone(), 5)

    loader = DataLoader(Pairs(), batch_size=LENGTH, num_workers=2)
    ((images, masks),) = loader
    assert images.shape == (LENGTH, 3, 5, 5)
    assert torch.equal(images[:, :1], masks)
    places = images[:, 0] - torch.arange(float(LENGTH)).reshape(-1, 1, 1)
    assert len(places.reshape(LENGTH, -1).unique(dim=0)) > 1
    assert audit(loader).ok


def test_train_and_validation():
    class Pairs(Rows):
        def __getitem__(self, index):
            return super().__getitem__(index), index

    halves = recipe("train_and_validation").split(
        Pairs(), [16, 8], lambda x: x + torch.rand(()), lambda x: x
    )
    seen = [[label for _, label in half] for half in halves]
    assert sorted(itertools.chain(*seen)) == list(range(LENGTH))
    train, validation = (DataLoader(half, batch_size=4) for half in halves)
    assert all(float(x[0]) == label for x, label in halves[1])
    assert not any(float(x[0]) == label for x, label in halves[0])
    assert audit(train, expect=Expect(deterministic=False)).ok
    assert audit(validation, expect=Expect(deterministic=True)).ok


@pytest.mark.parametrize(
    "method",
    ["fork", pytest.param("spawn", marks=pytest.mark.slow("docs/recipes"))],
)
def test_open_in_worker(method, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)  # a spawned worker imports it by its name
    open_in_worker = importlib.import_module("open_in_worker")
    path = tmp_path / "records"
    path.write_bytes(b"".join(b"%08d" % number for number in range(400)))
    dataset = open_in_worker.Records(path, 8)
    assert dataset[3] == b"00000003"
    loader = DataLoader(dataset, None, num_workers=2, multiprocessing_context=method)
    assert [int(record) for record in loader] == list(range(400))
    assert audit(loader, time_limit=300).ok  # spawned workers import torch each time
    dataset.file.close()


def test_resume():
    def batches(epoch, done=0):
        sampler.resume(epoch, done)
        return torch.cat(list(loader)).tolist()

    order = DistributedSampler(range(LENGTH), num_replicas=1, rank=0)
    sampler = recipe("resume").ResumableSampler(order)
    loader = DataLoader(range(LENGTH), sampler=sampler, batch_size=4, num_workers=2)
    whole, other = batches(1), batches(2)
    assert sorted(whole) == sorted(other) == list(range(LENGTH))
    assert whole != other
    assert len(loader) == 6
    assert audit(loader).ok
    assert batches(1, done=8) == whole[8:]
    sampler.set_epoch(2)
    assert torch.cat(list(loader)).tolist() == other


# The workflow for CI -----------------------------------------------------------------


def run_workflow(folder):
    """Run the commands of the workflow; return their exit codes and the uploaded files."""
    shutil.copy(CI / "test_loaders.py", folder)
    workflow = yaml.safe_load((CI / "loaders.yml").read_text())
    steps = workflow["jobs"]["loaders"]["steps"]
    codes = {}
    for step in steps:
        _, _, command = step.get("run", "").partition("python -m ")
        if command and not command.startswith("pip "):
            # The shell of a runner.
            bash = ["bash", "-e", "-o", "pipefail", "-c", f'"$0" -m {command}']
            name = command.partition(" --")[0].partition(" test_")[0]
            codes[name] = subprocess.run(
                [*bash, sys.executable], cwd=folder, capture_output=True, check=False
            ).returncode
    uploads = [step["with"]["sarif_file"] for step in steps if "upload" in str(step)]
    logs = [json.loads((folder / name).read_text()) for name in uploads]
    return codes, {
        name: log["runs"][0] for name, log in zip(uploads, logs, strict=True)
    }


PROGRAM = (ROOT / "docs" / "reference" / "train.py").read_text()
REPAIRS = {
    "num_workers=2": "num_workers=2, worker_init_fn=dejabatch.seed_worker",
    "import torch\n": "import dejabatch\nimport torch\n",
    "for _ in range(100):\n        batch = next(iter(loader))": "for batch in loader: ...",
}


@pytest.mark.slow("docs/recipes", "src/dejabatch/cli.py", "src/dejabatch/formats")
def test_workflow_fails_for_each_failure(tmp_path):
    (tmp_path / "train.py").write_text(PROGRAM.replace("shuffle=True, ", ""))
    codes, logs = run_workflow(tmp_path)
    assert codes == {"dejabatch lint": 1, "dejabatch audit": 1, "pytest": 1}
    for log in logs.values():
        assert log["results"]
        # GitHub rejects a file with a result that has no location.
        files = [
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            for result in log["results"]
        ]
        assert set(files) == {"train.py"}


@pytest.mark.slow("docs/recipes", "src/dejabatch/cli.py", "src/dejabatch/formats")
def test_workflow_passes_for_a_right_program(tmp_path):
    program = PROGRAM
    for broken, fixed in REPAIRS.items():
        assert broken in program
        program = program.replace(broken, fixed)
    (tmp_path / "train.py").write_text(program)
    codes, logs = run_workflow(tmp_path)
    assert codes == {"dejabatch lint": 0, "dejabatch audit": 0, "pytest": 0}
    assert not any(log["results"] for log in logs.values())
