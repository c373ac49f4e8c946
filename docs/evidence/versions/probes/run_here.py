"""Run the probes in this Python with its torch, and print one JSON object.

python run_here.py              all start methods of this system
python run_here.py --method fork --only get-state-recipe-is-equal-in-runs
"""

import argparse
import datetime
import json
import multiprocessing
import platform
import warnings

import numpy
import random_numbers
import samples_and_order
import torch
from behaviour import METHODS, PROBES, Absent

FILES = (random_numbers, samples_and_order)


def outcome(probe, *method):
    """Return whether a probe's statement is true, or null, and what was measured."""
    try:
        return list(probe.measure(*method))
    except Absent as absent:
        return [None, str(absent)]
    except Exception as error:  # noqa: BLE001  # one probe must not hide the others
        text = str(error).strip().splitlines() or [""]
        return [None, f"{type(error).__name__}: {text[0][:100]}"]


def main():
    """Print the results of the chosen probes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=METHODS, action="append")
    parser.add_argument("--only", choices=sorted(PROBES), action="append")
    args = parser.parse_args()
    here = multiprocessing.get_all_start_methods()
    methods = [m for m in args.method or METHODS if m in here]
    results = {}
    for name, probe in PROBES.items():
        if args.only and name not in args.only:
            continue
        if probe.starts_workers:
            results[name] = {method: outcome(probe, method) for method in methods}
        else:
            results[name] = {"any": outcome(probe)}
    facts = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "default_start_method": here[0],
        "date": datetime.date.today().isoformat(),
        "results": results,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # older releases warn about deprecated features
    torch.set_num_threads(1)
    main()
