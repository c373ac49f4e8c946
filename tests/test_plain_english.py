"""The checks of text find what CONTRIBUTING.md forbids, and nothing else."""

import os
import re
import subprocess

import pytest
import yaml
from conftest import ROOT

CHECK = ROOT / ".ci" / "plain-english"
FORBIDDEN = [
    "# Of a Subset, compare the indices.",
    '    """Those of an observation are shown.',
    "The text ends. That of tqdm is a semaphore.",
    "Nor does the thread stay.",
    "* What is drawn once is the same.",
    "What fills no batch is left out, and",
    'msg = f"{target!r} is no DataLoader"',
    "the rows are no integers",
    '"""Tell whether a file is open."""',
    "a generator that nobody seeds",
    "Whoever begins a pass moves it on",
    "shows that somebody shuffles",
]
ALLOWED = [
    "Return the names of what is open.",
    "What do you see?",
    "If there is no loader, there are no batches.",
    "The file is no longer open.",
    "It is not a DataLoader, and is now closed.",
    "The report tells whether it is open.",
    "Northern, often, Offset, Whatever",
]


@pytest.fixture
def check(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)

    def check(text):
        (tmp_path / "page.md").write_text(f"Fine.\n{text}\nFine.\n")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        return subprocess.run(
            ["sh", CHECK],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return check


@pytest.mark.parametrize("text", FORBIDDEN)
def test_forbidden_text_is_found(check, text):
    result = check(text)
    assert result.stdout == f"page.md:2:{text}\n"
    assert result.returncode == 1


def test_plain_text_passes(check):
    result = check("\n".join(ALLOWED))
    assert (result.returncode, result.stdout) == (0, "")


def test_check_fails_where_git_cannot_read(tmp_path):
    result = subprocess.run(["sh", CHECK], cwd=tmp_path / "..", check=False)
    assert result.returncode == 1


def subject_pattern():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (local,) = [repo["hooks"] for repo in hooks if repo["repo"] == "local"]
    (hook,) = [hook for hook in local if hook["id"] == "commit-subject"]
    assert hook["language"] == "pygrep"
    assert {"--negate", "--multiline"} == set(hook["args"])
    return re.compile(
        hook["entry"].encode(), re.MULTILINE | re.DOTALL
    )  # as pygrep does


@pytest.mark.parametrize(
    ("message", "good"),
    [
        ("checks: report the shard that repeats\n\nA reason.\n", True),
        ("docs/_ext: merge two files", True),
        ("fixup! checks: report the shard", True),
        ('Revert "checks: report the shard"\n', True),
        (f"checks: {'a' * 64}", True),
        (f"checks: {'a' * 65}", False),
        ("Report the shard", False),
        ("checks: Report the shard", False),
        ("checks:report the shard", False),
        ("A sentence: it goes on", False),
        ("Report the shard\n\nchecks: report the shard\n", False),
    ],
)
def test_commit_subjects(message, good):
    assert bool(subject_pattern().search(message.encode())) == good
