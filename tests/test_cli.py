"""The commands as a shell runs them: what they print, and how they exit."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dejabatch import FAILURE_MODES
from dejabatch.cli import PLACES_AS, main
from dejabatch.finders import found_by
from dejabatch.lint import lint_paths

TRAIN = """
import os
import signal

import torch
from torch.utils.data import DataLoader, Dataset

healthy = DataLoader(range(16), batch_size=4, shuffle=True)
unseeded = DataLoader(range(16), shuffle=True, generator=torch.Generator())
raises = DataLoader([], batch_size=4, sampler=[3])


class Dies(Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        if index == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


dies = DataLoader(Dies(), num_workers=1, multiprocessing_context="fork")


class Noise(Dataset):
    def __init__(self):
        self.rng = torch.Generator().manual_seed(0)

    def __len__(self):
        return 16

    def __getitem__(self, index):
        return index + torch.rand((), generator=self.rng)


class loaders:
    @staticmethod
    def make():
        return DataLoader(Noise(), batch_size=4, num_workers=2, multiprocessing_context="fork")
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "train.py").write_text(TRAIN)
    (tmp_path / "broken.py").write_text("import package\n1 / 0\n")
    (tmp_path / "needs.py").write_text("import no_such_library\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")

    def run(*arguments):
        return subprocess.run(
            # Without -P, python -m has the current directory on its path anyway.
            [sys.executable, "-P", "-m", "dejabatch", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_audit_of_a_healthy_loader(run):
    result = run("audit", "package.train:healthy", "--epochs", "3", "--max-batches=2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(
        "dejabatch: nothing found in 3 epochs of 8 samples\n"
    )


def test_audit_of_a_function_that_makes_a_broken_one(run):
    result = run("audit", "package.train:loaders.make", "--format=json")
    assert result.returncode == 1, result.stderr
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["slug"] == "rng-object-on-dataset"
    assert finding["severity"] == "error"


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        ("html", "<!doctype html>"),
        ("text", "dejabatch: 1 "),
        ("json", "{"),
        ("sarif", "{"),
    ],
)
def test_audit_writes_a_file(run, tmp_path, suffix, start):
    file = tmp_path / "report"
    result = run(
        "audit", "package.train:loaders.make", "--format", suffix, "--output", file
    )
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    assert file.read_text().startswith(start)
    assert "plot_rng_object_on_dataset.html" in file.read_text()


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 1), (("--fail-on=error",), 0), (("--fail-on=note",), 1)],
)
def test_audit_lets_pass_what_is_below_fail_on(run, options, status):
    result = run("audit", "package.train:unseeded", *options)
    assert result.stdout.startswith("dejabatch: 1 warning\n"), result.stderr
    assert result.returncode == status


def test_audit_that_is_incomplete(run):
    result = run("audit", "package.train:dies", "--fail-on=error")
    assert result.returncode == 2
    assert result.stdout.startswith("dejabatch: incomplete: worker 0 was killed by SIG")
    assert result.stderr == ""


def test_audit_prints_sarif(run):
    result = run("audit", "package.train:loaders.make", "--format=sarif")
    (found,) = json.loads(result.stdout)["runs"][0]["results"]
    place = found["locations"][0]["physicalLocation"]
    line = TRAIN.splitlines().index("class Noise(Dataset):") + 1
    assert place["artifactLocation"]["uri"] == "package/train.py"
    assert place["region"] == {"startLine": line}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train"], "'train' is not of the form PKG.MOD:NAME"),
        (["no_package.train:healthy"], "there is no module 'no_package'"),
        (["package.trane:healthy"], "there is no module 'package.trane'"),
        (["package.train:helthy"], "in package.train; did you mean healthy?"),
        (["package.train:raises"], "IndexError"),
        (["package.train:TRAIN"], "there is no 'TRAIN'"),
        (["package.train:__name__"], "loader must be"),
        (["package.train:healthy", "--epochs=0"], "epochs must be"),
        (["package.train:healthy", "--format=html"], "needs --output FILE"),
        (["package.train:healthy", "--output=no/such"], "--output: "),
        (["broken:loader"], 'broken.py", line 2'),
        (["needs:loader"], "No module named 'no_such_library'"),
        (["exits:loader"], "exits cannot be imported"),
    ],
)
def test_audit_says_why_it_cannot_run(run, arguments, reason):
    result = run("audit", *arguments)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("dejabatch audit: ")
    assert reason in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("slug", ["exhausted-stream", "state-lost-in-workers"])
