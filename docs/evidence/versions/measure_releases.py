"""Run the probes with several releases of torch, each in an environment of its own.

``nox -s versions`` runs this file. One environment exists at a time, because a release
needs up to 8 GB. Every release that was measured replaces its record in ``results/``.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
RUN_HERE = HERE / "probes" / "run_here.py"

# NumPy 2 cannot be used with the older wheels of torch.
VERSIONS = {
    "1.8.1": ("3.8", "numpy<2"),
    "1.9.1": ("3.9", "numpy<2"),
    "1.13.1": ("3.10", "numpy<2"),
    "2.0.1": ("3.11", "numpy<2"),
    "2.2.2": ("3.11", "numpy<2"),
    "2.4.1": ("3.12", "numpy"),
    "2.6.0": ("3.12", "numpy"),
    "2.8.0": ("3.13", "numpy"),
    "2.10.0": ("3.13", "numpy"),
    "newest": ("3.13", "numpy"),
}
"""The Python and the NumPy for each release of torch."""

Record = dict[str, Any]


def find_python(wanted: str) -> str | None:
    """Return an interpreter of a Python version from the path or from pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    names = [f"python{wanted}", *map(str, pyenv.glob(f"{wanted}.*/bin/python"))]
    for name in [*names, "python"]:
        ask = [name, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if shutil.which(name):
            answer = subprocess.run(ask, capture_output=True, text=True, check=False)
            if answer.stdout.strip() == wanted:
                return name
    return None


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def run_probes(python: str | Path, *options: str) -> Record:
    """Return what `run_here.py` prints, or why it prints nothing."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    # Every spawned worker would compile all files of torch again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [python, RUN_HERE, *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    if done.returncode:
        return {"not_run": last_line(done.stderr)}
    # Workers may print, too. The record is the last line.
    return json.loads(last_line(done.stdout))


def measure(version: str, scratch: Path) -> Record:
    """Install a release, run the probes, and delete the release."""
    wanted, numpy = VERSIONS[version]
    if (python := find_python(wanted)) is None:
        return {"not_run": f"there is no Python {wanted}"}
    environment = scratch / "environment"
    subprocess.run([python, "-m", "venv", environment], check=True)
    windows = platform.system() == "Windows"
    inside = environment / ("Scripts/python.exe" if windows else "bin/python")
    torch = "torch" if version == "newest" else f"torch=={version}"
    # Compiling all files of a release takes longer than running the probes.
    pip = [inside, "-m", "pip", "install", "-q", "--no-cache-dir", "--no-compile"]
    try:
        done = subprocess.run(
            [*pip, torch, numpy], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return {"not_run": last_line(done.stderr)}
        return run_probes(inside)
    finally:
        shutil.rmtree(environment, ignore_errors=True)


def described(record: Record, version: str) -> Record:
    """Return a record with its origin, and with all facts even if nothing ran."""
    facts = {
        "torch": version,
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "origin": "a developer's machine",
        **record,
    }
    facts["torch"] = facts["torch"].partition("+")[0]
    if run := os.environ.get("GITHUB_RUN_ID"):
        server, repository = (
            os.environ[f"GITHUB_{name}"] for name in ("SERVER_URL", "REPOSITORY")
        )
        facts["origin"] = f"{server}/{repository}/actions/runs/{run}"
    return facts


def number(version: str) -> tuple[int, ...]:
    """Return a key that sorts versions; "newest" is the last."""
    parts = version.split(".")
    return tuple(int(part) if part.isdigit() else sys.maxsize for part in parts)


def formatted(records: list[Record]) -> Iterator[str]:
    """Write one line for each result, so that a diff shows what changed."""
    yield '{"schema": 1, "runs": ['
    for record in records:
        facts = {name: value for name, value in record.items() if name != "results"}
        end = "" if record is records[-1] else ","
        results = record.get("results", {}).items()
        if not results:
            yield f"{json.dumps(facts)}{end}"
            continue
        yield json.dumps(facts)[:-1] + ', "results": {'
        lines = [
            f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in results
        ]
        yield ",\n".join(lines)
        yield "}}" + end
    yield "]}"


def store(record: Record) -> Path:
    """Replace the record of the same torch, and write the file of this system."""
    path = RESULTS / f"{platform.system().lower()}.json"
    records = []
    if path.is_file():
        records = json.loads(path.read_text(encoding="utf-8"))["runs"]
    records = [old for old in records if old["torch"] != record["torch"]]
    records = sorted([*records, record], key=lambda r: number(r["torch"]))
    RESULTS.mkdir(exist_ok=True)
    path.write_text("\n".join(formatted(records)) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Measure the chosen releases, one after the other."""
    parser = argparse.ArgumentParser(description="Measure behaviour by torch release.")
    parser.add_argument("versions", nargs="*", help="some of: " + ", ".join(VERSIONS))
    parser.add_argument(
        "--installed", metavar="PYTHON", help="measure the torch of this Python instead"
    )
    args = parser.parse_args()
    if unknown := set(args.versions) - VERSIONS.keys():
        parser.error(f"unknown versions: {', '.join(sorted(unknown))}")
    if args.installed:
        path = store(described(run_probes(args.installed), "installed"))
        print(f"wrote {path}")
        return
    for version in args.versions or VERSIONS:
        with tempfile.TemporaryDirectory(prefix="torch-") as scratch:
            record = described(measure(version, Path(scratch)), version)
        path = store(record)
        print(f"{record['torch']}: {record.get('not_run', 'measured')}, wrote {path}")


if __name__ == "__main__":
    main()
