import itertools


def endless(loader):
    for epoch in itertools.count():
        for part in (loader.dataset, loader.sampler, loader.batch_sampler):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)
        batch = None
        for batch in loader:
            yield batch
        if batch is None:  # an empty loader would make this loop endless
            msg = f"epoch {epoch} has no batch"
            raise RuntimeError(msg)
