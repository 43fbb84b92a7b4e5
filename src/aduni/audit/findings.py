"""Copies, conflicts, leakage and other faults of a data set, as tables of the images concerned."""

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aduni.data.groups import is_alone
from aduni.data.image_table import ImageTable, shown
from aduni.data.loading.samplers import Ints
from aduni.data.module import ImageDataModule
from aduni.data.splits.predefined import leaking, outranked

LARGE = 10
"""A group of one in so many rows is named: it may stand for all whose name is unknown."""
NAMED = 5
"""Names that a remark lists."""


def duplicates(data: ImageDataModule) -> pd.DataFrame:
    """Images that are identical to the pixel with others.

    Returns:
        Columns copies (number of the group), image, label, conflicting (whether the group's labels
        differ), and part where the data set brings a split along; ordered by group.
    """
    table = data.table
    digests = data.cache.originals["sha256"]
    rows = np.flatnonzero(digests.duplicated(keep=False).to_numpy())
    frame = _of_rows(data, rows)
    frame.insert(0, "copies", pd.factorize(digests.iloc[rows])[0] + 1)
    labels = pd.Series(table.labels[rows])
    frame.insert(3, "conflicting", labels.groupby(frame["copies"]).transform("nunique") > 1)
    return frame.sort_values("copies", kind="stable", ignore_index=True)


def leakage(data: ImageDataModule) -> pd.DataFrame:
    """Images whose group, or copy, stands on another side of the split that came with the data.

    Returns:
        Columns group, image, label, part, left_out (whether dataset.split=cleaned leaves it out);
        ordered by group; empty where the data set brings no split along.
    """
    parts = data.table.parts
    if parts is None:
        return pd.DataFrame(columns=["group", "image", "label", "part", "left_out"])
    rows = leaking(parts, data.groups)
    frame = _of_rows(data, rows)
    frame.insert(0, "group", data.groups[rows])
    return frame.assign(left_out=np.isin(rows, outranked(parts, data.groups)))


def nearly_empty(data: ImageDataModule) -> list[tuple[str, int]]:
    """Classes that have too few independent images for the protocol's folds, with their number."""
    table, protocol = data.table, data.protocol
    rows: Ints = np.arange(len(table.images))
    counted = protocol.available(table, data.groups, rows)
    return [(name, count) for name, count in counted if count < protocol.needed]


def alike(names: Sequence[str]) -> list[list[str]]:
    """Find names that differ in capitals, spaces and an ending .0 only: one in several spellings.

    Args:
        names: of classes, patients or lesions, without repetition.
    """
    written = defaultdict(list)
    for name in names:
        written[re.sub(r"\.0+$", "", "".join(name.split()).casefold())].append(name)
    return [same for same in written.values() if len(same) > 1]


def group_remarks(table: ImageTable) -> list[str]:
    """Describe the lesions or patients of a data set, and what may be wrong with their names."""
    counts = pd.Series(table.groups).value_counts()
    rows, several = len(table.images), int((counts > 1).sum())
    named = counts[[not is_alone(str(name)) for name in counts.index]]
    alone = len(counts) - len(named)
    remarks = [
        f"{len(named)} lesions or patients, {several} of them with several photographs, which stay "
        f"together ({rows - len(counts)} more photographs than lesions or patients)."
    ]
    if alone:
        remarks.append(f"{alone} rows name no lesion or patient; each of them stands alone.")
    if large := [
        f"{shown(str(name))} ({count} rows)"
        for name, count in named.items()
        if count * LARGE >= rows
    ]:
        remarks.append(
            f"A tenth of the rows or more have one lesion or patient: {_first_of(large)}; if that "
            "stands for unknown ones, empty these cells."
        )
    spellings = alike([str(name) for name in named.index])
    if spellings:
        written = [" = ".join(map(shown, same)) for same in spellings]
        remarks.append(
            f"Perhaps one lesion or patient in several spellings: {_first_of(written)}; they may "
            "stand on two sides of a split."
        )
    return remarks


def _first_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def small_images(data: ImageDataModule) -> pd.DataFrame:
    """Images with a side shorter than the models': columns image, width, height."""
    originals = data.cache.originals
    small = originals[["width", "height"]].min(axis=1) < data.image_size
    return originals.loc[small, ["image", "width", "height"]]


def _of_rows(data: ImageDataModule, rows: Ints) -> pd.DataFrame:
    table = data.table
    frame = pd.DataFrame(
        {
            "image": np.array(table.images, dtype=object)[rows],
            "label": np.array(table.class_names, dtype=object)[table.labels[rows]],
        }
    )
    return frame if table.parts is None else frame.assign(part=table.parts[rows])
