"""The names that the site may link to without a network exist."""

import importlib

import pytest
import stored_inventories
from conftest import ROOT
from sphinx.util.inventory import InventoryFile

PROJECTS = sorted((ROOT / "docs" / "_inventories").glob("*.txt"))
NAMES = [
    pytest.param(name, id=f"{path.stem}:{name}")
    for path in PROJECTS
    for name, _, _ in stored_inventories.read_names(path)
]


@pytest.mark.parametrize("name", NAMES)
def test_name_can_be_imported(name):
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[split:]:
            found = getattr(found, attribute)
        return
    assert hasattr(importlib.import_module("builtins"), name)


def test_sphinx_reads_what_is_written():
    names = [("torch.rand", "py:function", "generated/torch.rand.html#torch.rand")]
    content = stored_inventories.compress("torch", names)
    inventory = InventoryFile.loads(content, uri="https://example.org")
    item = inventory.data["py:function"]["torch.rand"]
    assert item.uri == "https://example.org/generated/torch.rand.html#torch.rand"


@pytest.mark.parametrize("path", PROJECTS, ids=[p.stem for p in PROJECTS])
def test_every_stored_project_is_configured(path):
    assert f'"{path.stem}": "https://' in (ROOT / "docs" / "conf.py").read_text()
