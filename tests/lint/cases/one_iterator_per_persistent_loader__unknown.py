from project.data import make_loader

loader = make_loader("train")


def mix(model):
    for first, second in zip(loader, loader):  # found: one-iterator-per-persistent-loader
        model.step(0.5 * first + 0.5 * second)
