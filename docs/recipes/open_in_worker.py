import os

from torch.utils.data import Dataset


class Records(Dataset):
    def __init__(self, path, size):
        self.path, self.size, self.file, self.pid = path, size, None, None

    def __len__(self):
        return os.path.getsize(self.path) // self.size

    def __getitem__(self, index):
        if self.pid != os.getpid():  # first sample of this process
            self.file, self.pid = open(self.path, "rb"), os.getpid()
        self.file.seek(index * self.size)
        return self.file.read(self.size)

    def __getstate__(self):  # for spawn and forkserver
        return self.__dict__ | {"file": None, "pid": None}
