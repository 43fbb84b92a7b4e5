"""Name data sets in folders and reports."""

import re
from pathlib import Path

PUBLISHED = ("digits", "isic2018", "aptos")
"""Names that user data sets may not have, since their results are compared with the paper's."""

GRADED = ("aptos", "retinamnist")
"""Published data sets with ordinal classes."""

MAX_TITLE_LENGTH = 60


def own_title(path: str | None, count: int) -> str:
    """Name a user data set by letters and digits of its path's last `count` parts.

    The path is that of its folder or table, or empty if it is not known.
    """
    if not path:
        return "own"
    absolute = Path(path).absolute()
    parts = [*absolute.parent.parts, absolute.stem][-count:]
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(parts)).strip("_.-")
    name = name[-(MAX_TITLE_LENGTH - 4) :].strip("_.-")
    return f"{name}_own" if name in PUBLISHED else name or "own"
