"""Check that the images of a run have not changed since it began."""

from pathlib import Path

import pandas as pd

from aduni.data.image_data import ImageData
from aduni.data.image_table import read_csv
from aduni.data.names import escape
from aduni.errors import UserError
from aduni.system.csv_escape import unescape_formulas

COLUMNS = ("file", "sha256")
DIGEST_LENGTH = 16
"""Hexadecimal digits of each digest, as many as a split's hash has."""


def source_table(data: ImageData) -> pd.DataFrame:
    """Return the table of source files: file (image or name of an archive) and short sha256."""
    table, sources = data.table, data.sources
    names = table.images
    if sources.files is not table.files:
        names = [file.name for file in sources.files]
    digests = [row.tobytes().hex()[:DIGEST_LENGTH] for row in sources.digests]
    return pd.DataFrame({"file": names, "sha256": digests}, dtype=object)


def changed_sources(path: Path, data: ImageData) -> str:
    """Describe which source files differ from a run's table; empty if none has changed.

    Missing and new files are left to the check of the split. Runs of earlier versions or without
    source files have no table.
    """
    if not path.exists():
        return ""
    then = read_sources_csv(path)
    now = source_table(data).set_index("file")["sha256"]
    both = now[now.index.isin(then.index)]
    changed = both.index[both.to_numpy() != then[~then.index.duplicated()][both.index].to_numpy()]
    if not len(changed):
        return ""
    return f"{len(changed)} of {len(now)} source files (first {escape(changed[0])})"


def read_sources_csv(path: Path) -> pd.Series:
    """Return the digests of a run's table of source files, by file."""
    remedy = "restore it from a copy of the run, or start a new run"
    return unescape_formulas(read_csv(path, COLUMNS, remedy)).set_index("file")["sha256"]


def check_unchanged(path: Path, data: ImageData) -> None:
    """Raise UserError if a run would continue with other images than it began with."""
    if changes := changed_sources(path, data):
        raise UserError(
            f"{changes} in {escape(str(data.root))} were changed since {path.parent} began; "
            "restore them, or start a new run."
        )