def test_explain(run, slug):
    result = run("explain", slug)
    mode = FAILURE_MODES[slug]
    assert result.returncode == 0, result.stderr
    told = " ".join(result.stdout.split())
    for text in (mode.title, mode.symptom, mode.cause, mode.fix, mode.url):
        assert text in told
    tools = ", ".join(found_by(mode.slug))
    assert (tools or mode.undetected_because) in told
    assert max(map(len, result.stdout.splitlines())) <= 79 or mode.url in told


def test_explain_of_what_is_not_there(run):
    result = run("explain", "exhausted-streams")
    assert (result.returncode, result.stdout) == (2, "")
    assert "no failure mode 'exhausted-streams'; did you mean" in result.stderr
    assert "exhausted-stream" in result.stderr.split("did you mean")[1]
    result = run("explain", "zzz")
    assert result.returncode == 2
    assert "did you mean" not in result.stderr
    assert "/reference/failure-modes.html" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["audits"], ["lint", "--format", "x"]])
def test_arguments_that_are_no_command(run, arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: python -m dejabatch")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a file.py"
    path.write_text("import itertools\nitertools.cycle(DataLoader(dataset))\n")
    return path


def test_lint_as_a_module(run, source):
    result = run("lint", source)
    assert result.returncode == 1, result.stderr
    assert f"{source}:2:1: error: " in result.stdout
    assert "gallery/3_order/plot_itertools_cycle.html" in result.stdout
    assert result.stdout.endswith("1 error\n")


def test_lint_of_a_healthy_folder(source, capsys):
    source.write_text("")
    assert main(["lint", str(source.parent)]) == 0
    assert capsys.readouterr().out == "nothing found\n"


@pytest.mark.parametrize("name", PLACES_AS)
def test_lint_prints_each_format(name, source, capsys):
    assert main(["lint", "--format", name, str(source)]) == 1
    (place,) = lint_paths([source])
    assert capsys.readouterr().out == f"{PLACES_AS[name]([place])}\n"


def test_lint_reads_the_current_directory_by_default(source, monkeypatch, capsys):
    monkeypatch.chdir(source.parent)
    assert main(["lint", "--format", "lines"]) == 1
    assert capsys.readouterr().out.startswith(
        "a file.py:2:1: error: [itertools-cycle] "
    )


def test_lint_of_a_path_that_does_not_exist(capsys):
    assert main(["lint", "/no/such/path"]) == 2
    assert "there is no /no/such/path" in capsys.readouterr().err


def test_lint_reports_a_file_that_is_not_python_as_a_note(source, capsys):
    source.write_text("worker_init_fn = def")
    assert main(["lint", str(source)]) == 0
    assert "note: The file cannot be read [unreadable-file]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 1),
        (["--exit-zero"], 0),
        (["--select", "no-set-epoch"], 0),
        (["--select", "no-set-epoch,itertools-cycle"], 1),
        (["--ignore", "itertools-cycle"], 0),
        (["--exclude", "a file.py"], 0),
    ],
)
def test_lint_options_decide(options, code, source, monkeypatch):
    monkeypatch.chdir(source.parent)
    assert main(["lint", *options, "."]) == code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--select", "itertools-cycl"], "did you mean 'itertools-cycle'?"),
        (["--jobs", "0"], "--jobs must be at least 1, not 0"),
        (["-", "."], "must be the only path"),
    ],
)
def test_lint_names_a_wrong_option(options, message, capsys):
    assert main(["lint", *options]) == 2
    assert message in capsys.readouterr().err


def test_lint_reads_the_section_of_the_project(source, capsys):
    section = "[tool.dejabatch.lint]\nignore = ['itertools-cycle']\n"
    (source.parent / "pyproject.toml").write_text(section)
    assert main(["lint", str(source)]) == 0
    assert capsys.readouterr().out == "nothing found\n"


def test_lint_reads_the_standard_input(source, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(source.read_text()))
    arguments = ["lint", "-", "--stdin-filename", "train.py", "--format", "lines"]
    assert main(arguments) == 1
    assert capsys.readouterr().out.startswith("train.py:2:1: error: ")


def test_a_reader_that_ends_early_ends_the_command(source):
    command = [sys.executable, "-m", "dejabatch", "lint", "--format", "json", source]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # `dejabatch lint | head` closes the pipe in the same way.
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_console_script_runs_the_same_commands(run):
    script = Path(sys.executable).with_name("dejabatch")

    def output(*arguments):
        return subprocess.run(
            [script, *arguments], capture_output=True, text=True, check=False
        )

    assert output("explain", "drop-last").stdout == run("explain", "drop-last").stdout
    assert output("explain").returncode == 2
    assert output("explain").stderr.startswith("usage: dejabatch explain")
