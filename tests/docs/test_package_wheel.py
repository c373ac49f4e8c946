"""Readers can install the package, whether or not the site is published."""

import json
import tomllib
import zipfile

import package_wheel
import pytest
from conftest import ROOT, sphinx_build
from packaging.requirements import Requirement

WHEEL = "https://example.org/wheel/small-1-py3-none-any.whl"


@pytest.mark.parametrize(
    ("published", "stable", "sentence", "command"),
    [
        (0, "", "Install the package, in a clone of its repository:", "pip install ."),
        (1, "", "Install the package:", f"pip install {WHEEL}"),
        (1, "v0.1.0", "Install the package:", "pip install dejabatch"),
    ],
)
def test_install_line(tmp_path, published, stable, sentence, command):
    (tmp_path / "index.rst").write_text("Title\n=====\n\n.. filled:: install-line\n")
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'docs' / '_ext')!r})\n"
        'extensions = ["failure_modes", "package_wheel"]\n'
        f"package_wheel = {WHEEL!r}\n"
    )
    options = ("-b", "text", "-D", f"published={published}", "-D", f"stable={stable}")
    build = sphinx_build(tmp_path, *options)
    assert build.status == 0, build.log
    assert build.text("index.txt").splitlines()[3:] == [sentence, "", f"   {command}"]


def small_project(root, published):
    """Write a package, and a site with one download of each kind."""
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.11"\n'
    )
    (root / "small.py").write_text("")
    docs = root / "docs"
    docs.mkdir()
    script = (
        "# /// script\n# dependencies = [\n"
        f'{package_wheel.PLACEHOLDER}#   "torch",\n# ]\n# ///\n'
    )
    (docs / "page.py").write_text(script)
    cell = f'%pip install "small @ {WHEEL}"'
    (docs / "page.ipynb").write_text(json.dumps({"cells": [{"source": [cell]}]}))
    with zipfile.ZipFile(docs / "page.zip", "w") as archive:
        archive.write(docs / "page.py", "page.py")
        archive.write(docs / "page.ipynb", "page.ipynb")
    links = "\n\n".join(f":download:`page.{s}`" for s in ("py", "ipynb", "zip"))
    (docs / "index.rst").write_text(f"Title\n=====\n\n{links}\n")
    (docs / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'docs' / '_ext')!r})\n"
        'extensions = ["package_wheel"]\n'
        f"package_wheel = {WHEEL!r}\npublished = {published}\n"
    )
    return docs


def requirements(script, notebook):
    """Return what a script and a notebook install, apart from torch."""
    lines = [line.removeprefix("#") for line in script.splitlines()[1:-1]]
    first, torch = tomllib.loads("\n".join(lines))["dependencies"]
    assert torch == "torch"
    (cell,) = json.loads(notebook)["cells"]
    return {
        first.removeprefix("dejabatch @ "),
        cell["source"][0].split('"')[1].split()[2],
    }


@pytest.mark.parametrize("published", [False, True])
def test_downloads_install_a_wheel_that_is_there(tmp_path, published):
    build = sphinx_build(small_project(tmp_path / "a b", published))
    assert build.status == 0, build.log
    wheel = build.html / "wheel" / WHEEL.rpartition("/")[2]
    assert wheel.is_file()
    expected = WHEEL if published else wheel.as_uri()
    files = {p.suffix: p for p in build.html.glob("_downloads/*/*")}
    texts = files[".py"].read_text(), files[".ipynb"].read_text()
    assert requirements(*texts) == {expected}
    assert Requirement(f"small @ {expected}").url == expected
    with zipfile.ZipFile(files[".zip"]) as archive:
        members = {info: archive.read(info).decode() for info in archive.infolist()}
    assert tuple(members.values()) == texts
