#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.2.9"]
# ///
"""Everything that is run on this project: ``nox -l`` lists it."""

from __future__ import annotations

import argparse
import hashlib
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
# pip, not uv: pip's own index variables and caches then work for every user.
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
DOCS = Path("docs")
BUILD = DOCS / "_build"

# OpenMP threads that exist before a fork deadlock in the child.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def install(session: nox.Session, group: str, *packages: str) -> None:
    """Install `packages` and a dependency group, again only if pyproject.toml changed.

    pip needs several seconds to find out that it has nothing to do.
    """
    wanted = hashlib.sha256(Path("pyproject.toml").read_bytes()).hexdigest()
    marker = Path(session.virtualenv.location) / "installed-from.sha256"
    if marker.is_file() and marker.read_text() == wanted:
        return
    session.install(*packages, *nox.project.dependency_groups(PYPROJECT, group))
    marker.write_text(wanted)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests on all cores; arguments go to pytest."""
    install(session, "test", "-e", ".")
    cores = ("-n", "auto", "--dist", "loadgroup")
    session.run("pytest", *cores, *session.posargs, env=ONE_THREAD)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the site: --only SLUG, --no-exec, --clean, --serve."""
    parser = argparse.ArgumentParser("nox -s docs --", allow_abbrev=False)
    parser.add_argument("--only", metavar="SLUG", help="execute only this page")
    parser.add_argument(
        "--no-exec", action="store_true", help="execute no page: fast, without outputs"
    )
    parser.add_argument("--clean", action="store_true", help="forget earlier builds")
    parser.add_argument(
        "--serve", action="store_true", help="serve it and rebuild on every change"
    )
    args = parser.parse_args(session.posargs)

    options = []
    if args.only:
        name = f"plot_{args.only.replace('-', '_')}.py"
        if not list(Path("gallery").glob(f"*/{name}")):
            session.error(f"--only: there is no page gallery/*/{name}")
        options += ["-D", f"sphinx_gallery_conf.filename_pattern=/{name}"]
    if args.no_exec:
        options += ["-D", "plot_gallery=False"]
    if args.clean:
        for folder in (BUILD, DOCS / "api", DOCS / "gallery"):
            shutil.rmtree(folder, ignore_errors=True)

    install(session, "docs", "-e", ".")
    source, html = str(DOCS), BUILD / "html"
    options += ["-b", "html", "-d", str(BUILD / "doctrees"), source, str(html)]
    if args.serve:
        watch = ["--watch", "gallery", "--watch", "src"]
        # What the build itself writes must not start the next build.
        written = ((DOCS / name).resolve() / "*" for name in ("api", "gallery"))
        ignore = [part for path in written for part in ("--ignore", str(path))]
        session.run("sphinx-autobuild", *watch, *ignore, *options, env=ONE_THREAD)
        return
    strict = ["-n", "-W", "--keep-going", "-T", "-j", "auto"]
    session.run("sphinx-build", *strict, *options, env=ONE_THREAD)
    session.log(f"Open {(html / 'index.html').resolve().as_uri()}")


@nox.session(default=False)
def site(session: nox.Session) -> None:
    """Test the built site in Chromium; arguments go to pytest."""
    # What is copied from a page runs where the page itself has run.
    bin_folder = Path(session.bin)
    docs_bin = bin_folder.parent.with_name("docs") / bin_folder.name
    python = shutil.which("python", path=docs_bin)
    if python is None or not (BUILD / "html" / "index.html").is_file():
        session.error("there is no site: run nox -s docs first")
    install(session, "browser")
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        session.run("playwright", "install", "chromium")
    pytest = ("pytest", "-m", "browser", "--no-showlocals", *session.posargs)
    lighthouse = Path("tests", "browser", "test_lighthouse.py")
    cores = ("-n", "auto", "--dist", "loadgroup")
    together = ("tests/browser", f"--ignore={lighthouse}")
    session.run(*pytest, *cores, *together, env={"DOCS_PYTHON": python})
    # Beside other tests, Lighthouse would measure them, too. 5: the arguments chose none.
    codes = [0, 5] if session.posargs else [0]
    session.run(*pytest, str(lighthouse), success_codes=codes)


@nox.session(default=False)
def linkcheck(session: nox.Session) -> None:
    """Check that the links to other sites still work; needs the network."""
    install(session, "docs", "-e", ".")
    options = ["-D", "plot_gallery=False", "-d", str(BUILD / "doctrees-linkcheck")]
    session.run(
        "sphinx-build", "-b", "linkcheck", *options, str(DOCS), str(BUILD / "linkcheck")
    )


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure what the detector costs, and write the table in docs/evidence."""
    install(session, "docs", "-e", ".")
    session.run("python", str(DOCS / "evidence" / "measure.py"), env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling, reStructuredText and the hosting files' schemas."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    folders = ("docs/_build", "docs/api", "docs/gallery")
    written_by_builds = [part for folder in folders for part in ("-i", folder)]
    session.run("sphinx-lint", *written_by_builds, "docs", "gallery", "README.md")
    schemas = {
        "github-workflows": sorted(Path(".github/workflows").glob("*.yml")),
        "dependabot": [Path(".github/dependabot.yml")],
        "readthedocs": [Path(".readthedocs.yaml")],
    }
    for schema, files in schemas.items():
        session.run(
            "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)
        )
    session.run("zizmor", "--offline", "--quiet", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of the package."""
    install(session, "typing")
    session.run("mypy")


if __name__ == "__main__":
    nox.main()
