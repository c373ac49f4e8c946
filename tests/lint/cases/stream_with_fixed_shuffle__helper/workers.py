from torch.utils.data import get_worker_info


def enter_worker(stream):
    """Give a stream its worker's part and a seed that differs in each epoch."""
    info = get_worker_info()
    stream.part = 0 if info is None else info.id
    stream.order_seed = stream.first_seed if info is None else info.seed


def describe(stream):
    return f"{stream.order_seed} of {stream.first_seed}"
