"""Size below which images are small, and configuration values that depend on it."""

from typing import Any

SMALL_IMAGE_SIZE = 64


def if_small(small: Any, other: Any, *, _root_: Any) -> Any:
    """Resolve `${if_small:A,B}` of a YAML: A if the run's images are small, else B."""
    size = _root_.dataset.image_size
    # Non-numeric sizes are rejected later, by the schema, under their own key.
    return small if str(size).isdecimal() and int(size) < SMALL_IMAGE_SIZE else other
