"""The README's two commands are two, are single lines, and name real sessions."""

import re

from conftest import ROOT

README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / ".github" / "CONTRIBUTING.md").read_text()


def console_blocks(text):
    return re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)


COMMANDS = console_blocks(README.partition("## Two commands")[2])


def test_one_command_builds_the_site_and_one_runs_the_tests():
    docs, tests = COMMANDS
    assert docs.count("\n") == tests.count("\n") == 1
    assert docs.endswith("/nox -s docs\n")
    assert tests.endswith("/nox -s tests\n")
    assert docs.startswith("python3 -m venv ")
    assert tests.startswith("python3 -m venv ")


def test_contributors_get_the_same_commands():
    assert console_blocks(GUIDE) == COMMANDS


def test_named_sessions_exist():
    noxfile = (ROOT / "noxfile.py").read_text()
    pages = [README, GUIDE, *(p.read_text() for p in ROOT.glob("docs/*.md"))]
    named = {
        session
        for page in pages
        for sessions in re.findall(r"nox -s ((?:[a-z_]+ ?)+)", page)
        for session in sessions.split()
    }
    assert named >= {"docs", "tests", "lint", "typing", "linkcheck"}
    for session in named:
        assert f"def {session}(session: nox.Session)" in noxfile
