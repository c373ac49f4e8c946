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
