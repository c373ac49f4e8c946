"""Each rule names its failure, and leaves right code alone."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import PAGES, ROOT

from dejabatch import FAILURE_MODES
from dejabatch.__main__ import main
from dejabatch.lint import RULES, lint_paths, lint_source

HEAD = """
import functools, itertools, random, time
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
from torch.utils.data import random_split
from torch.utils.data.distributed import DistributedSampler

dataset = range(8)
loader = DataLoader(dataset)
"""

WRONG = {
    "next-iter-in-the-loop": [
        "for step in range(9):\n    batch = next(iter(loader))",
        "while True:\n    train(next(iter(loader)))",
        (
            "class A:\n"
            "    def fit(self):\n"
            "        self.loader = DataLoader(dataset)\n"
            "        for step in range(9):\n"
            "            next(iter(self.loader))"
        ),
    ],
    "itertools-cycle": [
        "def fit(batches: DataLoader[int]):\n    return itertools.cycle(batches)",
        "train: torch.utils.data.DataLoader = make()\nitertools.cycle(train)",
        "batches = itertools.cycle(loader)",
        "for a, b in zip(loader, itertools.cycle(DataLoader(dataset))): pass",
        "from itertools import cycle as again\nagain(loader)",
    ],
    "one-iterator-per-persistent-loader": ["for a, b in zip(loader, loader): pass"],
    "worker-init-runs-once": [
        (
            "def init(worker_id):\n"
            "    seed = 1000 * epoch + worker_id\n"
            "    np.random.seed(seed + get_worker_info().seed)\n"
            "DataLoader(dataset, worker_init_fn=init, persistent_workers=True)"
        ),
        (
            "DataLoader(dataset, persistent_workers=True,\n"
            "    worker_init_fn=lambda i: random.seed(state.epoch * 100 + hash(i)))"
        ),
    ],
    "get-state-recipe": [
        (
            "def init(worker_id):\n"
            "    np.random.seed(np.random.get_state()[1][0] + worker_id)"
        ),
        "from numpy import random as r\nr.seed(r.get_state()[1][0])",
        (
            "def init(worker_id):\n"
            "    state = np.random.get_state()[1]\n"
            "    np.random.seed(state[0] + worker_id)"
        ),
    ],
    "constant-worker-seed": [
        (
            "def init(worker_id):\n"
            "    np.random.seed(42)\n"
            "DataLoader(dataset, worker_init_fn=init)"
        ),
        "DataLoader(dataset, worker_init_fn=lambda _: torch.manual_seed(0))",
        (
            "def init(worker_id):\n"
            "    seed = 3\n"
            "    random.seed(a=seed)\n"
            "DataLoader(dataset, worker_init_fn=init)"
        ),
    ],
    "worker-seed-without-epoch": [
        "DataLoader(dataset, worker_init_fn=lambda i: np.random.seed(i))",
        (
            "def init(worker_id):\n"
            "    number = 100 * worker_id\n"
            "    number += rank\n"
            "    np.random.seed(int(number))\n"
            "DataLoader(dataset, worker_init_fn=init)"
        ),
    ],
    "rng-object-on-dataset": [
        (
            "class A(Dataset):\n"
            "    def __init__(self):\n"
            "        self.rng = np.random.default_rng(0)\n"
            "    def __getitem__(self, index):\n"
            "        return self.rng.random()"
        ),
        (
            "class A(torch.utils.data.Dataset):\n"
            "    def __init__(self):\n"
            "        self.rng = random.Random()\n"
            "    def __getitem__(self, index):\n"
            "        return self.draw()\n"
            "    def draw(self):\n"
            "        return self.rng.random()"
        ),
        (
            "class A(Dataset):\n"
            "    def __init__(self):\n"
            "        self.rng = torch.Generator().manual_seed(0)\n"
            "    def __getitem__(self, index):\n"
            "        return torch.rand(3, generator=self.rng)"
        ),
    ],
    "cached-augmentation": [
        (
            "class A(Dataset):\n"
            "    @functools.lru_cache(maxsize=None)\n"
            "    def __getitem__(self, index):\n"
            "        return self.transform(load(index))"
        ),
        "@functools.cache\ndef sample(index):\n    return torch.randn(3)",
    ],
    "split-computed-too-early": [
        (
            "class A(IterableDataset):\n"
            "    def __init__(self):\n"
            "        self.worker = get_worker_info()"
        ),
        (
            "class A(torch.utils.data.IterableDataset):\n"
            "    def __init__(self):\n"
            "        self.id = torch.utils.data.get_worker_info().id"
        ),
    ],
    "reseed-every-epoch": [
        (
            "for epoch in range(9):\n"
            "    torch.manual_seed(0)\n"
            "    for batch in loader:\n"
            "        train(batch)"
        ),
    ],
    "no-set-epoch": [
        (
            "sampler = DistributedSampler(dataset)\n"
            "loader = DataLoader(dataset, sampler=sampler)\n"
            "for epoch in range(9):\n"
            "    for i, batch in enumerate(loader):\n"
            "        train(batch)"
        ),
    ],
    "samples-in-both-loaders": ["train, val = random_split(dataset, [6, 2])"],
}

RIGHT = [
    (
        "def init(worker_id):\n"
        "    np.random.seed(worker_id)\n"
        "DataLoader(dataset, worker_init_fn=init, persistent_workers=True)"
    ),
    (
        "def init(worker_id):\n"
        "    np.random.seed(1000 * epoch + worker_id)\n"
        "DataLoader(dataset, worker_init_fn=init)"
    ),
    (
        "def one():\n"
        "    def init(worker_id):\n"
        "        return worker_id\n"
        "    return DataLoader(dataset, worker_init_fn=init)\n"
        "def other():\n"
        "    def init():\n"
        "        np.random.seed(0)\n"
        "    init()"
    ),
    (
        "class A(Dataset):\n"
        "    def __init__(self):\n"
        "        self.rng = np.random.default_rng(0)\n"
        "    def __getitem__(self, index):\n"
        "        self.rng = np.random.default_rng(index)\n"
        "        return self.rng.random()"
    ),
    "batch = next(iter(loader))",
    (
        "for epoch in range(9):\n"
        "    for batch in loader:\n"
        "        train(batch)\n"
        "    plot(next(iter(loader)))"
    ),
    "for one in loaders:\n    next(iter(one))",
    "for fold in folds:\n    loader = DataLoader(fold)\n    next(iter(loader))",
    "batches = iter(loader)\nfor step in range(9):\n    next(batches)",
    "for batch in next(iter(loader)):\n    pass",
    "for step in range(9):\n    next(iter(results))",
    "colours = itertools.cycle('rgb')",
    "for a, b in zip(loader, DataLoader(dataset)): pass",
    "for a, b in zip(names, names): pass",
    (
        "def init(worker_id):\n"
        "    np.random.seed(torch.initial_seed() % 2**32)\n"
        "DataLoader(dataset, worker_init_fn=init)"
    ),
    (
        "def init(worker_id):\n"
        "    seed = torch.initial_seed() % 2**32\n"
        "    np.random.seed(seed + worker_id)\n"
        "DataLoader(dataset, worker_init_fn=init)"
    ),
    (
        "def init(worker_id):\n"
        "    np.random.seed(get_worker_info().seed % 2**32)\n"
        "DataLoader(dataset, worker_init_fn=init)"
    ),
    (
        "def init(worker_id):\n"
        "    np.random.seed(np.random.SeedSequence([7, worker_id, epoch()]).generate_state(4))\n"
        "DataLoader(dataset, worker_init_fn=init)"
    ),
    "def setup():\n    np.random.seed(42)",
    (
        "class A(Dataset):\n"
        "    def __init__(self):\n"
        "        self.rng = np.random.default_rng(0)\n"
        "        self.order = self.rng.permutation(8)\n"
        "    def __getitem__(self, index):\n"
        "        return self.order[index]"
    ),
    (
        "class A:\n"
        "    def __init__(self):\n"
        "        self.rng = np.random.default_rng(0)\n"
        "    def __getitem__(self, index):\n"
        "        return self.rng.random()"
    ),
    (
        "class A(Dataset):\n"
        "    @functools.lru_cache\n"
        "    def load(self, index):\n"
        "        return read(index)"
    ),
    (
        "class A(IterableDataset):\n"
        "    def __iter__(self):\n"
        "        return iter([get_worker_info()])"
    ),
    (
        "torch.manual_seed(0)\n"
        "for epoch in range(9):\n"
        "    for batch in loader:\n"
        "        train(batch)"
    ),
    (
        "for epoch in range(9):\n"
        "    torch.manual_seed(epoch)\n"
        "    for batch in loader:\n"
        "        train(batch)"
    ),
    (
        "sampler = DistributedSampler(dataset)\n"
        "loader = DataLoader(dataset, sampler=sampler)\n"
        "for epoch in range(9):\n"
        "    sampler.set_epoch(epoch)\n"
        "    for batch in loader:\n"
        "        train(batch)"
    ),
    (
        "sampler = DistributedSampler(dataset, shuffle=False)\n"
        "loader = DataLoader(dataset, sampler=sampler)\n"
        "for epoch in range(9):\n"
        "    for batch in loader:\n"
        "        train(batch)"
    ),
    (
        "def init(worker_id):\n"
        "    np.random.seed(1000 * state.epoch + worker_id)\n"
        "DataLoader(dataset, worker_init_fn=init, persistent_workers=False)"
    ),
    (
        "def init(worker_id):\n"
        "    get_worker_info().dataset.epoch = shared_epoch\n"
        "DataLoader(dataset, worker_init_fn=init, persistent_workers=True)"
    ),
    "random_split(dataset, [6, 2], generator=torch.Generator().manual_seed(0))",
    "torch.manual_seed(0)\nrandom_split(dataset, [6, 2])",
]

# What the gallery's scripts show besides their own failure.
IN_THE_GALLERY = {
    "cached-augmentation": {"cached-augmentation"},
    "constant-worker-seed": {"constant-worker-seed"},
    "get-state-recipe": {"get-state-recipe", "worker-seed-without-epoch"},
    "itertools-cycle": {"itertools-cycle"},
    "next-iter-in-the-loop": {"next-iter-in-the-loop"},
    "one-iterator-per-persistent-loader": {"one-iterator-per-persistent-loader"},
    "reseed-every-epoch": {"reseed-every-epoch"},
    "rng-object-on-dataset": {"rng-object-on-dataset"},
    "split-computed-too-early": {"split-computed-too-early"},
    "worker-init-runs-once": {"worker-init-runs-once"},
    "worker-seed-without-epoch": {"worker-seed-without-epoch"},
}


def slugs(source):
    return [place.slug for place in lint_source(HEAD + source)]


def test_every_rule_has_a_mode_and_a_wrong_example():
    assert RULES.keys() == WRONG.keys()
    assert RULES.keys() <= FAILURE_MODES.keys()
    by_lint = {m.slug for m in FAILURE_MODES.values() if m.detected_by == "lint"}
    assert by_lint <= RULES.keys()


@pytest.mark.parametrize(
    ("slug", "source"),
    [(slug, source) for slug, sources in WRONG.items() for source in sources],
)
def test_wrong_code_is_named(slug, source):
    assert slugs(source) == [slug]


@pytest.mark.parametrize("source", RIGHT)
def test_right_code_is_left_alone(source):
    assert slugs(source) == []


def test_files_that_are_not_python_are_told_of_and_the_others_read(tmp_path):
    for name, content in (
        ("a.py", b"def f(:"),
        ("b.py", b"# coding: none"),
        ("c.py", b"x = '\xff'"),
        ("d.py", b"itertools.cycle(DataLoader(dataset))"),
    ):
        (tmp_path / name).write_bytes(content)
    refused = []
    (place,) = lint_paths(
        [tmp_path], unreadable=lambda file, error: refused.append(file.name)
    )
    assert place.path.endswith("d.py")
    assert refused == ["a.py", "b.py", "c.py"]
    with pytest.raises(SyntaxError):
        lint_paths([tmp_path])
    assert main(["lint", str(tmp_path)]) == 2


def test_place_is_that_of_the_call():
    (place,) = lint_source(
        "from itertools import cycle\nx = DataLoader()\ncycle(x)", "f"
    )
    assert (place.path, place.line, place.column) == ("f", 3, 1)


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("# dejabatch: ignore[itertools-cycle]", 0),
        ("# dejabatch: ignore[no-set-epoch, itertools-cycle]", 0),
        ("# dejabatch: ignore", 0),
        ("# dejabatch: ignore[no-set-epoch]", 1),
        ("# noqa", 1),
    ],
)
def test_comment_leaves_a_line_out(comment, found):
    assert len(slugs(f"itertools.cycle(loader)  {comment}")) == found
    assert len(slugs(f"itertools.cycle(\n    loader\n)  {comment}")) == found


def test_gallery_has_the_failures_that_its_pages_show():
    found = {}
    for page in PAGES:
        named = {place.slug for place in lint_paths([page])}
        if named:
            found[page.stem.removeprefix("plot_").replace("_", "-")] = named
    assert found == IN_THE_GALLERY
    assert not lint_paths([ROOT / "src", ROOT / "gallery" / "explanations"])


@pytest.mark.parametrize("library", ["torchvision", "timm", "lightning", "torchdata"])
def test_nothing_is_found_in_sources_of_libraries(library):
    assert lint_paths([Path(find_spec(library).origin).parent]) == []


@pytest.fixture
def wrong_file(tmp_path):
    path = tmp_path / "a file.py"
    path.write_text(f"{HEAD}itertools.cycle(loader)\n")
    return path


def test_command_exits_by_what_it_found(wrong_file, capsys):
    assert main(["lint", str(wrong_file)]) == 1
    output = capsys.readouterr().out
    assert f"{wrong_file}:11:1: From the second epoch on" in output
    assert "gallery/3_order/plot_itertools_cycle.html" in output
    assert output.endswith("1 found\n")
    wrong_file.write_text("")
    assert main(["lint", str(wrong_file.parent)]) == 0
    assert capsys.readouterr().out == "nothing found\n"


def test_command_says_what_it_cannot_read(wrong_file, capsys):
    assert main(["lint", "/no/such/path"]) == 2
    assert "there is no /no/such/path" in capsys.readouterr().err
    wrong_file.write_text("def")
    assert main(["lint", str(wrong_file)]) == 2
    assert "a file.py" in capsys.readouterr().err


def test_json(wrong_file, capsys):
    main(["lint", "--format", "json", str(wrong_file)])
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == 1
    (found,) = report["found"]
    assert (found["line"], found["slug"]) == (11, "itertools-cycle")


def test_github(wrong_file, capsys):
    main(["lint", "--format", "github", str(wrong_file)])
    output = capsys.readouterr().out
    assert output.startswith(
        f"::warning file={wrong_file},line=11,col=1,title=From the"
    )
    assert "%2C the first one" in output
    assert output.count("\n") == 1


def test_sarif(wrong_file, capsys):
    main(["lint", "--format", "sarif", str(wrong_file)])
    log = json.loads(capsys.readouterr().out)
    (run,) = log["runs"]
    (result,) = run["results"]
    assert log["version"] == "2.1.0"
    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 11, "startColumn": 1}


def test_module_can_be_run(wrong_file):
    python = shutil.which(sys.executable)
    command = [python, "-m", "dejabatch", "lint", str(wrong_file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
