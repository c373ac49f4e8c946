"""Measure the cost of audit, PerSample and a ledger, and write the tables.

Things that are compared take turns, and the best of several rounds counts. ``bench.md``
includes ``bench.inc``, ``ranks.inc`` and ``ledger.inc``.
"""

from __future__ import annotations

import datetime
import io
import multiprocessing
import os
import pickle
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from PIL import Image
from torch.distributed import PrefixStore, TCPStore
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from dejabatch import EpochIndex, Expect, PerSample, audit, ledger
from dejabatch.checks import Judgement
from dejabatch.distributed.auditing import conclude
from dejabatch.distributed.header import keys_for
from dejabatch.distributed.keys import hash_digests, hash_indices, keys_of, overlap
from dejabatch.distributed.meeting import Meeting, meet
from dejabatch.distributed.record import Header, pack
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
        return 2048  # as many batches as audit reads

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


class Timed:
    """Iterate a loader, and add up the processor time that its batches take here."""

    def __init__(self, loader: DataLoader) -> None:
        self.batches = iter(loader)
        self.seconds = 0.0

    def __iter__(self) -> Timed:
        return self

    def __next__(self):
        start = time.thread_time()
        try:
            batch = next(self.batches)
            batch[0].sum()  # a training step reads the batch, too
            return batch
        finally:
            self.seconds += time.thread_time() - start


def computed_in_workers() -> float:
    """Return the processor time of all workers that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def ledger_cost(dataset: Dataset, batch_size: int) -> tuple[float, float]:
    """Return the ledger's share of an epoch, and its seconds for each batch.

    An epoch takes as long as each of its two workers computes. All are processor times of
    one run, so other programs do not count.
    """
    with tempfile.TemporaryDirectory() as folder:
        before = computed_in_workers()
        loader = Timed(make_loader(dataset, batch_size))
        batches = iter(ledger(loader, Path(folder, "run")))
        seconds, batch = 0.0, []
        while batch is not None:
            batch = None  # freeing the batch is not the ledger's time
            start = time.thread_time()
            batch = next(batches, None)
            seconds += time.thread_time() - start
        loader.batches = None  # the workers end
        epoch = (computed_in_workers() - before) / 2
    own = seconds - loader.seconds
    return own / epoch, own / -(-len(dataset) // batch_size)


def write_ledger() -> None:
    """Measure the cost of a ledger and write its table."""
    loaders = {
        "JPEG decoding and 224x224 augmentation, batches of 32": (Photographs(), 32),
        "3x32x32 tensors in memory, batches of 256": (InMemory(), 256),
    }
    table = ""
    for name, loader in loaders.items():
        share, seconds = min(ledger_cost(*loader) for _ in range(ROUNDS))
        table += f"| {name} | {seconds * 1e3:.2f} ms | {share:.1%} |\n"
    sys.stdout.write(table)
    Path(__file__).with_name("ledger.inc").write_text(
        "| Loader | Ledger, for each batch | Share of an epoch |\n"
        f"| --- | --- | --- |\n{table}\n{measured_on()}\n",
        encoding="utf-8",
    )


# Samples of each rank, of which the last ones are the first ones of the next rank.
SAMPLES, SHARED = 2000, 20


def header(rank: int, world_size: int) -> Header:
    """Return the header of a rank that shares samples with both of its neighbours."""
    own = np.arange(SAMPLES) + rank * (SAMPLES - SHARED)
    own %= world_size * (SAMPLES - SHARED)
    digests = np.stack([hash_indices(own + 1), hash_indices(own + 2)], axis=1)
    most = keys_for(world_size)
    return Header(
        rank=rank,
        dataset="train.Images",
        sampler="torch.utils.data.distributed.DistributedSampler",
        length=world_size * (SAMPLES - SHARED),
        batches=63,
        samples=SAMPLES,
        all_batches=63,
        order=hash_indices(own[:1]).tobytes(),
        content=hash_indices(own[1:2]).tobytes(),
        collated=hash_indices(own[2:3]).tobytes(),
        probes=tuple(hash_indices(np.arange(i, i + 1)).tobytes() for i in range(8)),
        indices=keys_of(hash_indices(own), most),
        contents=keys_of(hash_digests(digests.view(np.uint8)), most),
        reproducible=True,
    )


def estimated_share(headers) -> float:
    """Return the estimated share of samples that are on two ranks."""
    seen = overlap([one.indices for one in headers])
    return seen.shared / seen.distinct


def exchange(rank: int, world_size: int, store, sender) -> None:
    """Meet the other ranks, send a header, and wait for the report."""
    packed = pack(header(rank, world_size))
    start = time.perf_counter()
    meeting = meet(store, rank, world_size, patience=60)
    meeting.publish(f"header/{rank}", b"H" + packed)
    ranks = None
    if rank == 0:
        ranks = report_of_rank_0(meeting)
    meeting.read("report", time.monotonic() + 60)
    if ranks is not None:
        seconds = time.perf_counter() - start
        sender.send((len(packed), seconds, estimated_share(ranks)))


def report_of_rank_0(meeting: Meeting):
    """Collect and judge the headers, and publish the report."""
    nothing = Judgement((), (), {})
    deadline = time.monotonic() + 60
    ranks, outcome = conclude(meeting, deadline, Expect(), None, nothing)
    meeting.publish("report", pickle.dumps(outcome))
    return ranks


def measured_exchange(world_size: int) -> tuple[int, float, float]:
    """Return bytes of a rank, seconds and the estimated share, with real processes."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    # A process that is forked while the store accepts a connection may hang.
    connections = [store.clone() for _ in range(world_size)]
    ranks = [
        context.Process(target=exchange, args=(rank, world_size, connection, sender))
        for rank, connection in enumerate(connections)
    ]
    for process in ranks:
        process.start()
    answer = receiver.recv()
    for process in ranks:
        process.join()
    return answer


def simulated_exchange(world_size: int) -> tuple[int, float, float]:
    """Return the same for headers that one process put into the store."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    meeting = Meeting(PrefixStore("simulated", store), 0, world_size)
    for rank in range(world_size):
        packed = pack(header(rank, world_size))
        meeting.publish(f"header/{rank}", b"H" + packed)
    start = time.perf_counter()
    ranks = report_of_rank_0(meeting)
    return len(packed), time.perf_counter() - start, estimated_share(ranks)


def write_exchange() -> None:
    """Measure the exchange of ranks and write its table."""
    truth = SHARED / (SAMPLES - SHARED)
    rows = [(f"{number}", measured_exchange(number)) for number in (2, 4, 8)]
    rows += [
        (f"{number}, simulated", simulated_exchange(number)) for number in (256, 4096)
    ]
    lines = [
        f"| {name} | {size:,} | {seconds:.2f} s | {share:.2%} |"
        for name, (size, seconds, share) in rows
    ]
    table = "\n".join(lines)
    sys.stdout.write(table + "\n")
    Path(__file__).with_name("ranks.inc").write_text(
        f"| Ranks | Bytes of a rank | Time of rank 0 | {truth:.2%} shared, estimated as |\n"
        f"| --- | --- | --- | --- |\n{table}\n\n{measured_on()}\n",
        encoding="utf-8",
    )


def measured_on() -> str:
    """Return the day and the machine in a sentence."""
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    return f"Measured {today} on {describe_machine()}."


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
    Path(__file__).with_name("bench.inc").write_text(
        f"| What | Measured | Goal |\n| --- | --- | --- |\n{table}\n\n{measured_on()}\n",
        encoding="utf-8",
    )
    sys.stdout.write(table + "\n")
    write_exchange()
    write_ledger()


if __name__ == "__main__":
    main()
