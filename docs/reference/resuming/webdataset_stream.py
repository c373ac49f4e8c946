from itertools import islice

BATCHES = 10  # of an epoch: a stream has no length


def save(loader, position):
    return position.batches % BATCHES  # 0 after the last batch


def load(loader, batches):
    return islice(loader, batches, None)
