"""The lint starts fast: neither torch nor numpy is imported."""

import subprocess
import sys

import pytest

LINT_ONE_FILE = """
import sys
from pathlib import Path
from dejabatch.lint import lint_paths
assert len(lint_paths([Path(sys.argv[1])])) == 1
"""
RUN_THE_COMMAND = """
import sys
from dejabatch.cli import main
assert main(["lint", "--format", "sarif", sys.argv[1]]) == 1
"""
PRINT_TEXT = RUN_THE_COMMAND.replace("sarif", "text")
# Each of these modules would add a tenth of a second or more to the start.
SLOW = {"torch", "numpy", "importlib.metadata", "concurrent.futures", "pathspec"}
HEAVY = "\nprint('imported:', *sorted({'torch', 'numpy'} & sys.modules.keys()))"


@pytest.mark.parametrize(
    "program", [LINT_ONE_FILE, RUN_THE_COMMAND], ids=["lint_paths", "command"]
)
def test_lint_does_not_import_torch(program, tmp_path):
    file = tmp_path / "train.py"
    file.write_text("import itertools\nitertools.cycle(DataLoader(dataset))\n")
    result = subprocess.run(
        [sys.executable, "-c", program + HEAVY, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].split() == ["imported:"]


def test_text_of_one_file_needs_no_slow_module(tmp_path):
    file = tmp_path / "train.py"
    file.write_text("import itertools\nitertools.cycle(DataLoader(dataset))\n")
    program = (
        f"{PRINT_TEXT}\nprint('imported:', *sorted({SLOW!r} & sys.modules.keys()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].split() == ["imported:"]
