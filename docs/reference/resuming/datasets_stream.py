def save(loader, position):
    return loader.dataset.state_dict()


def load(loader, state):
    loader.dataset.load_state_dict(state)
