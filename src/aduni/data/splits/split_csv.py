"""split.csv, as its readers find it."""

from pathlib import Path

import pandas as pd

from aduni.data.image_table import read_texts
from aduni.system.csv_escape import restored

COLUMNS = ("image", "label", "group", "part")


def read_split_file(path: Path, remedy: str) -> pd.DataFrame:
    """Read a split.csv as texts: image, label, group, part.

    Args:
        path: of the file.
        remedy: what to do where it is none.

    Raises:
        UserError: it is none.
    """
    return restored(read_texts(path, COLUMNS, remedy))[list(COLUMNS)]
