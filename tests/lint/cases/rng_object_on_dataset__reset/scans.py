import numpy as np
from torch.utils.data import DataLoader, Dataset
from turntables import give_generator


class ScanDataset(Dataset):
    """The constructor of this base calls the method that seeds."""

    def __init__(self, paths, fixed=False):
        self.paths = paths
        self.turner = np.random.RandomState()  # found: rng-object-on-dataset
        if fixed:
            self.restart()

    def restart(self, seed=0):
        self.turner.seed(seed)

    def __len__(self):
        return len(self.paths)


class Rooms(ScanDataset):
    def __init__(self, paths):
        super().__init__(paths)
        self.kind = "room"

    def __getitem__(self, index):
        return self.turner.rand(3) + self.paths[index]


class Streets(Dataset):
    """Training seeds the generator before each epoch, and the workers copy that."""

    def __init__(self, paths):
        self.paths = paths
        self.spinner = np.random.RandomState()
        self.respin(0)

    def respin(self, seed):
        self.spinner.seed(seed)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.spinner.rand(3) + self.paths[index]


class Parks(Dataset):
    """A function gets the dataset and gives it a generator."""

    def __init__(self, paths):
        self.paths = paths
        self.turntable = np.random.RandomState(0)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        give_generator(self)
        return self.turntable.rand(3) + self.paths[index]


rooms = DataLoader(Rooms(["a", "b"]), num_workers=4)
streets = DataLoader(Streets(["c", "d"]), num_workers=4)
parks = DataLoader(Parks(["e", "f"]), num_workers=4)


class Towers(Dataset):
    """The constructor of another class is called by the name of the class."""

    def __init__(self, paths):
        self.paths = paths
        self.swinger = np.random.RandomState(0)  # found: rng-object-on-dataset

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.swinger.rand(3) - self.paths[index]


class Cellars(ScanDataset):
    def __init__(self, paths):
        ScanDataset.__init__(self, paths)
