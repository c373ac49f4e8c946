"""`dejabatch audit` as one of several ranks: one report, and one exit code."""

import contextlib
import io
import os
import subprocess
import sys
import textwrap
import time

import pytest
import torch.distributed as dist
from conftest import ROOT
from green_runs import slow_ranks
from rank_loaders import model_parallel_differ, with_sampler, without_sampler
from rank_processes import on_ranks

from dejabatch import cli
from dejabatch.distributed import launched


def numbers():
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def make_broken():
    return without_sampler(*numbers())


def make_with_group():
    dist.init_process_group("gloo")
    settings = [dist.get_rank()]
    dist.broadcast_object_list(settings)
    dist.barrier()
    return with_sampler(dist.get_rank(), dist.get_world_size())


def make_raising():
    if os.environ["RANK"] == "1":
        msg = "no such file"
        raise OSError(msg)
    return with_sampler(*numbers())


def make_parts():
    return model_parallel_differ(*numbers())


def run(rank, world, name, *options):
    """Return the exit code, the output and the errors of the command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(["audit", f"test_launched:{name}", *options])
    return code, out.getvalue(), err.getvalue()


def audited(name, *options):
    return on_ranks(2, run, name, *options, group=False, timeout=200)


def test_rank_0_prints_one_report_and_all_exit_alike(tmp_path):
    (code, text, errors), other = audited("make_broken")
    assert "error: Every GPU trains on the same batches" in text
    assert (code, errors) == (1, "")
    assert other == (1, "", "")


def test_function_may_make_the_group_and_broadcast(tmp_path):
    output = tmp_path / "report.txt"
    zero, one = audited("make_with_group", "--output", str(output))
    assert zero == one == (0, "", "")
    assert "ranks: 2 ranks were compared" in output.read_text()


def test_error_of_one_rank_ends_all_with_code_2():
    (code, text, errors), other = audited("make_raising")
    assert (code, text) == (2, "")
    assert "make_raising: rank 1: OSError: no such file" in errors
    assert other == (2, "", "")


def test_report_that_cannot_be_written_ends_all_with_code_2(tmp_path):
    (code, _, errors), other = audited("make_broken", "--output", str(tmp_path))
    assert (code, other) == (2, (2, "", ""))
    assert "--output" in errors


def test_ranks_of_one_model_can_be_declared():
    zero, one = audited("make_parts", "--same-data", "0,1")
    assert "error: Tensor-parallel ranks read different batches" in zero[1]
    assert (zero[0], one[0]) == (1, 1)


def give_up(rank, world):
    launched._GRACE = 0.5

    def waits():
        time.sleep(60)

    launched.make_once(waits, 0.5)


def test_a_function_that_waits_for_ever_is_given_up(capfd):
    start = time.monotonic()
    assert on_ranks(1, give_up, group=False) == ["died"]
    assert time.monotonic() - start < 30


TRAIN = textwrap.dedent("""\
    from accelerate import Accelerator
    from torch.utils.data import DataLoader

    def one():
        return DataLoader(range(64), batch_size=4, shuffle=True)

    def prepared():
        return Accelerator(cpu=True).prepare(one())
""")


@slow_ranks
def test_two_agents_of_torchrun(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    port = str(20_000 + os.getpid() % 10_000)
    command = (
        f"-m torch.distributed.run --nnodes 2 --nproc-per-node 1 --master-addr 127.0.0.1 "
        f"--master-port {port} --node-rank NODE -m dejabatch audit train:one"
    )
    agents = [
        subprocess.Popen(
            [sys.executable, *command.replace("NODE", node).split()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for node in ("0", "1")
    ]
    outputs = [agent.communicate(timeout=300)[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [1, 1]
    assert "each of the 2 ranks has all 64 indices" in outputs[0]
    assert outputs[1] == ""


@slow_ranks
@pytest.mark.parametrize("target", ["one", "prepared"])
def test_accelerate_launch(tmp_path, target):
    (tmp_path / "train.py").write_text(TRAIN)
    command = (
        # Without --multi_gpu, which a processor may be given too, one process is started.
        "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 "
        "--mixed_precision no --main_process_port 0 --dynamo_backend no "
        f"-m dejabatch audit train:{target}"
    )
    ended = subprocess.run(
        [sys.executable, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (ended.returncode == 0) == (target == "prepared"), ended.stderr
    assert "ranks: 2 ranks were compared" in ended.stdout
    assert ("Every GPU trains on the same" in ended.stdout) == (target == "one")
