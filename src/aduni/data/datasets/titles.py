"""What data sets are called in folders and reports."""

import re
from pathlib import Path

PUBLISHED = ("digits", "isic2018", "aptos")
"""Names whose results stand beside the paper's: no data set of one's own may have them."""

GRADED = ("aptos", "retinamnist")
"""Published data sets whose classes have an order."""

LONGEST = 60


def own_title(path: str | None, count: int) -> str:
    """A name for a data set from where it lies.

    Args:
        path: of its folder or table; empty if it is not known.
        count: how many of the path's last parts count.

    Returns:
        Letters and digits of the parts, with _ between them.
    """
    if not path:
        return "own"
    place = Path(path).absolute()
    words = [*place.parent.parts, place.stem][-count:]
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(words)).strip("_.-")
    name = name[-(LONGEST - 4) :].strip("_.-")
    return f"{name}_own" if name in PUBLISHED else name or "own"
