import torch.distributed
import torch.distributed.checkpoint as dcp


def train(make_loader, folder, trained_on, key="loader-{rank}"):
    loader, path = make_loader(), folder / "checkpoint"
    key = key.format(rank=torch.distributed.get_rank())
    if path.exists():
        saved = {key: loader.dataset.state_dict()}  # load() fills in the values
        dcp.load(saved, checkpoint_id=path)
        loader.dataset.load_state_dict(saved[key])
    torch.distributed.barrier()  # else a slow rank finds the next checkpoint
    for batch in loader:
        # Train on the batch here.
        dcp.save({key: loader.dataset.state_dict()}, checkpoint_id=path)
        trained_on(batch)
