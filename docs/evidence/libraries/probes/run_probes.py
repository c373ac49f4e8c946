"""Run the probes of libraries in this Python, and print one JSON object a library.

python run_probes.py monai datasets
"""

import argparse
import contextlib
import datetime
import importlib
import json
import os
import platform
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "versions" / "probes"))

from behaviour import PROBES, Absent  # found on the path above

MODULES = {
    "torchdata": "of_torchdata",
    "torchvision": "of_torchvision",
    "albumentations": "of_albumentations",
    "albumentationsx": "of_albumentations",
    "monai": "of_monai",
    "datasets": "of_datasets",
    "accelerate": "of_accelerate",
    "lightning": "of_lightning",
    "ultralytics": "of_ultralytics",
}
"""The file with the probes of each distribution."""
IMPORTED = {"albumentationsx": "albumentations"}
"""The package of a distribution that has another name."""


def outcome(probe):
    """Return whether a probe's statement is true, or null, and what was measured."""
    try:
        return list(probe.measure())
    except Absent as absent:
        return [None, str(absent)]
    except Exception as error:  # noqa: BLE001  # one probe must not hide the others
        text = str(error).strip().splitlines() or [""]
        return [None, f"{type(error).__name__}: {text[0][:100]}"]


def measure(library):
    """Return the facts and results of an installed library."""
    facts = {
        "library": library,
        "version": version(library),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    }
    try:
        module = importlib.import_module(MODULES[library])
    except Exception as error:  # noqa: BLE001  # an old release beside a newer torch
        reason = str(error).strip().splitlines() or [""]
        return {**facts, "not_run": f"{type(error).__name__}: {reason[0][:150]}"}
    package = sys.modules[IMPORTED.get(library, library)]
    own = (p for p in PROBES.items() if p[1].measure.__module__ == module.__name__)
    return {
        **facts,
        "version": package.__version__.partition("+")[0],
        "torch": version("torch").partition("+")[0],
        "numpy": version("numpy"),
        "results": {name: {"any": outcome(probe)} for name, probe in own},
    }


def main():
    """Print the results of the chosen libraries that are installed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libraries", nargs="*", default=list(MODULES))
    for library in parser.parse_args().libraries:
        # Libraries print their own messages.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                record = measure(library)
            except PackageNotFoundError:
                continue
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    # Old releases load what they saved with the pickle that newer torch refuses.
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    main()
