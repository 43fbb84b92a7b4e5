"""Read splits as others publish them: lists of image names, one file in all or one a part."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import SUFFIXES, ImageTable, csv_lines, escape
from aduni.data.loading.samplers import Ints
from aduni.data.splits.predefined import (
    COLUMNS,
    PART_NAMES,
    PRECEDENCE,
    divide_as_given,
    read_split,
)
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError
from aduni.shortage import raise_shortage

PARTS_OF_LISTS = {**PART_NAMES, "unused": "unused"}
LIST_REMEDY = "set it to the files of a split: CSV tables, lists of names, or .npy of strings"


@dataclass(frozen=True)
class PublishedSplit:
    """Rows of a data set that a published split lists.

    Attributes:
        rows: rows of each part, train, validation, test or unused; a row may be in several.
        unknown: names that the data set lacks.
        count: number of rows of the data set.
    """

    rows: Mapping[str, Ints]
    unknown: list[str]
    count: int

    @property
    def parts(self) -> NDArray[np.str_]:
        """Part of each row (n,), unused if it is not listed; of several the one that is tested."""
        parts = np.full(self.count, "unused", dtype="<U10")
        for part in sorted(self.rows, key=lambda part: PRECEDENCE[part]):
            parts[self.rows[part]] = part
        return parts

    def check_complete(self, files: Sequence[Path], table: ImageTable) -> None:
        """Raise UserError if the split names other images, or one image twice."""
        names = " and ".join(str(file) for file in files)
        if self.unknown:
            raise UserError(
                f"{names} lists {len(self.unknown)} images that the data set lacks, first "
                f"{escape(self.unknown[0])}; set dataset.root to the whole release, or remove them."
            )
        rows, counts = np.unique(np.concatenate([*self.rows.values()]), return_counts=True)
        if (counts > 1).any():
            raise UserError(
                f"{names} lists {(counts > 1).sum()} images in several parts, first "
                f"{escape(table.images[rows[counts > 1][0]])}; keep each in one."
            )


def read_given(
    protocol: Protocol, table: ImageTable, groups: Ints, originals: pd.DataFrame
) -> tuple[NDArray[np.str_], str | None]:
    """Read the protocol's split_file: parts (n,), and the caveat that goes with every result.

    The groups of a run's split.csv are checked. A published split is used as it is, and the caveat
    says how far it leaks.
    """
    files = protocol.split_files
    if len(files) == 1 and _is_run_split(files[0]):
        grouped = protocol.grouped and not protocol.caveat  # which says that it leaks
        return read_split(files[0], table, groups, grouped), protocol.caveat
    split = read_published_split(files, table.images)
    split.check_complete(files, table)
    found = leaks(split, table, originals)["any"]
    caveat = (
        f"{found.sum()} of {len(found)} test images ({100 * found.sum() / max(len(found), 1):.1f} "
        "%) have their lesion, patient or a copy in training (split of "
        f"{', '.join(file.name for file in files)})"
    )
    caveats = [caveat] if protocol.caveat is None else [protocol.caveat, caveat]
    given = replace(table, parts=split.parts)
    parts = divide_as_given(given, groups, protocol, cleaned=False, may_leak=True)
    return parts, "; ".join(caveats)


def _is_run_split(file: Path) -> bool:
    """Tell whether a file is the split.csv of a run, as a missing file is taken to be."""
    try:
        with file.open("rb") as opened:
            return opened.readline(200).startswith(",".join(COLUMNS[:3]).encode())
    except OSError:
        return True


def read_published_split(files: Sequence[Path], images: Sequence[str]) -> PublishedSplit:
    """Read the files of a split, matching names without folders, suffixes and `_downsampled`.

    A file has a column of parts, or the name of its part in its own.
    """
    known = {_plain(image): row for row, image in enumerate(images)}
    rows: dict[str, list[int]] = {part: [] for part in PRECEDENCE}
    unknown: list[str] = []
    for file in files:
        cells = _cells(file)
        matches = [[_row_of(cell, known) for cell in column] for column in cells]
        found = max(matches, key=lambda column: sum(row is not None for row in column))
        if all(row is None for row in found):
            raise UserError(
                f"{file} names no image of the data set (first: {escape(cells[0][-1])}); give the "
                "files of a split of this data set."
            )
        names = cells[matches.index(found)]
        first = 1 if found[0] is None else 0  # a header
        parts = _parts(file, cells, first)
        for name, row, part in zip(names[first:], found[first:], parts, strict=True):
            unknown += [name] if row is None else []
            rows[part] += [] if row is None else [row]
    listed = {part: np.array(of_part, dtype=np.int64) for part, of_part in rows.items()}
    return PublishedSplit(listed, unknown, len(images))


def _cells(file: Path) -> list[Sequence[str]]:
    """Return the columns of a table or list of names."""
    if file.suffix.lower() == ".npy":
        return [*map(list, zip(*_strings(file), strict=True))]
    if file.suffix.lower() in (".pkl", ".pickle", ".pt", ".pth"):
        raise UserError(f"{file} is a pickle, which could run code; save its names as a CSV table.")
    lines = [cells for _, cells in csv_lines(file, LIST_REMEDY)]
    if not lines:
        raise UserError(f"{file} is empty; {LIST_REMEDY}.")
    width = max(map(len, lines))
    return [*map(list, zip(*(row + [""] * (width - len(row)) for row in lines), strict=True))]


def _strings(file: Path) -> list[list[str]]:
    try:
        array = np.load(file, allow_pickle=False)
    except Exception as error:  # numpy raises errors of many kinds
        raise_shortage(error)
        raise UserError(f"{file} cannot be read without pickle; save it as strings.") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "US" or not array.size:
        raise UserError(f"{file} holds no strings; save the names of the images.")
    texts = np.char.decode(array) if array.dtype.kind == "S" else array
    table: list[list[str]] = texts.reshape(len(array), -1).tolist()
    return table


def _row_of(cell: str, known: Mapping[str, int]) -> int | None:
    """Look up a cell, or its first word where a class follows after a space, ; or a tab."""
    row = known.get(_plain(cell))
    return known.get(_plain(re.split(r"[\s;]", cell.strip())[0])) if row is None else row


def _plain(name: str) -> str:
    base = re.split(r"[/\\]", name.strip())[-1]
    stem, dot, suffix = base.rpartition(".")
    return (stem if dot + suffix.lower() in SUFFIXES else base).removesuffix("_downsampled")


def _parts(file: Path, cells: Sequence[Sequence[str]], first: int) -> list[str]:
    """Return the part of each row after the header."""
    for column in cells:
        words = [cell.strip().lower() for cell in column[first:]]
        if set(words) <= PARTS_OF_LISTS.keys():
            return [PARTS_OF_LISTS[word] for word in words]
    words = [word for word in re.split("[^a-z]+", file.stem.lower()) if word in PART_NAMES]
    if not words:
        raise UserError(
            f"{file} has no column of parts, and no part in its name; add a column of train, val "
            "and test, or name each file by its part."
        )
    return [PART_NAMES[words[-1]]] * (len(cells[0]) - first)


def leaks(
    split: PublishedSplit, table: ImageTable, originals: pd.DataFrame
) -> dict[str, NDArray[np.bool_]]:
    """Tell which test images have their lesion or patient, or a copy, in training.

    Returns:
        (t,) for each kind; `any` is the last. A near copy is counted where there is no exact one.
    """
    train, test = split.rows["train"], np.unique(split.rows["test"])

    def shared(names: Sequence[object]) -> NDArray[np.bool_]:
        numbers = pd.factorize(np.asarray(names, dtype=object))[0]
        return np.isin(numbers[test], numbers[train])

    exact = shared(originals["sha256"].tolist())
    kinds = {} if table.groups is None else {"lesion or patient": shared(table.groups)}
    kinds |= {"exact copy": exact, "near copy": shared(originals["near"].tolist()) & ~exact}
    return kinds | {"any": np.logical_or.reduce([*kinds.values()])}
