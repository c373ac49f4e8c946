"""Measure the cost of audit and PerSample, and write the table ``bench.inc``.

Things that are compared take turns, and the best of several rounds counts. ``bench.md``
includes the table.
"""

from __future__ import annotations

import datetime
import io
import platform
import re
import sys
import time
from pathlib import Path

import torch
from matplotlib.cbook import get_sample_data
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from dejabatch import EpochIndex, PerSample, audit
from dejabatch.observe.spy import observe, watch
from dejabatch.state.fingerprint import fingerprint

sys.path.insert(0, str(Path(__file__).parent.parent / "_ext"))
from build_environment import stamp

ROUNDS = 5


class Photographs(Dataset):
    """Decode a JPEG and augment to 224x224, as for ImageNet."""

    def __init__(self) -> None:
        with get_sample_data("grace_hopper.jpg") as file:
            self.jpeg = file.read()
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(224),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    def __len__(self) -> int:
        return 384

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.open(io.BytesIO(self.jpeg))), index


class InMemory(Dataset):
    """Hold tensors of the size of CIFAR's images."""

    def __init__(self) -> None:
        self.images = torch.rand(20_000, 3, 32, 32)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.images[index], index


def make_loader(dataset: Dataset, batch_size: int, num_workers: int = 2) -> DataLoader:
    """Return a loader as in a training script."""
    return DataLoader(
        dataset, batch_size=batch_size, shuffle=True, num_workers=num_workers
    )


def duration(function, *arguments) -> float:
    """Return the duration of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def iterate(dataset: Dataset, batch_size: int) -> None:
    """Read one epoch."""
    for _ in make_loader(dataset, batch_size):
        pass


def iterate_watched(dataset: Dataset, batch_size: int) -> None:
    """Read one epoch through the spy."""
    watch(
        make_loader(dataset, batch_size),
        lambda _: None,
        epochs=1,
        max_batches=sys.maxsize,
    )


def watched_ratio(dataset: Dataset, batch_size: int) -> float:
    """Return the time of a watched epoch divided by that of a plain epoch."""
    plain, watched = [], []
    for _ in range(ROUNDS):
        plain.append(duration(iterate, dataset, batch_size))
        watched.append(duration(iterate_watched, dataset, batch_size))
    return min(watched) / min(plain)


def hash_rate(megabytes: int) -> float:
    """Return how many gigabytes of float32 samples are hashed in a second."""
    sample = torch.rand(megabytes * 2**20 // 4)
    best = min(duration(fingerprint, sample) for _ in range(50))
    return sample.nbytes / best / 1e9


def bytes_per_sample() -> float:
    """Return the memory that an observation keeps for each sample."""
    seen = observe(lambda: make_loader(InMemory(), 256), epochs=1, max_batches=32)
    kept = sum(f.indices.nbytes + f.digests.nbytes for f in seen.fetches)
    names = sum(
        len(name) + len(d) for f in seen.fetches for name, d in f.census.items()
    )
    return (kept + names) / sum(len(f.digests) for f in seen.fetches)


class TimedInWorker(Dataset):
    """Return the seconds that all samples of another dataset take in a worker."""

    def __init__(self, dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return ROUNDS

    def __getitem__(self, index: int) -> float:
        indices = [EpochIndex(i, index) for i in range(len(self.dataset))]
        return duration(lambda: [self.dataset[i] for i in indices])


def microseconds_per_sample() -> float:
    """Return the microseconds that PerSample adds to a sample."""
    plain = list(range(10_000))
    best = [
        min(DataLoader(TimedInWorker(dataset), batch_size=None, num_workers=1))
        for dataset in (plain, PerSample(plain, seed=0))
    ]
    return (best[1] - best[0]) / len(plain) * 1e6


def describe_machine() -> str:
    """Return the machine and the versions in one line."""
    facts = stamp()
    try:
        cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):  # not Linux, or a processor without "model name"
        cpu = platform.machine()
    libraries = ", ".join(
        f"{name} {facts[name]}" for name in ("torch", "Python", "NumPy")
    )
    return (
        f"{facts['cores']} cores of {cpu}, {facts['system']}, {libraries}, workers "
        f"started by {facts['start method']}, one thread in each process"
    )


def main() -> None:
    """Measure everything and write the table."""
    torch.set_num_threads(1)
    rows = [
        (
            "JPEG decoding and 224x224 augmentation: watched epoch divided by plain epoch",
            f"{watched_ratio(Photographs(), 32):.2f}",
            "at most 1.05",
        ),
        (
            "3x32x32 tensors in memory: watched epoch divided by plain epoch",
            f"{watched_ratio(InMemory(), 256):.2f}",
            "at most 1.5",
        ),
        ("Hash rate, sample of 1 MB", f"{hash_rate(1):.0f} GB/s", "at least 15 GB/s"),
        (
            "Hash rate, sample of 10 MB",
            f"{hash_rate(10):.0f} GB/s",
            "at least 15 GB/s",
        ),
        (
            "Memory for each sample",
            f"{bytes_per_sample():.0f} bytes",
            "at most 64 bytes",
        ),
        (
            "Report on four workers of 3x32x32 tensors",
            f"{min(duration(audit, make_loader(InMemory(), 64, 4)) for _ in range(3)):.1f} s",
            "under 3 s",
        ),
    ]
    rows.append(
        (
            "`PerSample`, added to each sample",
            f"{microseconds_per_sample():.0f} microseconds",
            "at most 20 microseconds",
        )
    )
    table = "\n".join(f"| {what} | {value} | {goal} |" for what, value, goal in rows)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    Path(__file__).with_name("bench.inc").write_text(
        f"| What | Measured | Goal |\n| --- | --- | --- |\n{table}\n\n"
        f"Measured {today} on {describe_machine()}.\n",
        encoding="utf-8",
    )
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
