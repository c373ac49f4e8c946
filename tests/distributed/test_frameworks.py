"""`audit` on every rank of programs that a framework runs, with the real frameworks."""

import warnings
from collections import Counter

import pytest
import torch
from green_runs import slow_ranks
from rank_loaders import Noisy, Numbers, Stream, load
from rank_processes import on_ranks
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from torch.utils.data.distributed import DistributedSampler

from dejabatch import FindingsError, audit
from dejabatch import auditing as auditing_module

pytestmark = [pytest.mark.filterwarnings("default"), slow_ranks]


def found(loader):
    """Return the slugs of errors and warnings."""
    report = audit(loader)
    assert report.notes == ("2 ranks were compared",)
    return [f.slug for f in report.findings if f.severity != "note"]


def quiet():
    auditing_module.PATIENCE = 60
    warnings.simplefilter("ignore")


def program_of_accelerate(rank, world):
    from accelerate import Accelerator, DataLoaderConfiguration  # noqa: PLC0415
    from accelerate.utils import set_seed  # noqa: PLC0415

    quiet()
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == world
    dispatching = Accelerator(
        cpu=True, dataloader_config=DataLoaderConfiguration(dispatch_batches=True)
    )
    torch.manual_seed(rank)
    results = {
        "not prepared": found(load(Numbers(), shuffle=True)),
        "prepared": found(accelerator.prepare(load(Numbers(), shuffle=True))),
        "split before": found(
            accelerator.prepare(load(Numbers(), DistributedSampler(Numbers())))
        ),
        "dispatched": found(dispatching.prepare(load(Stream(range(48))))),
    }
    set_seed(3)
    noisy = accelerator.prepare(load(Noisy(), shuffle=True))
    results["one seed"] = found(noisy)
    set_seed(3, device_specific=True)
    noisy = accelerator.prepare(load(Noisy(), shuffle=True))
    results["a seed for each device"] = found(noisy)
    batches = [int(batch[0, 0]) for batch in accelerator.prepare(load(Numbers()))]
    results["read"] = len(accelerator.gather(torch.tensor(batches)))
    return results


def test_accelerate():
    results = on_ranks(2, program_of_accelerate, group=False, timeout=300)
    assert results[0] == results[1]
    assert results[0] == {
        "not prepared": ["no-distributed-sampler"],
        "prepared": [],
        "split before": ["data-split-twice"],
        "dispatched": [],
        "one seed": ["ranks-augment-alike"],
        "a seed for each device": [],
        "read": 12,
    }


class Rows(Numbers):
    def __getitem__(self, index):
        return {"x": torch.tensor([float(index)]), "labels": torch.tensor([0.0])}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, labels):
        return {"loss": ((self.layer(x) - labels) ** 2).mean()}


class Overwritten(Rows):
    """Each sample changes what is stored."""

    def __init__(self):
        super().__init__()
        self.labels = torch.zeros(len(self), 1)

    def __getitem__(self, index):
        self.labels[index] += 1
        return super().__getitem__(index) | {"labels": self.labels[index].clone()}


def arguments_of_trainer(folder, **options):
    from transformers import TrainingArguments  # noqa: PLC0415 - only for ranks

    return TrainingArguments(
        folder,
        use_cpu=True,
        report_to=[],
        per_device_train_batch_size=4,
        save_strategy="no",
        **options,
    )


def program_of_trainer(rank, world, folder):
    from transformers import Trainer  # noqa: PLC0415 - only for ranks

    from dejabatch.integrations.transformers import (  # noqa: PLC0415 - as above
        AuditCallback,
    )

    quiet()
    arguments = arguments_of_trainer(folder, num_train_epochs=1, seed=1)
    options = {
        "train_dataset": Rows(),
        "eval_dataset": Rows(),
        "callbacks": [AuditCallback(on_finding="raise")],
    }
    trainer = Trainer(Model(), arguments, **options)
    slugs = found(trainer.get_train_dataloader()), found(trainer.get_eval_dataloader())
    trainer.train()
    broken = Trainer(Model(), arguments, **options | {"train_dataset": Overwritten()})
    with pytest.raises(FindingsError, match="plot_inplace_edit_of_stored_data"):
        broken.train()
    return slugs, trainer.state.global_step, broken.state.global_step


def test_transformers_trainer(tmp_path):
    results = on_ranks(2, program_of_trainer, tmp_path, group=False, timeout=300)
    assert results == [(([], []), 6, 0)] * 2


class Records(IterableDataset):
    """Read 24 records, which are split by worker or come once from each worker."""

    def __init__(self, split_by_worker):
        self.split_by_worker = split_by_worker

    def __iter__(self):
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if self.split_by_worker else (0, 1)
        for number in range(first, 24, step):
            yield {"x": torch.tensor([float(number)]), "labels": torch.tensor([0.0])}


class RemembersItsInput(Model):
    def __init__(self):
        super().__init__()
        self.read = []

    def forward(self, x, labels):
        self.read += x.flatten().tolist()
        return super().forward(x, labels)


def train_on_a_stream(rank, world, folder, dataset, steps):
    from transformers import Trainer  # noqa: PLC0415 - only for ranks

    quiet()
    arguments = arguments_of_trainer(folder, dataloader_num_workers=2, max_steps=steps)
    model = RemembersItsInput()
    Trainer(model, arguments, train_dataset=dataset).train()
    return model.read


@pytest.mark.parametrize(("split_by_worker", "times"), [(True, 1), (False, 2)])
def test_transformers_trainer_splits_a_stream_between_ranks(
    split_by_worker, times, tmp_path
):
    arguments = tmp_path, Records(split_by_worker), 3 * times
    one, other = on_ranks(2, train_on_a_stream, *arguments, group=False, timeout=300)
    assert len(one) == len(other) == 12 * times
    assert Counter(one + other) == dict.fromkeys(range(24), times)


def program_of_lightning(rank, world, folder, replace_sampler):
    import lightning.pytorch as pl  # noqa: PLC0415

    from dejabatch.integrations.lightning import Audit  # noqa: PLC0415 - only for ranks

    quiet()

    class Linear(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch, number):
            return self.layer(batch["x"]).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    trainer = pl.Trainer(
        accelerator="cpu",
        devices=world,
        strategy="ddp",
        max_epochs=1,
        callbacks=[Audit(on_finding="raise")],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=replace_sampler,
        default_root_dir=folder,
    )
    try:
        trainer.fit(Linear(), DataLoader(Rows(), batch_size=4, shuffle=True))
    except FindingsError as error:
        return str(error)
    return f"{trainer.global_step} steps"


def test_callback_of_lightning_compares_the_ranks(tmp_path):
    program = program_of_lightning
    with_sampler = on_ranks(2, program, tmp_path, True, group=False, timeout=300)
    assert with_sampler == ["6 steps"] * 2
    without = on_ranks(2, program, tmp_path, False, group=False, timeout=300)
    for text in without:
        assert "plot_no_distributed_sampler" in text
        assert "2 ranks were compared" in text
