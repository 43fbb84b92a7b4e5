"""Write, read and hash split.csv, which has the part of each image."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import ImageTable, escape, read_texts
from aduni.data.loading.samplers import Ints
from aduni.errors import UserError
from aduni.system.csv_escape import unescape_formulas

COLUMNS = ("image", "label", "group", "part")
PARTS = ("train", "validation", "test", "unused")
SPLIT_REMEDY = "set protocol.split_file to the split.csv of a run, or to null"


def read_split_file(path: Path, remedy: str) -> pd.DataFrame:
    """Read the columns of a split.csv as texts; raises UserError as `read_texts` does."""
    return unescape_formulas(read_texts(path, COLUMNS, remedy))[list(COLUMNS)]


def split_frame(table: ImageTable, groups: Ints, parts: NDArray[np.str_]) -> pd.DataFrame:
    """Return the content of split.csv: image, label (class name), group, part."""
    names = np.array(table.class_names)[table.labels]
    return pd.DataFrame({"image": table.images, "label": names, "group": groups, "part": parts})


def split_hash(frame: pd.DataFrame) -> str:
    """Hash the image, label and part of every row, sorted by image."""
    ordered = frame.sort_values("image")[["image", "label", "part"]]
    return hashlib.sha256(ordered.to_csv(index=False).encode()).hexdigest()[:16]


def read_split(path: Path, table: ImageTable, groups: Ints, grouped: bool) -> NDArray[np.str_]:
    """Read the parts of a split.csv in the table's order.

    Raises:
        UserError: if it is unreadable, has other images or labels, has unknown parts, or puts a
            group into several parts.
    """
    frame = read_split_file(path, SPLIT_REMEDY).set_index("image")
    if set(frame.index) != set(table.images) or len(frame) != len(table.images):
        raise UserError(f"{path} is the split of other images than dataset.root holds; remake it.")
    frame = frame.loc[table.images]
    if list(frame["label"]) != list(np.array(table.class_names)[table.labels]):
        raise UserError(f"{path} has other labels than the data set; remake the split.")
    unknown = set(frame["part"]) - set(PARTS)
    if unknown:
        part = escape(min(unknown))
        raise UserError(f"{path} names the part '{part}'; parts are {', '.join(PARTS)}.")
    parts = frame["part"].to_numpy(dtype="<U10")
    if grouped:
        _check_groups(parts, groups, table, path)
    return parts


def _check_groups(parts: NDArray[np.str_], groups: Ints, table: ImageTable, path: Path) -> None:
    used = parts != "unused"
    counts = pd.Series(parts[used]).groupby(groups[used]).nunique()
    divided = counts[counts > 1]
    if len(divided):
        image = table.images[int(np.flatnonzero(groups == divided.index[0])[0])]
        raise UserError(
            f"{path} puts photographs of one lesion, or copies of one picture, on two sides "
            f"(first: {escape(image)}); remake the split, or use protocol=paper, which allows it."
        )
