"""A ledger has a line for each batch, and tells where two runs part."""

import subprocess
import sys
import weakref

import pytest
import torch
from torch.utils.data import DataLoader

import dejabatch
from dejabatch.cli import main
from dejabatch.ledgers import read_ledger


def loads(order):
    return DataLoader(range(100), batch_size=4, sampler=order)


def written(path, *orders, **options):
    book = dejabatch.ledger(loads([]), path, **options)
    for order in orders:
        book.loader = loads(order)
        for _ in book:
            pass
    return path


def test_batches_are_yielded_and_written(tmp_path):
    path = tmp_path / "run"
    loader = dejabatch.ledger(loads(range(12)), path)
    assert len(loader) == 3
    assert loader.batch_size == 4
    for _ in range(2):
        assert [batch[0].item() for batch in loader] == [0, 4, 8]
    (lines,) = read_ledger(path).values()
    assert [(line.epoch, line.batch) for line in lines] == [
        *((0, 0), (0, 1), (0, 2)),
        *((1, 0), (1, 1), (1, 2)),
    ]
    assert [line.digest for line in lines[:3]] == [line.digest for line in lines[3:]]
    assert len({line.digest for line in lines}) == 3


def diff(a, b, capsys):
    status = main(["diff", str(a), str(b)])
    return status, capsys.readouterr().out


def test_equal_runs(tmp_path, capsys):
    a, b = (written(tmp_path / name, range(40)) for name in "ab")
    assert diff(a, b, capsys) == (0, "rank 0: the batches are the same\n")


def test_resumed_run_is_found_in_the_whole_run(tmp_path, capsys):
    a = written(tmp_path / "a", range(40))
    b = written(tmp_path / "b", range(20, 40))
    assert diff(a, b, capsys)[0] == 0


def test_place_where_runs_part(tmp_path, capsys):
    a = written(tmp_path / "a", range(40))
    b = written(tmp_path / "b", [*range(20, 28), *range(4), *range(32, 40)])
    status, text = diff(a, b, capsys)
    assert status == 1
    assert text == (
        "rank 0: the runs part at batch 7 of epoch 0, after 2 equal batches; of 5 "
        "batches, 1 are not in the first run or come again, and 1 never come\n"
    )


def test_other_runs(tmp_path, capsys):
    a, b = written(tmp_path / "a", range(40)), written(tmp_path / "b", range(1, 9))
    assert "no batch of the first run is batch 0 of epoch 0" in diff(a, b, capsys)[1]
    b = written(tmp_path / "c", range(48))
    assert "goes on after batch 9 of epoch 0" in diff(a, b, capsys)[1]


def test_ledger_survives_a_crash(tmp_path):
    path = tmp_path / "run"
    code = f"""
import os, dejabatch
for number, batch in enumerate(dejabatch.ledger([1, 2, 3], {str(path)!r})):
    if number == 1:
        os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert [line.batch for line in read_ledger(path)[0]] == [0, 1]


def test_bad_input_is_named(tmp_path, capsys):
    with pytest.raises(TypeError, match="loader must be iterable, not int"):
        dejabatch.ledger(3, tmp_path / "run")
    (tmp_path / "other").write_text("no ledger\n")
    assert main(["diff", str(tmp_path / "other"), str(tmp_path / "none")]) == 2
    assert "other:1 is not a line of a ledger" in capsys.readouterr().err


def test_nothing_else_is_touched(tmp_path):
    before = torch.get_rng_state()
    batches = [torch.ones(3)]
    assert next(iter(dejabatch.ledger(batches, tmp_path / "run"))) is batches[0]
    assert torch.equal(torch.get_rng_state(), before)


def test_batch_is_freed_with_the_last_variable_of_the_loop(tmp_path):
    batches = iter(dejabatch.ledger(map(torch.ones, [3]), tmp_path / "run"))
    batch = next(batches)
    gone = weakref.ref(batch)
    del batch
    assert gone() is None
