"""Audit works in the kernel of a notebook, and shows a report there."""

import nbclient
import nbformat
import pytest
from green_runs import slow_audit

pytestmark = pytest.mark.filterwarnings("default")

DATASET = """
import numpy as np
from torch.utils.data import DataLoader, Dataset
import dejabatch

class Cell(Dataset):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 24

    def __getitem__(self, index):
        print("a sample is made")
        return index * self.rng.random()

loader = DataLoader(Cell(), batch_size=4, shuffle=True, num_workers={workers})
"""
AUDIT = "report = dejabatch.audit(loader, time_limit=300, method={method!r})\nreport"
SLUGS = "print([finding.slug for finding in report.findings])"


def outputs(*cells):
    """Run cells in a new kernel, and return the outputs of each."""
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
    nbclient.NotebookClient(notebook, timeout=600).execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize(
    ("method", "workers"),
    [
        ("fork", 2),
        pytest.param("fork", 0, marks=slow_audit),
        ("spawn", 0),
        pytest.param("spawn", 2, marks=slow_audit),
    ],
)
def test_class_of_a_cell_is_audited(method, workers):
    _, shown, printed = outputs(
        DATASET.format(workers=workers), AUDIT.format(method=method), SLUGS
    )
    expected = ["rng-object-on-dataset"] if workers else []
    assert printed[0].text == f"{expected}\n"
    results = [one for one in shown if one.output_type == "execute_result"]
    assert len(results[0].data["text/plain"].splitlines()) == 1
    assert results[0].data["text/html"].startswith("<section>")
    streams = [one.text for one in shown if one.output_type == "stream"]
    assert "a sample is made" not in "".join(streams)
