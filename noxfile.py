#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.2.9"]
# ///
"""Build, test and check the project: ``nox -l`` lists the sessions."""

from __future__ import annotations

import argparse
import functools
import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
# uv ignores the index variables and caches that users have set for pip.
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
DOCS = Path("docs")
BUILD = DOCS / "_build"

# OpenMP threads that exist before a fork deadlock in the child.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# The tests fork processes of several hundred megabytes, which takes half the time if their
# memory is in large pages. Only glibc reads the first variable.
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "PYTHONMALLOC": "malloc"}


def install(session: nox.Session, group: str, *packages: str) -> None:
    """Install `packages` and a dependency group, once for each pyproject.toml.

    pip takes several seconds to find that nothing is missing.
    """
    wanted = hashlib.sha256(Path("pyproject.toml").read_bytes()).hexdigest()
    marker = Path(session.virtualenv.location) / "installed-from.sha256"
    if marker.is_file() and marker.read_text() == wanted:
        return
    session.install(*packages, *nox.project.dependency_groups(PYPROJECT, group))
    marker.write_text(wanted)


@nox.session(default=False)
def environment(session: nox.Session) -> None:
    """Install the environment that all sessions but lint and site share."""
    install(session, "test", "-e", ".")
    shared["programs"] = Path(session.bin)


# A virtualenv of nox belongs to one session. These sessions have none and start the
# programs of `environment` by path, so that several gigabytes are installed once.
shared: dict[str, Path] = {}
in_environment = functools.partial(
    nox.session, venv_backend="none", requires=["environment"]
)


def run(
    session: nox.Session,
    program: str,
    *arguments: str,
    env: dict[str, str] | None = None,
) -> None:
    """Run a program of the shared environment."""
    path = str(shared["programs"] / program)
    session.run(path, *arguments, env=ONE_THREAD | (env or {}))


@in_environment()
def tests(session: nox.Session) -> None:
    """Run the tests on all cores; arguments go to pytest."""
    # One more than the cores: many tests wait for processes that they have started.
    processes = str((os.cpu_count() or 1) + 1)
    cores = ("-n", processes, "--dist", "loadgroup")
    run(session, "pytest", *cores, *session.posargs, env=LARGE_PAGES)


@in_environment(default=False)
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

    source, html = str(DOCS), BUILD / "html"
    options += ["-b", "html", "-d", str(BUILD / "doctrees"), source, str(html)]
    if args.serve:
        watch = ["--watch", "gallery", "--watch", "src"]
        # A build must not start the next build by what it writes.
        written = ((DOCS / name).resolve() / "*" for name in ("api", "gallery"))
        ignore = [part for path in written for part in ("--ignore", str(path))]
        run(session, "sphinx-autobuild", *watch, *ignore, *options)
        return
    strict = ["-n", "-W", "--keep-going", "-T", "-j", "auto"]
    run(session, "sphinx-build", *strict, *options)
    session.log(f"Open {(html / 'index.html').resolve().as_uri()}")


@nox.session(default=False, requires=["environment"])
def site(session: nox.Session) -> None:
    """Test the built site in Chromium; arguments go to pytest."""
    if not (BUILD / "html" / "index.html").is_file():
        session.error("there is no site: run nox -s docs first")
    install(session, "browser")
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        session.run("playwright", "install", "chromium")
    pytest = ("pytest", "-m", "browser", "--no-showlocals", *session.posargs)
    lighthouse = Path("tests", "browser", "test_lighthouse.py")
    cores = ("-n", "auto", "--dist", "loadgroup")
    together = ("tests/browser", f"--ignore={lighthouse}")
    # Copied code runs in the environment that executed its page.
    docs_python = {"DOCS_PYTHON": str(shared["programs"] / "python")}
    session.run(*pytest, *cores, *together, env=docs_python)
    # Lighthouse runs alone: other tests would slow the pages that it measures.
    # pytest exits with 5 if the arguments select no test.
    codes = [0, 5] if session.posargs else [0]
    session.run(*pytest, str(lighthouse), success_codes=codes)


@in_environment(default=False)
def linkcheck(session: nox.Session) -> None:
    """Check that the links to other sites still work; needs the network."""
    options = ["-D", "plot_gallery=False", "-d", str(BUILD / "doctrees-linkcheck")]
    folders = (str(DOCS), str(BUILD / "linkcheck"))
    run(session, "sphinx-build", "-b", "linkcheck", *options, *folders)


