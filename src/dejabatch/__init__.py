"""Why a PyTorch DataLoader returns the same features, and what to do about it.

The names are listed in ``__init__.pyi`` and loaded when they are first used, so that the
lint works without torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
