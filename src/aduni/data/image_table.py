"""Image table, which lists the images and labels of a data set, and readers of its CSV."""

import codecs
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.loading.samplers import Ints
from aduni.data.names import are_increasing, escape
from aduni.data.places import check_table
from aduni.errors import UserError, did_you_mean
from aduni.metrics.metric import Task
from aduni.shortage import raise_shortage

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

KINDS = {
    b"PK\x03\x04": "a workbook of Excel or another archive",
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel",
    b"\x1f\x8b": "a compressed file",
    codecs.BOM_UTF16_LE: "UTF-16 text",
    codecs.BOM_UTF16_BE: "UTF-16 text",
}
"""First bytes of other kinds of files that users give as tables."""

PART_DTYPE = "<U11"
"""Holds the name of every part; a shorter one would cut `calibration` in silence."""

Line = tuple[int, list[str]]  # number and cells

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".tif",
    ".tiff",
    ".gif",
    ".bmp",
    ".webp",
    ".avif",
    ".heic",
    ".heif",
    ".dcm",
    ".dicom",
)
"""Suffixes of image files, matched in any case."""

RELEASE_REMEDY = "set dataset.root to the folder of the complete release, which holds it"


def csv_lines(path: Path, remedy: str) -> list[Line]:
    """Read all lines that are not blank; the remedy is for a missing file."""
    check_table(path, remedy)
    text = _text(path)
    if text.lower().startswith("sep="):
        first = text.splitlines()[0]
        raise UserError(f"{path} begins with the line '{first}', which no header is; remove it.")
    try:
        return _lines(text)
    except csv.Error as error:
        raise UserError(
            f"{path} cannot be read as a CSV table ({error}); correct its quotation marks, or save "
            "it as UTF-8 text with commas."
        ) from error


def check_separator(path: Path, header: Sequence[str]) -> None:
    """Raise UserError if the cells of a header are not separated by commas."""
    line = ",".join(header)
    separator = max(SEPARATORS, key=line.count)
    if line.count(separator) >= len(header):
        raise UserError(
            f"{path} is not a table with commas: its cells are separated by "
            f"{SEPARATORS[separator]}; save it with commas."
        )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise_shortage(error)
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check its permissions."
        ) from error
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), None)
    if kind is None and b"\0" in content[:1000]:
        kind = "UTF-16 text or no text"
    if kind:
        raise UserError(f"{path} is {kind}, not a CSV table; save it as UTF-8 text with commas.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} is no UTF-8 text (byte {error.object[error.start]:#x} in line {line}); save "
            "it as UTF-8 text with commas (in Excel: CSV UTF-8)."
        ) from error


def _lines(text: str) -> list[Line]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    lines, number = [], 1
    try:
        for cells in reader:
            if cells:
                lines.append((number, cells))
            number = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(f"{error}, in the row that begins in line {number}") from error
    return lines


@dataclass(frozen=True)
class ImageTable:
    """Rows of a data set.

    Attributes:
        images: identifiers, one per row, without repetition.
        labels: (n,) class numbers.
        groups: names of groups, whose rows stay in one part of a split; None if all rows are
            independent.
        files: file of each row; None for a data set in memory.
        parts: (n,) train, validation, test or unused: the split that the data set brings along;
            None without one.
        passed_over: number of other files in its folder by suffix; None if the folder was not
            searched.
        metadata: a row for each image with further columns, such as age or site, which split.csv
            keeps; None without any.
        ordinal: whether the classes are ordered; None: if their names are increasing numbers.
        unused_groups: column that seems to name patients or lesions of several images, and is not
            used; None without one.
    """

    images: list[str]
    labels: Ints
    class_names: list[str]
    groups: list[str] | None = None
    files: list[Path] | None = None
    parts: NDArray[np.str_] | None = None
    passed_over: Mapping[str, int] | None = None
    ordinal: bool | None = None
    metadata: pd.DataFrame | None = None
    unused_groups: str | None = None

    @property
    def is_ordinal(self) -> bool:
        """Tell whether the classes are ordered, so that ordinal metrics have a meaning."""
        return are_increasing(self.class_names) if self.ordinal is None else self.ordinal

    @property
    def task(self) -> Task:
        return "ordinal" if self.is_ordinal else "multiclass"

    @property
    def class_counts(self) -> Ints:
        return np.bincount(self.labels, minlength=len(self.class_names))


def read_csv(path: Path, columns: Sequence[str], remedy: str = RELEASE_REMEDY) -> pd.DataFrame:
    """Read a CSV as `read_texts` does, and strip spaces in all these columns but the first.

    The first column names files, whose names may begin or end with spaces.
    """
    frame = read_texts(path, columns, remedy)
    others = [column for column in columns if column != columns[0]]
    frame[others] = frame[others].apply(lambda cells: cells.str.strip())
    return frame


def read_texts(path: Path, columns: Sequence[str], remedy: str) -> pd.DataFrame:
    """Read a CSV of unchanged strings, and check that it has the given columns."""
    lines = csv_lines(path, remedy)
    if not lines:
        raise UserError(f"{path} is empty; {remedy}.")
    header = [name.strip() for name in lines[0][1]]
    for column in columns:
        if header.count(column) != 1:
            check_separator(path, header)
            has = "no column" if column not in header else "several columns"
            raise UserError(
                f"{path} has {has} '{column}'{did_you_mean(column, header)}; its columns are "
                f"{', '.join(map(escape, header))}."
            )
    if len(lines) == 1:
        raise UserError(f"{path} has no rows; {remedy}.")
    for number, cells in lines[1:]:
        _check_row(path, header, number, cells)
    return pd.DataFrame([cells for _, cells in lines[1:]], columns=header, dtype=str)


def _check_row(path: Path, header: Sequence[str], number: int, cells: Sequence[str]) -> None:
    if len(cells) != len(header):
        check_separator(path, header)
        raise UserError(
            f"{path} has a row of {len(cells)} cells under {len(header)} columns, "
            f"'{escape(cells[0])}', in line {number}; correct the row."
        )
    if not any(cells) or not "".join(cells).strip():
        raise UserError(
            f"{path} has an empty row in line {number}, as spreadsheets leave them; remove it."
        )


def one_hot_labels(
    frame: pd.DataFrame, columns: list[str], images: Sequence[str], path: Path
) -> Ints:
    """Return the (n,) column numbers of the ones in one-hot columns.

    Raises:
        UserError: if a row has another number of ones, or a cell that is neither 0 nor 1.
    """
    cells = frame[columns].to_numpy(dtype=str)
    ones = np.isin(cells, ("1", "1.0"))
    known = ones | np.isin(cells, ("0", "0.0"))
    unclear = np.flatnonzero((ones.sum(axis=1) != 1) | ~known.all(axis=1))
    if len(unclear):
        raise UserError(
            f"{path} does not give {escape(images[unclear[0]])} exactly one of the classes "
            f"{', '.join(map(escape, columns))}; correct the row."
        )
    labels: Ints = ones.argmax(axis=1).astype(np.int64)
    return labels


def one_hot_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns in which each row has exactly one 1 and else 0, if there are any."""
    ones = frame.isin(("1", "1.0"))
    columns = list(frame.columns[(ones | frame.isin(("0", "0.0"))).all()])
    exclusive = len(columns) > 1 and bool((ones[columns].sum(axis=1) == 1).all())
    return columns if exclusive else []
