"""Splits that a data set brings along or that a split.csv lists."""

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import PART_DTYPE, ImageTable, read_texts
from aduni.data.loading.samplers import Ints
from aduni.data.names import escape
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError
from aduni.system.csv_escape import unescape_formulas

COLUMNS = ("image", "label", "group", "part")
INTERNAL = "internal"
"""Test part of the training, where a model is tested on another source."""
PARTS = ("train", "validation", "calibration", "test", "unused")
SPLIT_REMEDY = "set protocol.split_file to the split.csv of a run, or to null"

GivenSplit = Literal["given", "cleaned", "ignore"]
"""given: unchanged; an error if it leaks. cleaned: without the images by which it leaks. ignore:
replaced by the protocol's folds."""

PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    "calibration": "calibration",
    **dict.fromkeys(("test", "testing"), "test"),
}
LISTED_PARTS = {**PART_NAMES, "unused": "unused"}
"""Names of parts in tables and lists, whose rows may be in no part."""

PRECEDENCE = {"unused": 0, "train": 1, "validation": 2, "calibration": 3, "test": 4}
"""Of several parts with images of a group, the highest keeps them: the test part is unchanged."""


def read_split_file(path: Path, remedy: str) -> pd.DataFrame:
    """Read a split.csv and its metadata as texts; raises UserError as `read_texts` does."""
    return unescape_formulas(read_texts(path, COLUMNS, remedy))


def split_frame(table: ImageTable, groups: Ints, parts: NDArray[np.str_]) -> pd.DataFrame:
    """Return the content of split.csv: image, label (class name), group, part, and metadata."""
    names = np.array(table.class_names)[table.labels]
    frame = pd.DataFrame({"image": table.images, "label": names, "group": groups, "part": parts})
    if table.metadata is None:
        return frame
    clashing = {name: f"given {name}" for name in COLUMNS}
    return frame.join(table.metadata.reset_index(drop=True).rename(columns=clashing))


def split_hash(frame: pd.DataFrame) -> str:
    """Hash the image, label and part of every row, sorted by image."""
    ordered = frame.sort_values("image")[["image", "label", "part"]]
    return hashlib.sha256(ordered.to_csv(index=False).encode()).hexdigest()[:16]


def read_split(path: Path, table: ImageTable, groups: Ints, grouped: bool) -> NDArray[np.str_]:
    """Read the parts of a split.csv in the table's order."""
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
    parts = frame["part"].to_numpy(dtype=PART_DTYPE)
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


def divide_as_given(
    table: ImageTable,
    groups: Ints,
    protocol: Protocol,
    *,
    cleaned: bool,
    may_leak: bool = False,
) -> NDArray[np.str_]:
    """Return the part of each row by the given split; raise UserError if it leaks and must not.

    Without a given validation part, one is taken from the training part, by groups and classes;
    so is a calibration part if the protocol has one. If the protocol selects on the test part, a
    given validation part joins the training part.
    """
    assert table.parts is not None
    parts = table.parts.copy()
    if protocol.selected_on == "test":
        parts[parts == "validation"] = "train"
    if protocol.grouped and cleaned:
        parts[outranked(parts, groups)] = "unused"
    elif protocol.grouped and not may_leak:
        _check_leaks(table, parts, groups)
    if protocol.selected_on == "validation" and not (parts == "validation").any():
        training = np.flatnonzero(parts == "train")
        parts[protocol.rows_of_part("validation", table, groups, training)] = "validation"
    if protocol.calibration_fraction > 0 and not (parts == "calibration").any():
        training = np.flatnonzero(parts == "train")
        parts[protocol.rows_of_part("calibration", table, groups, training)] = "calibration"
    return parts


def leaking(parts: NDArray[np.str_], groups: Ints) -> Ints:
    """Return the rows whose group is in several parts, sorted by group."""
    used = np.flatnonzero(parts != "unused")
    counts = pd.Series(parts[used]).groupby(groups[used]).transform("nunique").to_numpy()
    rows: Ints = used[counts > 1]
    return rows[np.argsort(groups[rows], kind="stable")]


def outranked(parts: NDArray[np.str_], groups: Ints) -> Ints:
    """Return the rows whose group also has rows in a higher part; without them no group leaks."""
    rank = pd.Series([PRECEDENCE[part] for part in parts], dtype=np.int64)
    highest = rank.groupby(groups).transform("max")
    return np.flatnonzero(((rank < highest) & (rank > 0)).to_numpy())


def _check_leaks(table: ImageTable, parts: NDArray[np.str_], groups: Ints) -> None:
    rows = leaking(parts, groups)
    if not len(rows):
        return
    first = rows[0]
    other = next(r for r in rows if groups[r] == groups[first] and parts[r] != parts[first])
    raise UserError(
        f"The given split has {len(rows)} images of {len(np.unique(groups[rows]))} groups or "
        f"copies on several sides, first {escape(table.images[first])} ({parts[first]}) and "
        f"{escape(table.images[other])} ({parts[other]}); set dataset.split=cleaned to leave out "
        "those that are not in the test part, dataset.split=ignore to make own folds, or use "
        "protocol=paper, which allows it."
    )
