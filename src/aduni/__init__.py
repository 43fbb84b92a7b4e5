"""AdUni: adaptive unified contrastive learning and the methods it is measured against."""

import os
from typing import Any

import lazy_loader

# albumentations asks the package index for its newest version on import, which costs
# two seconds without a network.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# The names stand in __init__.pyi, where type checkers and editors find them.
_named, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Return a name of the interface, which is imported at its first use."""
    if name == "__version__":
        from aduni.cli.banner import version

        return version()
    return _named(name)
