import random

from PIL import Image
from torch.utils.data import Dataset


class Photographs(Dataset):
    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        try:
            return Image.open(self.paths[index])
        except OSError:
            return self[random.randrange(len(self))]  # found: error-fallback-sample


class Captions(Dataset):
    def __len__(self):
        return len(self.paths)

    def skip(self, index):
        return self.__getitem__((index + 1) % len(self))

    def __getitem__(self, index):
        try:
            text = self.paths[index].read_text()
        except UnicodeDecodeError as error:
            print("skipped", error)
            return self.skip(index)  # found: error-fallback-sample
        return text


class Strict(Dataset):
    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        try:
            return Image.open(self.paths[index])
        except OSError as error:
            raise RuntimeError(self.paths[index]) from error


class WithDefault(Dataset):
    """The fallback is another value, not another sample."""

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        try:
            width = self.sizes[index]
        except KeyError:
            width = self.default_size()
        return Image.open(self.paths[index]).resize((width, width))

    def default_size(self):
        return 224
