"""The image table: what a data set consists of, before any pixel is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aduni.data.samplers import Ints
from aduni.errors import UserError

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
    """

    images: list[str]
    labels: Ints
    class_names: list[str]
    groups: list[str] | None = None
    files: list[Path] | None = None

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

    Args:
        path: of the table.
        columns: that must be there.
        remedy: what to do where there is no such table.

    Raises:
        UserError: unreadable, empty, or a column is missing.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {remedy}.") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder, not a table; {remedy}.") from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(
            f"{path} cannot be read as a CSV table; save it as UTF-8 text with commas."
        ) from error
    for column in columns:
        if column not in frame.columns:
            raise UserError(
                f"{path} has no column '{column}'; its columns are {', '.join(frame.columns)}."
            )
    if frame.empty:
        raise UserError(f"{path} has no rows; {remedy}.")
    return frame


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
        names = " or ".join(f"{missing[0]}{suffix}" for suffix in suffixes)
        raise UserError(
            f"{folder} has no file for {len(missing)} of {len(images)} rows, first {names}; "
            "complete the images or remove the rows."
        )
    return [folder / name for name in found if name is not None]


def check_unique(images: Sequence[str], path: Path) -> None:
    """Raise UserError where an image has two rows."""
    counted = pd.Series(images).value_counts()
    repeated = counted[counted > 1]
    if len(repeated):
        raise UserError(f"{path} has {repeated.iloc[0]} rows for {repeated.index[0]}; keep one.")
