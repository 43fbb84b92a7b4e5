"""The image table: what a data set consists of, before any pixel is read."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.samplers import Ints
from aduni.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".gif", ".bmp", ".webp")
"""Of image files, in either case."""

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
    """

    images: list[str]
    labels: Ints
    class_names: list[str]
    groups: list[str] | None = None
    files: list[Path] | None = None
    parts: NDArray[np.str_] | None = None

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
    """A CSV of strings that has the given columns.

    Spaces around a cell do not count, but in the first of the columns: it names files.

    Args:
        path: of the table.
        columns: that must be there, the identifiers' one first.
        remedy: what to do where there is no such table.

    Raises:
        UserError: unreadable, empty, a row is too short or too long, or a column is missing.
    """
    lines = _lines(path, remedy)
    if not lines:
        raise UserError(f"{path} is empty; {remedy}.")
    header = [name.strip() for name in lines[0]]
    for column in columns:
        if header.count(column) != 1:
            has = "no column" if column not in header else "several columns"
            names = ", ".join(shown(name) for name in header)
            raise UserError(f"{path} has {has} '{column}'; its columns are {names}.")
    if len(lines) == 1:
        raise UserError(f"{path} has no rows; {remedy}.")
    for cells in lines[1:]:
        if len(cells) != len(header):
            raise UserError(
                f"{path} has a row of {len(cells)} cells under {len(header)} columns, "
                f"'{shown(cells[0])}'; correct the row."
            )
    frame = pd.DataFrame(lines[1:], columns=header, dtype=str)
    others = [column for column in columns if column != columns[0]]
    frame[others] = frame[others].apply(lambda cells: cells.str.strip())
    return frame


def _lines(path: Path, remedy: str) -> list[list[str]]:
    """All lines that are not blank, as cells."""
    if not path.exists():
        raise UserError(f"{path} is missing; {remedy}.")
    if not path.is_file():  # a pipe would be waited for
        kind = "a folder" if path.is_dir() else "no file"
        raise UserError(f"{path} is {kind}, not a table; {remedy}.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [cells for cells in csv.reader(file, strict=True) if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} cannot be read as a CSV table; save it as UTF-8 text with commas."
        ) from error


def find_files(images: Sequence[str], folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The file of each image.

    Raises:
        UserError: the folder, or any row's file, is missing.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is missing; set dataset.root to the folder that holds it.")
    present = {entry.name for entry in folder.iterdir()}
    found = [next((f"{i}{s}" for s in suffixes if f"{i}{s}" in present), None) for i in images]
    missing = [image for image, name in zip(images, found, strict=True) if name is None]
    if missing:
        names = " or ".join(f"{shown(missing[0])}{suffix}" for suffix in suffixes)
        raise UserError(
            f"{folder} has no file for {len(missing)} of {len(images)} rows, first {names}; "
            "complete the images or remove the rows."
        )
    return [folder / name for name in found if name is not None]


def check_images(images: Sequence[str], path: Path) -> None:
    """Raise UserError where an identifier has two rows, or is no name of a file in one folder."""
    for image in images:
        if not image or set("/\\\0\r") & set(image):
            raise UserError(
                f"{path} names the image '{shown(image)}', which is no plain file name; correct "
                "the row."
            )
    counted = pd.Series(images).value_counts()
    repeated = counted[counted > 1]
    if len(repeated):
        image = shown(str(repeated.index[0]))
        raise UserError(f"{path} has {repeated.iloc[0]} rows for {image}; keep one.")


def shown(name: str) -> str:
    """A name for a message: on one line, with escapes for what no screen shows."""
    return name if name.isprintable() else ascii(name)[1:-1]
