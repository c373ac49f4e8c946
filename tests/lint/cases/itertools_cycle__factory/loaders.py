from torch.utils.data import DataLoader


def make_loaders(train, validation):
    return DataLoader(train, shuffle=True), DataLoader(validation)


def make_loader(dataset):
    loader = DataLoader(dataset, shuffle=True)
    return loader
