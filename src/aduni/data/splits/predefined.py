"""A split that a data set brings along: folders, a column, or the official one."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import ImageTable, shown
from aduni.data.loading.samplers import Ints
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError

GivenSplit = Literal["given", "cleaned", "ignore"]
"""given: as it is, refused where it leaks. cleaned: without the images by which it leaks. ignore:
the protocol's own folds."""

NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What parts are called, in small letters, and their names here."""

RANK = {"unused": 0, "train": 1, "validation": 2, "test": 3}
"""Of several sides that hold one group, the highest keeps its images: the test part stays whole."""


def divide_as_given(
    table: ImageTable, groups: Ints, protocol: Protocol, *, cleaned: bool
) -> NDArray[np.str_]:
    """The part of each row: the given one, with a validation part as the protocol wants it.

    Without a given validation part one is divided off the training part, by groups and classes.
    Where the protocol selects on the test part, a given validation part trains.

    Args:
        table: with its parts.
        groups: (n,) group numbers (see `group_rows`).
        protocol: says whether groups must stay together, and whether there is validation.
        cleaned: leave out images by which the split leaks.

    Raises:
        UserError: it leaks and is not to be cleaned, or a class is too small to be divided.
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
    """Rows whose group stands on several sides, ordered by group."""
    used = np.flatnonzero(parts != "unused")
    sides = pd.Series(parts[used]).groupby(groups[used]).transform("nunique").to_numpy()
    rows: Ints = used[sides > 1]
    return rows[np.argsort(groups[rows], kind="stable")]


def outranked(parts: NDArray[np.str_], groups: Ints) -> Ints:
    """Rows of whose group a higher side holds some, too: without them, no group leaks."""
    rank = pd.Series([RANK[part] for part in parts], dtype=np.int64)
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
        f"copies on several sides, first {shown(table.images[first])} ({parts[first]}) and "
        f"{shown(table.images[other])} ({parts[other]}); set dataset.split=cleaned to leave out "
        "those that are not in the test part, dataset.split=ignore to make own folds, or use "
        "protocol=paper, which allows it."
    )
