"""Which images are small, and values that go by it."""

from typing import Any

SMALL = 64
"""Sides of fewer pixels are small."""


def if_small(small: Any, other: Any, *, _root_: Any) -> Any:
    """`${if_small:A,B}` in a YAML: A where the run's images are small, else B.

    Args:
        small: A.
        other: B.
        _root_: the whole configuration, from OmegaConf.
    """
    size = _root_.dataset.image_size
    # What is no number is refused by the settings, under its own key, which take '32' for 32.
    return small if str(size).isdecimal() and int(size) < SMALL else other