@in_environment(default=False)
def bench(session: nox.Session) -> None:
    """Measure the cost of the detector, and write the table in docs/evidence."""
    run(session, "python", str(DOCS / "evidence" / "measure.py"))


@nox.session(venv_backend="none", default=False)
def versions(session: nox.Session) -> None:
    """Measure releases of torch, each in an environment of its own: VERSION..."""
    measure = DOCS / "evidence" / "versions" / "measure_releases.py"
    session.run(sys.executable, str(measure), *session.posargs)


@in_environment(default=False)
def libraries(session: nox.Session) -> None:
    """Measure which libraries repeat random numbers in workers: REQUIREMENT..."""
    measure = DOCS / "evidence" / "libraries" / "measure_libraries.py"
    run(session, "python", str(measure), *session.posargs)


@in_environment(default=False)
def library_releases(session: nox.Session) -> None:
    """Measure series of releases of some libraries: LIBRARY[==VERSION]..."""
    measure = DOCS / "evidence" / "libraries" / "measure_library_releases.py"
    run(session, "python", str(measure), *session.posargs)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Rehearse a release; arguments are requirements, such as torch==2.13.0."""
    install(session, "release")
    folder = Path(session.create_tmp()).resolve()
    dist, clean = folder / "dist", folder / "clean"
    for old in (dist, clean):
        shutil.rmtree(old, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(wheel), str(sdist))

    version = wheel.name.split("-")[1]
    heading = "Unreleased" if ".dev" in version else version
    if f"## [{heading}]" not in Path("docs", "changelog.md").read_text("utf-8"):
        session.error(f"docs/changelog.md has no heading [{heading}]")
    home = Path("src", "dejabatch", "home.py").read_text("utf-8")
    if heading == version and f'STABLE = "v{version}"' not in home:
        session.error(f"src/dejabatch/home.py: set STABLE to v{version}")

    # A user's environment: the wheel, torch, and nothing of the repository.
    run_clean = functools.partial(session.run, external=True)
    run_clean("python", "-m", "venv", str(clean))
    programs = clean / ("Scripts" if sys.platform == "win32" else "bin")
    pip = (str(programs / "python"), "-m", "pip", "install", "--quiet")
    run_clean(*pip, f"dejabatch[torch] @ {wheel.as_uri()}", *session.posargs)
    shutil.copy(DOCS / "front" / "check.py", folder)
    dejabatch = str(programs / "dejabatch")
    with session.chdir(folder):
        # The example has a failure, which both commands report by exit code 1.
        audit = (dejabatch, "audit", "check:make_train_loader")
        report = run_clean(*audit, silent=True, success_codes=[1], env=ONE_THREAD)
        session.log(report)
        if "dataset.rng" not in str(report):
            session.error("the audit of the front page's example finds no failure")
        run_clean(dejabatch, "lint", "check.py", success_codes=[1])
    session.log(f"{version} can be released: push the tag v{version}")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, wording, spelling, reStructuredText and the schemas of .github."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    folders = ("docs/_build", "docs/api", "docs/gallery")
    written_by_builds = [part for folder in folders for part in ("-i", folder)]
    session.run("sphinx-lint", *written_by_builds, "docs", "gallery", "README.md")
    session.run("sh", ".ci/plain-english", external=True)
    templates = Path(".github/ISSUE_TEMPLATE")
    recipe = Path("docs/recipes/ci/loaders.yml")
    schemas = {
        "github-issue-config": [templates / "config.yml"],
        "github-issue-forms": sorted(templates.glob("[!c]*.yml")),
        "github-workflows": [*sorted(Path(".github/workflows").glob("*.yml")), recipe],
        "dependabot": [Path(".github/dependabot.yml")],
        "readthedocs": [Path(".readthedocs.yaml")],
    }
    for schema, files in schemas.items():
        session.run(
            "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)
        )
    session.run("zizmor", "--offline", "--quiet", ".", str(recipe))


@in_environment()
def typing(session: nox.Session) -> None:
    """Check the types of the package."""
    run(session, "mypy")


if __name__ == "__main__":
    nox.main()
