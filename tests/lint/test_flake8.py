"""The flake8 plugin reports the failures of a file."""

import ast

from dejabatch import FAILURE_MODES
from dejabatch.lint.flake8 import Plugin

SOURCE = """
import itertools
batches = itertools.cycle(DataLoader(dataset))
for name in itertools.cycle(val_loader):
    pass
"""


def test_plugin_reports_errors_and_warnings():
    plugin = Plugin(ast.parse(SOURCE), "train.py", SOURCE.splitlines(keepends=True))
    assert list(plugin.run()) == [
        (
            3,
            10,
            f"DJB001 {FAILURE_MODES['itertools-cycle'].title} [itertools-cycle]",
            Plugin,
        )
    ]


def test_plugin_follows_the_settings_of_the_file(tmp_path):
    tmp_path.joinpath("pyproject.toml").write_text(
        '[tool.dejabatch.lint]\nper-file-ignores = {"old/*" = ["itertools-cycle"]}\n'
    )
    tmp_path.joinpath("old").mkdir()
    lines = SOURCE.splitlines(keepends=True)

    def found(name):
        plugin = Plugin(ast.parse(SOURCE), str(tmp_path / name), lines)
        return [line for line, *_ in plugin.run()]

    assert found("train.py") == [3]
    assert found("old/train.py") == []
