"""A directive that runs the command line and shows what it prints.

``command-output`` takes the arguments of ``python -m dejabatch``. It runs them in this
process, in which torch is imported already, and in the folder of the page. A page whose
command exits in another way than ``:status:`` says, by default 0, fails the build.
``:lines:`` shows the first of them only.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from dejabatch import cli

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import OptionSpec

# argparse folds its help at the terminal's width, and colours it since Python 3.14.
PLAIN = {"COLUMNS": "80", "NO_COLOR": "1"}


def run(arguments: list[str]) -> tuple[int, str]:
    """Run a command; return its exit code and what it prints."""
    printed = io.StringIO()
    status: Any = 0
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        mock.patch.dict(os.environ, PLAIN),
        mock.patch.object(sys, "path", [*sys.path]),
    ):
        try:
            status = cli.main(arguments)
        except SystemExit as end:
            status = end.code
    return int(status or 0), printed.getvalue()


class CommandOutput(SphinxDirective):
    """A command as it is typed, and what it prints."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[OptionSpec] = {
        "status": directives.nonnegative_int,
        "lines": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        """Return one block, of the command and its output."""
        (typed,) = self.arguments
        page = Path(self.env.doc2path(self.env.docname))
        with contextlib.chdir(page.parent):
            status, printed = run(shlex.split(typed))
        if status != self.options.get("status", 0):
            msg = f"{typed}: exit code {status}\n{printed}"
            raise self.error(msg)
        lines = printed.rstrip().splitlines()
        shown = lines[: self.options.get("lines")]
        if len(shown) < len(lines):
            shown.append("...")
        text = "\n".join([f"$ python -m dejabatch {typed}", *shown])
        block = nodes.literal_block(text, text, language="console")
        self.set_source_info(block)
        return [block]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("command-output", CommandOutput)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
