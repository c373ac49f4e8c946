"""Run the probes with several releases of each library, one after the other.

``nox -s library_releases`` runs this file with the Python of the shared environment. Every
release that was measured replaces its record in ``releases.json``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure_libraries import NotRun, install, is_here, last_line

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "versions"))

from measure_releases import formatted, number  # found on the path above

RESULTS = HERE / "releases.json"
RUN_PROBES = HERE / "probes" / "run_probes.py"

NUMPY_1 = "numpy<2"
# `pkg_resources` went away in setuptools 81.
SETUPTOOLS = "setuptools<81"
OLD_FORMATS = ("pyarrow<21", "huggingface-hub<1")

RELEASES: dict[str, dict[str, tuple[str, ...]]] = {
    "torchdata": {"0.8.0": (), "0.9.0": (), "0.10.0": (), "0.10.1": (), "0.11.0": ()},
    "torchvision": {
        "0.15.2": ("torch==2.0.1", NUMPY_1),
        "0.19.1": ("torch==2.4.1", "numpy"),
        "0.21.0": ("torch==2.6.0", "numpy"),
        "0.29.1": (),
    },
    "albumentations": {
        "1.3.1": (),
        "1.4.18": (),
        "1.4.21": (),
        "1.4.24": (),
        "2.0.8": (),
    },
    "albumentationsx": {
        "2.0.9": (),
        "2.2.6": (),
        "2.3.0": (),
        "2.3.10": (),
        "2.5.1": (),
    },
    "monai": {
        "0.1.0": (),
        "0.2.0": (),
        "0.5.3": (),
        "1.3.2": (),
        "1.6.1": (),
    },
    "datasets": {
        "2.18.0": OLD_FORMATS,
        "2.19.2": OLD_FORMATS,
        "2.20.0": OLD_FORMATS,
        "3.0.2": OLD_FORMATS,
        "3.6.0": OLD_FORMATS,
        "4.0.0": (),
        "4.8.5": (),
        "5.2.0": (),
    },
    "accelerate": {
        "0.20.3": (SETUPTOOLS,),
        "0.24.1": (),
        "0.25.0": (),
        "0.26.1": (),
        "0.30.1": (),
        "0.34.2": (),
        "1.0.1": (),
        "1.15.0": (),
    },
    "lightning": {
        "2.0.9": (SETUPTOOLS,),
        "2.3.3": (SETUPTOOLS,),
        "2.4.0": (SETUPTOOLS,),
        "2.5.0": (SETUPTOOLS,),
        "2.6.0": (SETUPTOOLS,),
        "2.6.1": (SETUPTOOLS,),
        "2.6.6": (),
    },
    "ultralytics": {"8.1.0": (), "8.4.190": ()},
}
"""The releases of each library, and what else a release needs in its environment."""

Record = dict[str, Any]


def run_probes(python: str | Path, scratch: Path, *libraries: str) -> list[Record]:
    """Return the records that `run_probes.py` prints; a broken run has none."""
    done = subprocess.run(
        [python, RUN_PROBES, *libraries],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "TMPDIR": str(scratch),
            "HF_HOME": str(scratch / "hugging-face"),
        },
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode:
        raise NotRun(last_line(done.stderr)[:200])
    return [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]


def measure(library: str, version: str, scratch: Path) -> Record:
    """Install a release, and return what its probes answer, or why nothing ran."""
    requirement, others = f"{library}=={version}", RELEASES[library][version]
    python = sys.executable
    try:
        if not is_here(requirement):
            python = install([requirement, *others], scratch)
        (record,) = run_probes(python, scratch, library)
    except NotRun as reason:
        record = {
            "library": library,
            "version": version,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "not_run": str(reason),
        }
    if record["version"] != version:
        msg = f"{requirement} was not used, but {record['version']}"
        raise RuntimeError(msg)
    return record


def store(record: Record) -> None:
    """Replace the record of the same release in the file."""
    known: list[Record] = []
    if RESULTS.is_file():
        known = json.loads(RESULTS.read_text(encoding="utf-8"))["runs"]
    key = [record["library"], record["version"]]
    known = [
        old
        for old in known
        if [old["library"], old["version"]] != key
        and old["version"] in RELEASES[old["library"]]
    ] + [record]
    order = list(RELEASES)
    known.sort(key=lambda r: (order.index(r["library"]), number(r["version"])))
    RESULTS.write_text("\n".join(formatted(known)) + "\n", encoding="utf-8")


def main() -> None:
    """Measure the chosen releases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "chosen",
        nargs="*",
        default=list(RELEASES),
        help="such as monai or monai==1.4.0; all without any",
    )
    for chosen in parser.parse_args().chosen:
        library, _, version = chosen.partition("==")
        if library not in RELEASES or (version and version not in RELEASES[library]):
            parser.error(f"{chosen}: RELEASES in {__file__} does not have it")
        for one in [version] if version else RELEASES[library]:
            scratch = Path(tempfile.mkdtemp(prefix="library-"))
            try:
                record = measure(library, one, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            store(record)
            print(f"{library} {one}: {record.get('not_run', 'measured')}", flush=True)


if __name__ == "__main__":
    main()
