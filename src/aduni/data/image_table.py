"""The image table: what a data set consists of, before any pixel is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.class_names import grow
from aduni.data.csv_text import check_separator, csv_lines
from aduni.data.loading.samplers import Ints
from aduni.errors import UserError, did_you_mean
from aduni.metrics.metric import Task

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".gif", ".bmp", ".webp")
"""Of image files, in either case."""

NO_UTF8 = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""What Python makes of the bytes of a name that is no UTF-8 -> their escapes."""

FIND_RELEASE = "set dataset.root to the folder of the complete release, which holds it"


@dataclass(frozen=True)
class ImageTable:
    """The rows of a data set.

    Attributes:
        images: identifiers, one a row, without repetition.
        labels: (n,) class numbers.
        class_names: name of each class.
        groups: rows with the same name must stay on one side of a split; None where each row
            stands alone.
        files: where the pixels are; None for a data set that is held in memory.
        parts: (n,) train, validation, test or unused: the split that the data set brings along;
            None where it brings none.
        passed_over: how many files of other kinds its folder holds, by suffix; None where the
            folder was not searched.
        ordinal: whether the order of the classes has a meaning; None: where they are numbers that
            grow.
    """

    images: list[str]
    labels: Ints
    class_names: list[str]
    groups: list[str] | None = None
    files: list[Path] | None = None
    parts: NDArray[np.str_] | None = None
    passed_over: Mapping[str, int] | None = None
    ordinal: bool | None = None

    @property
    def is_ordinal(self) -> bool:
        """Whether the classes are grades: figures that go by their order have a meaning."""
        return grow(self.class_names) if self.ordinal is None else self.ordinal

    @property
    def task(self) -> Task:
        """What the labels are."""
        return "ordinal" if self.is_ordinal else "multiclass"

    @property
    def class_counts(self) -> Ints:
        """(C,) images of each class."""
        return np.bincount(self.labels, minlength=len(self.class_names))


def check_root(root: Path, release: str, obtain: str) -> None:
    """Raise UserError where `dataset.root` is no folder; `obtain` says how to get the release."""
    if not root.is_dir():
        found = "is a file" if root.exists() else "is missing"
        raise UserError(
            f"{root} {found}; set dataset.root to the folder of the {release} release, or {obtain}."
        )


def read_csv(path: Path, columns: Sequence[str], remedy: str = FIND_RELEASE) -> pd.DataFrame:
    """A CSV of strings that has the given columns, as `read_texts` reads it.

    Spaces around a cell do not count, but in the first of the columns: it names files.
    """
    frame = read_texts(path, columns, remedy)
    others = [column for column in columns if column != columns[0]]
    frame[others] = frame[others].apply(lambda cells: cells.str.strip())
    return frame


def read_texts(path: Path, columns: Sequence[str], remedy: str) -> pd.DataFrame:
    """A CSV of strings that has the given columns, to the sign.

    Args:
        path: of the table.
        columns: that must be there, the identifiers' one first.
        remedy: what to do where there is no such table.

    Raises:
        UserError: unreadable, empty, a row is too short or too long, or a column is missing.
    """
    lines = csv_lines(path, remedy)
    if not lines:
        raise UserError(f"{path} is empty; {remedy}.")
    header = [name.strip() for name in lines[0][1]]
    for column in columns:
        if header.count(column) != 1:
            check_separator(path, header)
            has = "no column" if column not in header else "several columns"
            names = ", ".join(shown(name) for name in header)
            raise UserError(
                f"{path} has {has} '{column}'{did_you_mean(column, header)}; its columns are "
                f"{names}."
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
            f"'{shown(cells[0])}', in line {number}; correct the row."
        )
    if not any(cells) or not "".join(cells).strip():
        raise UserError(
            f"{path} has an empty row in line {number}, as spreadsheets leave them; remove it."
        )


def shown(name: str) -> str:
    """A name for a message: on one line, with escapes for what no screen shows."""
    text = name.translate(NO_UTF8)
    return text if text.isprintable() else ascii(text)[1:-1]


def one_hot_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of which every row has a 1 in exactly one and 0 in the others; empty if none."""
    ones = frame.isin(("1", "1.0"))
    columns = list(frame.columns[(ones | frame.isin(("0", "0.0"))).all()])
    exclusive = len(columns) > 1 and bool((ones[columns].sum(axis=1) == 1).all())
    return columns if exclusive else []
