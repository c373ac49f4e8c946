"""The page about frameworks offers the lines that its program runs."""

import re

from conftest import ROOT

FOLDER = ROOT / "docs" / "frameworks"


def test_each_line_to_paste_is_run():
    program = (FOLDER / "audit_each.py").read_text()
    page, _ = (
        (FOLDER / "index.md")
        .read_text()
        .split("This build does not run these frameworks")
    )
    lines = re.findall(r"`(dejabatch\.audit\(.*?\))`", page)
    assert len(lines) >= 6
    for line in lines:
        assert line in program, line
