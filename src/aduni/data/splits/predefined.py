"""Use a split that a data set brings along: by folders, by a column, or the official one."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import ImageTable, escape
from aduni.data.loading.samplers import Ints
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError

GivenSplit = Literal["given", "cleaned", "ignore"]
"""given: unchanged; an error if it leaks. cleaned: without the images by which it leaks. ignore:
replaced by the protocol's folds."""

PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Lower-case names that users give to parts -> names in this project."""

PRECEDENCE = {"unused": 0, "train": 1, "validation": 2, "test": 3}
"""Of several parts with images of a group, the highest keeps them: the test part is unchanged."""


def divide_as_given(
    table: ImageTable, groups: Ints, protocol: Protocol, *, cleaned: bool
) -> NDArray[np.str_]:
    """Return the part of each row by the given split.

    Without a given validation part, one is taken from the training part, by groups and classes. If
    the protocol selects on the test part, a given validation part joins the training part.

    Args:
        table: table with given parts.
        groups: (n,) group numbers (see `group_rows`).
        protocol: decides whether groups stay together, and whether there is a validation part.
        cleaned: leave out images by which the split leaks.

    Raises:
        UserError: if it leaks and `cleaned` is False, or a class is too small to be divided.
    """
    assert table.parts is not None
    parts = table.parts.copy()
    if protocol.selected_on == "test":
        parts[parts == "validation"] = "train"
    if protocol.grouped and cleaned:
        parts[outranked(parts, groups)] = "unused"
    elif protocol.grouped:
        _check_leaks(table, parts, groups)
    if protocol.selected_on == "validation" and not (parts == "validation").any():
        training = np.flatnonzero(parts == "train")
        parts[protocol.validation_rows(table, groups, training)] = "validation"
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
