"""Audit one dataset in the loaders of each framework, and print what is found."""

import importlib.metadata
import tempfile
import warnings

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import dejabatch

OPTIONS = {"batch_size": 4, "num_workers": 2}


class Noisy(Dataset):
    """Add noise from a generator on the dataset."""

    def __init__(self):
        self.rng = np.random.default_rng()

    def __len__(self):
        return 16

    def __getitem__(self, index):
        return {"x": torch.tensor([index + self.rng.random()])}


dataset = Noisy()


def lightning():
    from lightning.pytorch import LightningDataModule

    class Data(LightningDataModule):
        def train_dataloader(self):
            return DataLoader(dataset, **OPTIONS, shuffle=True)

    data = Data()
    return dejabatch.audit(data.train_dataloader)


def accelerate():
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    loader = DataLoader(dataset, **OPTIONS, shuffle=True)

    loader = accelerator.prepare(loader)
    return dejabatch.audit(loader)


def transformers():
    from transformers import Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            use_cpu=True,
            report_to=[],
            remove_unused_columns=False,
            dataloader_num_workers=2,
            per_device_train_batch_size=4,
        )
        model = torch.nn.Linear(1, 1)
        trainer = Trainer(model, arguments, train_dataset=dataset)
    return dejabatch.audit(trainer.get_train_dataloader())


def timm():
    from timm.data import create_loader

    class Images(Noisy):
        def __getitem__(self, index):
            noise = self.rng.integers(256, size=(3, 8, 8), dtype=np.uint8)
            return noise, index

    loader = create_loader(
        Images(),
        input_size=(3, 8, 8),
        **OPTIONS,
        no_aug=True,
        device=torch.device("cpu"),
        persistent_workers=False,
    )
    return dejabatch.audit(loader)


def monai():
    from monai.data import DataLoader

    # This loader reseeds only MONAI's own transforms.
    loader = DataLoader(dataset, **OPTIONS, shuffle=True)
    return dejabatch.audit(loader)


def torch_geometric():
    from torch_geometric.data import Data
    from torch_geometric.loader import DataLoader

    class Graphs(Noisy):
        def __getitem__(self, index):
            edges = torch.tensor([[0, 1], [1, 0]])
            return Data(x=torch.rand(2, 1) + self.rng.random(), edge_index=edges)

    loader = DataLoader(Graphs(), **OPTIONS, shuffle=True)
    return dejabatch.audit(loader)


def torchdata():
    from torchdata.stateful_dataloader import StatefulDataLoader

    loader = StatefulDataLoader(dataset, **OPTIONS, shuffle=True)
    return dejabatch.audit(loader)


def webdataset():
    from webdataset import WebLoader

    loader = WebLoader(dataset, **OPTIONS, shuffle=True)
    return dejabatch.audit(loader)


def datasets():
    from datasets import Dataset

    rows = Dataset.from_dict({"x": [[float(i)] for i in range(16)]})
    rng = np.random.default_rng()

    def add_noise(batch):
        return {"x": [torch.tensor(x) + rng.random() for x in batch["x"]]}

    noisy = rows.with_transform(add_noise)
    loader = DataLoader(noisy, **OPTIONS, shuffle=True)
    return dejabatch.audit(loader)


def torchdata_nodes():
    from torchdata.nodes import Batcher, Loader, Mapper, SamplerWrapper

    indices = SamplerWrapper(torch.utils.data.RandomSampler(dataset))
    loader = Loader(Batcher(Mapper(indices, dataset.__getitem__), batch_size=4))
    return dejabatch.audit(loader)


FRAMEWORKS = (
    lightning,
    accelerate,
    transformers,
    timm,
    monai,
    torch_geometric,
    torchdata,
    webdataset,
    datasets,
)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for framework in FRAMEWORKS:
        name = framework.__name__
        report = framework()
        (finding,) = report.findings
        assert finding.slug == "rng-object-on-dataset", (name, report)
        print(f"{name} {importlib.metadata.version(name)}: {finding.where}")
    report = torchdata_nodes()
    assert report.incomplete is not None
    print("torchdata.nodes:", report.incomplete)
