import random
from random import shuffle

import numpy as np

from project.data import paths

names = [path.name for path in paths]
random.shuffle(names[:100])  # found: shuffle-of-a-copy
shuffle(list(paths))  # found: shuffle-of-a-copy
np.random.shuffle(sorted(paths))  # found: shuffle-of-a-copy

random.shuffle(names)

# numpy shuffles the view of an array in place.
points = np.arange(100)
np.random.shuffle(points[:50])
random.shuffle(points[:50])


def order(groups):
    for group in groups:
        random.shuffle(groups[group])
    return groups
