"""Without fork, audit and compare find what they find with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from green_runs import slow_audit, slow_resume

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.finders import found_by

PROGRAM = Path(__file__).with_name("no_fork.py")
ROOT = PROGRAM.parents[1]
# A broken loader that cannot be sent to another process, and what prevents it.
NOT_SENT = {"one-shot-sampler": "loader.sampler"}
# The loaders of the section about ranks need a process group, and this one needs fork.
PAGES = sorted(
    slug
    for slug, mode in FAILURE_MODES.items()
    if mode.has_page and mode.section != "6_ranks" and "audit" in found_by(slug)
    if slug != "file-opened-before-fork"
)


def found_by_the_program(*arguments):
    command = [sys.executable, *map(str, (PROGRAM, *arguments))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_loaders_are_diagnosed_without_fork():
    assert found_by_the_program() == {
        "broken": ["inplace-edit-of-stored-data"],
        "fixed": [],
        "compared": ["samples-in-both-loaders"],
    }


@slow_resume
def test_ranks_resume_without_fork():
    assert found_by_the_program("resumes") == {"resumes on": "two ranks"}


@slow_audit
@pytest.mark.parametrize("slug", PAGES)
def test_pages_loaders_are_named_without_fork(slug):
    page = ROOT / "gallery" / FAILURE_MODES[slug].page
    found = [NOT_SENT.get(slug, slug)]
    assert found_by_the_program(page) == {"broken": found, "fixed": []}
