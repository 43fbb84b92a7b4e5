"""Read splits as others publish them: lists of image names, one file in all or one a part."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aduni.data.image_table import PART_DTYPE, SUFFIXES, ImageTable, csv_lines
from aduni.data.loading.samplers import Ints
from aduni.data.names import escape
from aduni.data.splits.predefined import LISTED_PARTS, PART_NAMES, PRECEDENCE
from aduni.errors import UserError
from aduni.shortage import raise_shortage

HEADER = re.compile(r"0|\D*(?<!\.jpg)(?<!\.png)", re.IGNORECASE)
"""Title of a column of names: unlike most names without a digit, or the 0 that pandas writes."""
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
        parts = np.full(self.count, "unused", dtype=PART_DTYPE)
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


def read_published_split(files: Sequence[Path], images: Sequence[str]) -> PublishedSplit:
    """Read the files of a split, matching paths, else names without folders.

    Suffixes of image files and `_downsampled` do not count. A file has a column of parts, or the
    name of its part in its own.
    """
    known = _Names(images)
    rows: dict[str, list[int]] = {part: [] for part in PRECEDENCE}
    unknown: list[str] = []
    for file in files:
        cells = _cells(file)
        matches = [[known.rows_of(cell) for cell in column] for column in cells]
        found = max(
            matches, key=lambda column: (sum(len(of) == 1 for of in column), sum(map(bool, column)))
        )
        names = cells[matches.index(found)]
        _check_names(file, names, found, images)
        first = 0 if found[0] or not HEADER.fullmatch(names[0].strip()) else 1
        parts = _parts(file, cells, first)
        for name, of_name, part in zip(names[first:], found[first:], parts, strict=True):
            unknown += [] if of_name else [name]
            rows[part] += of_name
    listed = {part: np.unique(np.array(found, dtype=np.int64)) for part, found in rows.items()}
    return PublishedSplit(listed, unknown, len(images))


def _check_names(
    file: Path, names: Sequence[str], found: Sequence[Sequence[int]], images: Sequence[str]
) -> None:
    """Raise UserError if no name is an image of the data set, or one may be several."""
    if not any(found):
        raise UserError(
            f"{file} names no image of the data set (first: {escape(names[-1])}); give the files "
            "of a split of this data set."
        )
    for name, rows in zip(names, found, strict=True):
        if len(rows) > 1:
            both = " or ".join(escape(images[row]) for row in rows[:2])
            raise UserError(
                f"{file} names {escape(name)}, which may be {both}; write the paths of the images "
                "as the data set has them."
            )


class _Names:
    """Rows of images by path, by path without its suffix, and by name without its folders."""

    def __init__(self, images: Sequence[str]) -> None:
        self._known: list[dict[str, list[int]]] = [{}, {}, {}]
        for row, image in enumerate(images):
            for known, key in zip(self._known, _keys(image), strict=True):
                known.setdefault(key, []).append(row)

    def rows_of(self, cell: str) -> list[int]:
        """Look up a cell, or its first word where a class follows after a space, ; or a tab."""
        for name in (cell, re.split(r"[\s;]", cell.strip())[0]):
            for known, key in zip(self._known, _keys(name), strict=True):
                if key in known:
                    return known[key]
        return []


def _keys(name: str) -> tuple[str, str, str]:
    path = name.strip().replace("\\", "/")
    stem, dot, suffix = path.rpartition(".")
    plain = (stem if dot + suffix.lower() in SUFFIXES else path).removesuffix("_downsampled")
    return path, plain, plain.rpartition("/")[2]


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


def _parts(file: Path, cells: Sequence[Sequence[str]], first: int) -> list[str]:
    """Return the part of each row after the header."""
    columns = [[cell.strip().lower() for cell in column[first:]] for column in cells]
    parted = [words for words in columns if LISTED_PARTS.keys() & set(words)]
    if parted:
        words = max(parted, key=lambda words: sum(word in LISTED_PARTS for word in words))
        others = [word for word in words if word not in LISTED_PARTS]
        if others:
            raise UserError(
                f"{file} has the part '{escape(others[0])}' beside others; write train, val, test "
                "or unused in each row."
            )
        return [LISTED_PARTS[word] for word in words]
    words = [word for word in re.split("[^a-z]+", file.stem.lower()) if word in PART_NAMES]
    if not words:
        raise UserError(
            f"{file} has no column of parts, and no part in its name; add a column of train, val "
            "and test, or name each file by its part."
        )
    return [PART_NAMES[words[-1]]] * (len(cells[0]) - first)
