"""A program on a system that cannot fork, as Windows.

Run this file with the path of a page's script, or without an argument. It prints what
audit finds in the page's loaders, or in loaders of its own, as JSON. With the argument
"resumes", it resumes a loader on two ranks.
"""

# The lines below stand for the system: they run in every new process, before the rest.
# isort: off
import multiprocessing
import os

for name in ("fork", "forkpty", "killpg", "setpgid"):
    if hasattr(os, name):
        delattr(os, name)
if multiprocessing.get_start_method(allow_none=True) is None:
    multiprocessing.set_start_method("spawn")
# isort: on

import importlib
import json
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

import dejabatch
import dejabatch.testing


class Edits(Dataset):
    def __init__(self):
        self.rows = torch.arange(48.0).reshape(12, 4)

    def __len__(self):
        return 12

    def __getitem__(self, index):
        self.rows[index] += 1
        return self.rows[index].clone()


class Rows(Edits):
    def __getitem__(self, index):
        return self.rows[index] + torch.rand(())


def slugs(loader, expect=None):
    """Return what is found in a loader or in two, or what prevents it from a copy."""
    try:
        if isinstance(loader, tuple):
            report = dejabatch.compare(*loader, time_limit=300)
        else:
            report = dejabatch.audit(loader, time_limit=300, expect=expect)
    except ValueError as error:
        path, _, reason = str(error).partition(": ")
        return [path] if reason.startswith("it cannot be pickled") else [str(error)]
    return [finding.slug for finding in report.findings]


def resumes():
    dejabatch.testing.assert_resumable(
        make_rows, save=batches, load=skip, at=[2], epochs=2, world_size=2
    )
    return {"resumes on": "two ranks"}


def make_rows():
    return DataLoader(range(8), batch_size=2)


def batches(loader, position):
    return position.batches


def skip(loader, batches):
    return DataLoader(range(2 * batches, 8), batch_size=2)


def main(page=None):
    if page is None:
        edits, rows = (
            DataLoader(Edits(), batch_size=4),
            DataLoader(Rows(), shuffle=True),
        )
        found = {
            "broken": slugs(edits),
            "fixed": slugs(rows),
            "compared": [f.slug for f in dejabatch.compare(rows, rows).findings],
        }
    elif page == "resumes":
        found = resumes()
    else:
        sys.path.insert(0, str(Path(page).parent))
        module = importlib.import_module(Path(page).stem)
        expect = getattr(module, "expect", None)
        loaders = {"broken": module.broken, "fixed": module.fixed}
        found = {name: slugs(loader, expect) for name, loader in loaders.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
