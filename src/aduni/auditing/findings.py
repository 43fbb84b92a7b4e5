"""Find duplicates, conflicting labels, leakage, unused files and other faults of a data set."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from aduni.data.image_data import ImageData
from aduni.data.image_table import ImageTable
from aduni.data.loading.samplers import Ints
from aduni.data.names import escape, is_alone
from aduni.data.splits.predefined import leaking, outranked
from aduni.data.walk import list_folder

LARGE_GROUP_DIVISOR = 10
"""A group with at least one of so many rows is reported: its name may mean "unknown"."""
MAX_LISTED_NAMES = 5


def duplicates(data: ImageData, same: Literal["sha256", "near"] = "sha256") -> pd.DataFrame:
    """List the images whose pixels are identical to those of another image.

    Args:
        data: the data set.
        same: `near` lists near copies, too (see `aduni.data.cache.near_copies`).

    Returns:
        Columns copies (number of the group), image, label, conflicting (whether the group's labels
        differ), difference (to the nearest near copy in levels, NaN without one), and part if the
        data set comes with a split; ordered by group.
    """
    originals = data.cache.originals
    rows = np.flatnonzero(originals[same].duplicated(keep=False).to_numpy())
    frame = _describe_rows(data, rows)
    frame.insert(0, "copies", pd.factorize(originals[same].iloc[rows])[0] + 1)
    labels = pd.Series(data.table.labels[rows])
    frame.insert(3, "conflicting", labels.groupby(frame["copies"]).transform("nunique") > 1)
    frame.insert(4, "difference", originals["difference"].to_numpy()[rows].round(4))
    return frame.sort_values("copies", kind="stable", ignore_index=True)


def near_copies(data: ImageData) -> pd.DataFrame:
    """List the near copies with their difference, as `duplicates` does."""
    copies = duplicates(data, "near")
    copies = copies[copies["difference"].notna()]
    return copies.assign(copies=pd.factorize(copies["copies"])[0] + 1).reset_index(drop=True)


def leakage(data: ImageData) -> pd.DataFrame:
    """List the images whose group or copy is also in another part of the data set's own split.

    Returns:
        Columns group, image, label, part, left_out (whether dataset.split=cleaned leaves it out);
        ordered by group; empty if the data set comes without a split.
    """
    parts = data.table.parts
    if parts is None:
        return pd.DataFrame(columns=["group", "image", "label", "part", "left_out"])
    rows = leaking(parts, data.groups)
    frame = _describe_rows(data, rows)
    frame.insert(0, "group", data.groups[rows])
    return frame.assign(left_out=np.isin(rows, outranked(parts, data.groups)))


def small_classes(data: ImageData) -> list[tuple[str, int]]:
    """Return (name, independent images) of the classes with too few for the protocol's folds."""
    table, protocol = data.table, data.protocol
    rows: Ints = np.arange(len(table.images))
    counts = protocol.available(table, data.groups, rows)
    return [(name, count) for name, count in counts if count < protocol.needed]


def similar_names(names: Sequence[str]) -> list[list[str]]:
    """Return groups of names that differ only in capitals, spaces or a final .0."""
    spellings = defaultdict(list)
    for name in names:
        spellings[re.sub(r"\.0+$", "", "".join(name.split()).casefold())].append(name)
    return [group for group in spellings.values() if len(group) > 1]


def group_remarks(table: ImageTable) -> list[str]:
    """Describe the lesions or patients of a data set, and possible faults of their names."""
    counts = pd.Series(table.groups).value_counts(sort=False)
    counts = counts.sort_values(ascending=False, kind="stable")  # equal ones as they come
    rows, several = len(table.images), int((counts > 1).sum())
    named = counts[[not is_alone(str(name)) for name in counts.index]]
    ungrouped = len(counts) - len(named)
    remarks = [
        f"{len(named)} lesions or patients, {several} of them with several photographs, which stay "
        f"together ({rows - len(counts)} more photographs than lesions or patients)."
    ]
    if ungrouped:
        remarks.append(f"{ungrouped} rows name no lesion or patient; each of them stands alone.")
    if large_groups := [
        f"{escape(str(name))} ({count} rows)"
        for name, count in named.items()
        if count * LARGE_GROUP_DIVISOR >= rows
    ]:
        remarks.append(
            f"A tenth of the rows or more have one lesion or patient: {_join_first(large_groups)}; "
            "if that stands for unknown ones, empty these cells."
        )
    similar = similar_names([str(name) for name in named.index])
    if similar:
        spellings = [" = ".join(map(escape, names)) for names in similar]
        remarks.append(
            f"Perhaps one lesion or patient in several spellings: {_join_first(spellings)}; they "
            "may stand on two sides of a split."
        )
    return remarks


def _join_first(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED_NAMES} more" if len(names) > MAX_LISTED_NAMES else ""
    return f"{', '.join(names[:MAX_LISTED_NAMES])}{more}"


def small_images(data: ImageData) -> pd.DataFrame:
    """List the images with a side shorter than the model's: columns image, width, height."""
    originals = data.cache.originals
    small = originals[["width", "height"]].min(axis=1) < data.image_size
    return originals.loc[small, ["image", "width", "height"]]


def _describe_rows(data: ImageData, rows: Ints) -> pd.DataFrame:
    table = data.table
    frame = pd.DataFrame(
        {
            "image": np.array(table.images, dtype=object)[rows],
            "label": np.array(table.class_names, dtype=object)[table.labels[rows]],
        }
    )
    return frame if table.parts is None else frame.assign(part=table.parts[rows])


def unused_files(data: ImageData) -> tuple[list[str], Mapping[str, int]]:
    """Search the folders of the images and their parents up to the root for other files.

    Returns:
        Names of image files without a row, and numbers of files of other kinds by suffix: below the
        root if the data set searches it, else in the folders of the images.
    """
    files = data.table.files
    if files is None:
        return [], {}
    known = {file.absolute() for file in files}
    root, folders = data.root.absolute(), {file.parent for file in known}
    parents = {parent for folder in folders for parent in folder.parents if root in parent.parents}
    images: list[str] = []
    others: Counter[str] = Counter()
    for folder in folders | parents | {root}:
        content = list_folder(folder)
        images += [file.name for file in content.images if file not in known]
        if folder in folders:
            others += content.passed_over
    return sorted(images), others if data.table.passed_over is None else data.table.passed_over
