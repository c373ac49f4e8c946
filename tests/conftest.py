"""Builds of the real site and of small Sphinx projects, made once and asked often."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import green_runs
import pytest

pytest_plugins = ["pytester"]  # for the tests of the package's own plugin
ROOT = Path(__file__).resolve().parent.parent
# Imported once, where every worker of a fork server would import it for itself.
multiprocessing.set_forkserver_preload(["torch"])
with contextlib.suppress(ModuleNotFoundError):  # the browser's environment has none
    from hypothesis import settings

    import dejabatch

    # A deadline for single examples fails on a busy machine, and so does a user's limit.
    settings.register_profile("no deadline", deadline=None)
    settings.load_profile("no deadline")
    for function in (dejabatch.audit, dejabatch.compare):
        function.__kwdefaults__["time_limit"] = 600.0

# Every script of the gallery; the pages are those about a failure mode.
SCRIPTS = sorted(ROOT.glob("gallery/*/plot_*.py"))
PAGES = [script for script in SCRIPTS if script.parent.name[0].isdigit()]
WITH_FRAMEWORKS = {
    "test_auditing_libraries.py",
    "test_frameworks.py",
    "test_known_schemes.py",
    "test_lightning.py",
    "test_real_sources.py",
    "test_transformers.py",
    "test_ways_to_resume.py",
}
WRITTEN_BY_BUILDS = shutil.ignore_patterns("_build", "gallery", "__pycache__")


# pytest-xdist and the markers' own hook must find the items as they are changed here.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Run the site's tests in one process, and slow tests if their inputs changed."""
    # A process that has imported a framework forks several times more slowly.
    items.sort(key=lambda item: item.path.name in WITH_FRAMEWORKS)
    green = green_runs.read()
    for item in items:
        if "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("site"))
        if "project" in getattr(item, "fixturenames", ()):
            item.add_marker(green_runs.slow_build)
        if item.get_closest_marker("slow"):
            digest = green_runs.digest(item)
            item.user_properties.append((green_runs.PROPERTY, digest))
            changed = green and digest != green.get(item.nodeid)
            if config.option.markexpr != "slow" and changed:
                item.own_markers = [m for m in item.own_markers if m.name != "slow"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Record the slow tests that pass, in the process that hears of all tests."""
    if not hasattr(session.config, "workerinput"):
        everything = session.config.option.markexpr == "slow"
        recorder = green_runs.Recorder(all_slow_tests=everything)
        session.config.pluginmanager.register(recorder)


@dataclass(frozen=True)
class Build:
    """The result of one run of sphinx-build."""

    status: int
    log: str
    html: Path

    def text(self, page: str) -> str:
        return (self.html / page).read_text(encoding="utf-8")


def pages_of(build: Build) -> list[Path]:
    """Return every page; the theme also copies a template into _static."""
    return [p for p in build.html.rglob("*.html") if "_static" not in p.parts]


def sphinx_build(docs: Path, *options: str, timeout: float = 600) -> Build:
    """Build `docs` with warnings as errors, in a process of its own."""
    html = docs / "_build" / "html"
    command = ["-n", "-W", "--keep-going", "-d", str(docs / "_build" / "doctrees")]
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", *command, *options, str(docs), str(html)],
        env={**os.environ, "NO_COLOR": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Build(result.returncode, result.stdout + result.stderr, html)


def copy_site(target: Path) -> Path:
    """Copy everything that the site is built from, and return its docs folder."""
    shutil.copytree(ROOT / "docs", target / "docs", ignore=WRITTEN_BY_BUILDS)
    shutil.copytree(ROOT / "gallery", target / "gallery")
    shutil.copytree(ROOT / "src", target / "src")
    (target / ".github").mkdir()
    for name in ("LICENSE", "README.md", "pyproject.toml", ".github/CONTRIBUTING.md"):
        shutil.copy(ROOT / name, target / name)
    return target / "docs"


@pytest.fixture(scope="session")
def site() -> Build:
    """Build the site where `nox -s docs` does, which leaves little to do after it."""
    build = sphinx_build(ROOT / "docs", timeout=1800)
    assert build.status == 0, build.log
    return build


class SmallProject:
    """A Sphinx project with the site's own hooks and pages that a test writes."""

    def __init__(self, root: Path) -> None:
        self.docs = root / "docs"
        self.gallery = root / "gallery"
        self.source = root / "src" / "small.py"
        for folder in (self.docs, self.gallery, self.source.parent):
            folder.mkdir(parents=True)
        self.source.write_text("")
        (self.gallery / "GALLERY_HEADER.rst").write_text("Small\n=====\n")
        (self.docs / "index.rst").write_text(
            "Index\n=====\n\n.. toctree::\n\n   gallery/index\n"
        )
        self.configure()

    def configure(self, time_limit: float = 100) -> None:
        (self.docs / "conf.py").write_text(f"""
import sys
sys.path.insert(0, {str(ROOT / "docs" / "_ext")!r})
extensions = ["gallery_hooks", "sphinx_gallery.gen_gallery", "build_environment"]
gallery_time_limit = {time_limit}
suppress_warnings = ["config.cache"]
sphinx_gallery_conf = {{
    "examples_dirs": "../gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib",),
}}
""")

    def page(self, name: str, code: str) -> None:
        """Write gallery/plot_<name>.py."""
        script = f'"""\n{name}\n{"=" * len(name)}\n\nText.\n"""\n\n{code}\n'
        (self.gallery / f"plot_{name}.py").write_text(script)

    def build(self, *options: str) -> Build:
        return sphinx_build(self.docs, *options)


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """Give an empty small project."""
    return SmallProject(tmp_path / "small")
