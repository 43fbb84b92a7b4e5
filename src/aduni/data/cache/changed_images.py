"""Are the pictures of a run still the ones that it began with?"""

from pathlib import Path

import pandas as pd

from aduni.data.image_table import read_csv, shown
from aduni.data.module import ImageDataModule
from aduni.errors import UserError
from aduni.system.csv_escape import unescape_formulas

COLUMNS = ("file", "sha256")
DIGITS = 16
"""Of each hexadecimal digest: they tell contents apart, and are as many as a split's hash has."""


def source_table(data: ImageDataModule) -> pd.DataFrame:
    """Columns file (the image, or the name of an archive of them) and sha256 (its beginning)."""
    table, sources = data.table, data.sources
    of_rows = sources.files is table.files
    names = table.images if of_rows else [file.name for file in sources.files]
    digests = [row.tobytes().hex()[:DIGITS] for row in sources.digests]
    return pd.DataFrame({"file": names, "sha256": digests}, dtype=object)


def changed_sources(path: Path, data: ImageDataModule) -> str:
    """How many files are no longer as a run's table says, and which comes first.

    Args:
        path: of the table; runs of earlier versions, and such without files, have none.
        data: as it is now; files that it has no longer, or new, are found by the split.

    Returns:
        Words, empty where nothing was changed.

    Raises:
        UserError: the table is unreadable.
    """
    if not path.exists():
        return ""
    remedy = "restore it from a copy of the run, or start a new run"
    then = unescape_formulas(read_csv(path, COLUMNS, remedy)).set_index("file")["sha256"]
    now = source_table(data).set_index("file")["sha256"]
    both = now[now.index.isin(then.index)]
    changed = both.index[both.to_numpy() != then[~then.index.duplicated()][both.index].to_numpy()]
    if not len(changed):
        return ""
    return f"{len(changed)} of {len(now)} source files (first {shown(changed[0])})"


def check_unchanged(path: Path, data: ImageDataModule) -> None:
    """Raise UserError where a run would go on with other pictures than it began with."""
    if words := changed_sources(path, data):
        raise UserError(
            f"{words} in {shown(str(data.root))} were changed since {path.parent} began; restore "
            "them, or start a new run."
        )
