"""Images named in a CSV table, with their labels, groups and parts."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.class_names import ClassName, Name, named
from aduni.data.csv_text import check_separator
from aduni.data.datasets.user_images import OwnImages, numbered
from aduni.data.groups import group_names
from aduni.data.image_files import ImageFiles
from aduni.data.image_table import ImageTable, one_hot_columns, read_csv, shown
from aduni.data.splits.predefined import NAMES
from aduni.errors import UserError, did_you_mean

FIND_TABLE = "set dataset.csv to a table that has a row for each image"
OUTSIDE = "; set dataset.root to a folder that holds all images"


class CSVTable(OwnImages):
    """A table with a row for each image.

    Args:
        csv: the table; where there is no such file, the one of its name in the root.
        root: what the images' paths are relative to; empty for the table's folder.
        image_column: paths, with or without an image's suffix.
        label_column: class names or numbers.
        group_column: rows of one patient or lesion stay on one side of a split; an empty cell
            stands alone, and so does one that says that the name is missing (see `group_names`).
        split_column: train, val or test.
        classes: all classes, the lowest grade first; None: sorted.
        kwargs: see OwnImages.
    """

    obtain = "it is your own"

    def __init__(
        self,
        *,
        csv: str | None,
        root: str = "",
        image_column: Name = "image",
        label_column: Name = "label",
        group_column: Name | None = None,
        split_column: Name | None = None,
        classes: list[ClassName] | None = None,
        **kwargs: Any,
    ) -> None:
        if not csv:
            raise UserError("dataset.csv is missing; set it to the table of your images.")
        table = Path(csv)
        if root and not table.exists() and (Path(root) / table.name).exists():
            table = Path(root) / table.name
        super().__init__(root=root or str(table.parent), **kwargs)
        self.csv, self.classes = table, classes
        self._columns = {
            "image_column": image_column,
            "label_column": label_column,
            "group_column": group_column,
            "split_column": split_column,
        }

    def read_rows(self) -> ImageTable:
        """Rows in the table's order."""
        frame = self._read()
        images = frame["image_column"].tolist()
        files = self._files(images)
        self._refuse_empty(frame, "label_column")
        names, labels = numbered(frame["label_column"].tolist(), self.classes)
        groups = None
        if "group_column" in frame:
            groups = group_names(frame["group_column"].tolist(), images)
        parts = self._parts(frame) if "split_column" in frame else None
        declared = None if self.classes is None else True
        return ImageTable(images, labels, names, groups, files, parts, ordinal=declared)

    def _read(self) -> pd.DataFrame:
        """The columns that are wanted, each named by its key."""
        frame = read_csv(self.csv, [], FIND_TABLE)
        header = list(frame.columns)
        wanted = {key: column for key, column in self._columns.items() if column is not None}
        wanted = {key: named(column, header) for key, column in wanted.items()}
        for key, column in wanted.items():
            if header.count(column) != 1:
                check_separator(self.csv, header)
                self._refuse_one_hot(frame, key)
                has = "several columns" if column in header else "no column"
                raise UserError(
                    f"dataset.{key}={column}: {self.csv} has {has} of that name"
                    f"{did_you_mean(column, header)}; its columns are "
                    f"{', '.join(shown(name) for name in header)}."
                )
        chosen = pd.DataFrame({key: frame[column] for key, column in wanted.items()})
        others = [key for key in wanted if key != "image_column"]
        chosen[others] = chosen[others].apply(lambda cells: cells.str.strip())
        return chosen

    def _refuse_one_hot(self, frame: pd.DataFrame, key: str) -> None:
        """Raise UserError where the labels stand in a column for each class."""
        columns = one_hot_columns(frame) if key == "label_column" else []
        if columns:
            raise UserError(
                f"{self.csv} has no column {self._columns[key]}: its labels stand in the columns "
                f"{', '.join(map(shown, columns[:-1]))} and {shown(columns[-1])}, 1 for the class "
                "of the image and 0 for the others; write one column of class names, and give it "
                "as dataset.label_column."
            )

    def _files(self, images: list[str]) -> list[Path]:
        """The file of each image; every row its own."""
        if not self.root.is_dir():
            raise UserError(
                f"dataset.root={shown(str(self.root))} is no folder; set it to the folder that the "
                f"paths in {self.csv} are relative to."
            )
        present = ImageFiles(self.root)
        files: dict[str, str] = {}
        missing = []
        for image in images:
            found = present.found(self._inside(image, present))
            if not found:
                missing.append(image)
            elif len(found) > 1:
                names = " or ".join(shown(os.path.basename(file)) for file in found)
                raise UserError(
                    f"{self.csv} has the image {shown(image)}, which may be {names}; write the "
                    "suffix, too."
                )
            elif found[0] in files:
                raise UserError(
                    f"{self.csv} has two rows for one file, {shown(files[found[0]])} and "
                    f"{shown(image)}; keep one."
                )
            else:
                files[found[0]] = image
        if missing:
            instead = present.instead(missing)
            remedy = "set dataset.root to the folder that the paths are relative to, or remove the"
            raise UserError(
                f"{shown(str(self.root))} has no file for {len(missing)} of {len(images)} rows of "
                f"{self.csv}, first {shown(missing[0])}{instead or f'; {remedy} rows'}."
            )
        return list(map(Path, files))

    def _inside(self, image: str, present: ImageFiles) -> str:
        """The path that a cell means; raises UserError where it leaves the root."""
        if not image.strip() or {"\0", "\r", "\n"} & set(image):
            raise UserError(
                f"{self.csv} has the image '{shown(image)}', which is no path; correct the row."
            )
        file = os.path.abspath(os.path.join(present.root, image))
        if not present.holds(file):
            raise UserError(
                f"{self.csv} has the image {shown(image)}, which lies outside of dataset.root="
                f"{shown(str(self.root))}{present.instead([image]) or OUTSIDE}."
            )
        return file

    def _refuse_empty(self, frame: pd.DataFrame, key: str) -> None:
        empty = np.flatnonzero(frame[key] == "")
        if len(empty):
            raise UserError(
                f"{self.csv} has {len(empty)} rows without a {self._columns[key]}, first "
                f"{shown(frame['image_column'][empty[0]])}; fill the cells or remove the rows."
            )

    def _parts(self, frame: pd.DataFrame) -> NDArray[np.str_]:
        self._refuse_empty(frame, "split_column")
        parts = frame["split_column"].str.lower().map({**NAMES, "unused": "unused"})
        unknown = np.flatnonzero(parts.isna())
        if len(unknown):
            raise UserError(
                f"{self.csv} has the part '{shown(frame['split_column'][unknown[0]])}'; parts are "
                f"{', '.join(NAMES)} and unused."
            )
        return parts.to_numpy(dtype="<U10")
