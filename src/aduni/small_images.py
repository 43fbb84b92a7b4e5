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
    return small if _root_.dataset.image_size < SMALL else other
