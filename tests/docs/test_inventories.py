"""The names that the site may link to without a network exist."""

import importlib

import pytest
from conftest import ROOT
from sphinx.util.inventory import InventoryFile

INVENTORIES = sorted((ROOT / "docs" / "_inventories").glob("*.inv"))
ITEMS = [
    pytest.param(name, item.uri, id=f"{path.stem}:{name}")
    for path in INVENTORIES
    for items in InventoryFile.loads(path.read_bytes(), uri="site").data.values()
    for name, item in items.items()
]


@pytest.mark.parametrize(("name", "uri"), ITEMS)
def test_name_can_be_imported_and_has_an_address(name, uri):
    assert uri.startswith("site/")
    assert uri.endswith((f".html#{name}", f".html#module-{name}"))
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


@pytest.mark.parametrize("path", INVENTORIES, ids=[p.stem for p in INVENTORIES])
def test_every_inventory_is_configured(path):
    assert f'"{path.stem}": "https://' in (ROOT / "docs" / "conf.py").read_text()
