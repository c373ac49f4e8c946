"""Measure which libraries repeat random numbers in workers, one release after another.

``nox -s libraries`` runs this file with the Python of the shared environment. Each release
is installed into an environment that sees the shared packages, so torch is not installed
again. The environment is deleted after its measurement.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
REQUIREMENTS = (
    "albumentations==2.0.8",
    "albumentationsx",
    "monai",
    "torchvision",
    "kornia",
    "imgaug",
    "opencv-python-headless",
    "scikit-image",
    "batchgenerators",
    "torchio",
    "volumentations-3D",
    "audiomentations",
    "torch-audiomentations",
    "nlpaug",
    "numba",
    "faker",
    "webdataset",
    "datasets",
    "grain",
    "litdata",
    "mosaicml-streaming",
    "lightning",
)
# A release must run with these, as in the rest of the site's measurements.
FIXED = ("torch", "torchvision", "numpy")


def distribution(requirement: str) -> str:
    """Return the name in a requirement."""
    return re.split(r"[=<>!~\[]", requirement)[0]


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def is_here(requirement: str) -> bool:
    """Return whether the shared environment has the release."""
    name, _, wanted = requirement.partition("==")
    try:
        return version(name) == (wanted or version(name))
    except PackageNotFoundError:
        return False


class NotRun(Exception):
    """Says why a release could not be measured."""


def install(requirements: list[str], scratch: Path) -> str:
    """Return the Python of a new environment beside the shared packages.

    A release that needs a torch of its own does not see the shared packages.
    """
    named = {*map(distribution, requirements)}
    environment = scratch / "environment"
    create = [sys.executable, "-m", "venv", "--without-pip", environment]
    subprocess.run(create, check=True)
    windows = platform.system() == "Windows"
    python = str(environment / ("Scripts/python.exe" if windows else "bin/python"))
    options = ["-q", "--no-cache-dir", "--no-compile"]
    if "torch" not in named:
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        folder = subprocess.check_output([python, "-c", ask], text=True).strip()
        shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        Path(folder, "shared.pth").write_text(
            "".join(f"import site; site.addsitedir({path!r})\n" for path in shared)
        )
        constraints = scratch / "constraints.txt"
        constraints.write_text(
            "".join(
                f"{name}=={version(name).partition('+')[0]}\n"
                for name in FIXED
                if name not in named
            )
        )
        options += ["-c", str(constraints)]
    pip = [sys.executable, "-m", "pip", "--python", python]
    done = subprocess.run(
        [*pip, "install", *options, *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotRun(last_line(done.stderr)[:200])
    return python


def measure(requirement: str, scratch: Path) -> dict[str, Any]:
    """Install a release beside the shared packages, and run its probe."""
    name = distribution(requirement)
    python = sys.executable
    try:
        if not is_here(requirement):
            python = install([requirement], scratch)
    except NotRun as reason:
        return {"not_run": str(reason)}
    done = subprocess.run(
        [python, HERE / "probe_library.py", name],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            # Some data libraries leave files in the folder for temporary files.
            "TMPDIR": str(scratch),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"not_run": last_line(done.stderr)[:200]}
    return json.loads(last_line(done.stdout))


def main() -> None:
    """Measure the chosen releases, and replace their records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requirements", nargs="*", default=REQUIREMENTS)
    records: dict[str, Any] = {}
    if RESULTS.is_file():
        records = json.loads(RESULTS.read_text(encoding="utf-8"))
    for requirement in parser.parse_args().requirements:
        if distribution(requirement) not in map(distribution, REQUIREMENTS):
            parser.error(f"{requirement}: choose one of {', '.join(REQUIREMENTS)}")
        scratch = Path(tempfile.mkdtemp(prefix="library-"))
        try:
            record = measure(requirement, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        record["python"] = platform.python_version()
        record["system"] = f"{platform.system()} {platform.machine()}"
        record["date"] = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        records[requirement] = record
        print(
            f"{requirement}: {record.get('not_run', record.get('plain'))}", flush=True
        )
        in_order = {name: records[name] for name in REQUIREMENTS if name in records}
        text = json.dumps(in_order, indent=1)
        # One line for each measurement keeps a diff short.
        text = re.sub(r"\{\s+(\"workers_equal[^}]*?)\s+\}", _on_one_line, text)
        RESULTS.write_text(text + "\n", encoding="utf-8")


def _on_one_line(match: re.Match[str]) -> str:
    return "{" + " ".join(match[1].split()) + "}"


if __name__ == "__main__":
    main()
