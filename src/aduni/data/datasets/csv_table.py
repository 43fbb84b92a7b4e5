"""Read images named in a CSV table, with their labels, groups and parts."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.datasets.user_images import UserImages, number_classes
from aduni.data.image_files import ImageFiles
from aduni.data.image_table import (
    PART_DTYPE,
    ImageTable,
    check_separator,
    one_hot_columns,
    one_hot_labels,
    read_csv,
)
from aduni.data.names import ClassName, Name, escape, group_names, is_missing, match_name
from aduni.data.places import TABLE_REMEDY, find_table
from aduni.data.splits.predefined import LISTED_PARTS, PART_NAMES
from aduni.errors import UserError, did_you_mean

OF_GROUPS = re.compile(r"(?<![a-z])(patient|lesion|subject|person|participant|case)(?![a-z])", re.I)
"""Names of columns whose rows with one value seem to belong together, such as patient_id."""

OUTSIDE_REMEDY = "; set dataset.root to a folder that holds all images"


class CSVTable(UserImages):
    """Images named in a table that has a row for each.

    Args:
        csv: path of the table; if the file is missing, the file of this name in the root is used.
        root: folder that the images' paths are relative to; empty for the table's folder.
        image_column: paths, with or without .png or the like.
        label_column: class names or numbers.
        label_columns: one-hot columns, named as the classes, in place of a label column; those
            without an image are left out.
        group_column: patients or lesions, whose rows stay in one part of a split; a row whose cell
            is empty or marked as missing is independent (see `group_names`).
        split_column: train, val or test.
        metadata_columns: further columns that split.csv keeps, such as age, sex or camera.
        classes: all classes, the lowest grade first; None: sorted.
        kwargs: see UserImages.
    """

    obtain = "it is your own"

    def __init__(
        self,
        *,
        csv: str | None,
        root: str = "",
        image_column: Name = "image",
        label_column: Name = "label",
        label_columns: list[ClassName] | None = None,
        group_column: Name | None = None,
        split_column: Name | None = None,
        metadata_columns: list[ClassName] | None = None,
        classes: list[ClassName] | None = None,
        **kwargs: Any,
    ) -> None:
        table = find_table(csv, root)
        super().__init__(root=root or str(table.parent), **kwargs)
        self.csv, self.classes, self.in_order = table, classes, bool(label_columns)
        self._columns = {
            "image_column": image_column,
            "label_column": None if label_columns else label_column,
            "group_column": group_column,
            "split_column": split_column,
            **{f"label_columns.{i}": name for i, name in enumerate(label_columns or ())},
            **{f"metadata_columns.{i}": name for i, name in enumerate(metadata_columns or ())},
        }

    def read_rows(self) -> ImageTable:
        """Read the rows in the table's order."""
        table = read_csv(self.csv, [], TABLE_REMEDY)
        frame = self._chosen_columns(table)
        images = frame["image_column"].tolist()
        files = self._files(images)
        names, labels = number_classes(*self._labels(frame, images))
        groups = None
        if "group_column" in frame:
            groups = group_names(frame["group_column"].tolist(), images)
        parts = self._parts(frame) if "split_column" in frame else None
        ordinal = None if self.classes is None else True
        metadata = self._named(frame, "metadata_columns")
        return ImageTable(
            *(images, labels, names, groups, files, parts),
            ordinal=ordinal,
            metadata=None if metadata.empty else metadata,
            unused_groups=self._unused_groups(table) if groups is None else None,
        )

    def _labels(
        self, frame: pd.DataFrame, images: list[str]
    ) -> tuple[list[str], Sequence[str] | None]:
        """Return the class name of each row, and all in their order if that is given."""
        one_hot = self._named(frame, "label_columns")
        if one_hot.empty:
            self._refuse_empty(frame, "label_column")
            return frame["label_column"].tolist(), self.classes
        columns = list(one_hot.columns)
        labels = [columns[i] for i in one_hot_labels(one_hot, columns, images, self.csv)]
        return labels, self.classes or [name for name in columns if name in labels]

    def _named(self, frame: pd.DataFrame, key: str) -> pd.DataFrame:
        """Return the columns of a key that takes a list, under the names that they were given."""
        keys = [column for column in self._columns if column.startswith(f"{key}.")]
        return frame[keys].set_axis([str(self._columns[each]) for each in keys], axis=1)

    def _unused_groups(self, table: pd.DataFrame) -> str | None:
        """Return the first column that by its name and repeated values seems to name groups."""
        header = list(table.columns)
        used = {
            match_name(name, header)
            for key, name in self._columns.items()
            if name and not key.startswith("metadata_columns")
        }
        for column in filter(OF_GROUPS.search, header):
            if column not in used and header.count(column) == 1:
                names = [name for name in table[column] if not is_missing(name)]
                if 1 < len(set(names)) < len(names):
                    return column
        return None

    def _chosen_columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the configured columns, renamed to their configuration keys."""
        header = list(frame.columns)
        set_columns = {key: name for key, name in self._columns.items() if name is not None}
        columns = {key: match_name(name, header) for key, name in set_columns.items()}
        for key, column in columns.items():
            if header.count(column) != 1:
                check_separator(self.csv, header)
                self._refuse_one_hot(frame, key)
                named = ", ".join(escape(name) for name in header)
                if column in header:
                    raise UserError(
                        f"dataset.{key}={column}: {self.csv} has several columns of that name; "
                        f"give each a name of its own; its columns are {named}."
                    )
                raise UserError(
                    f"dataset.{key}={column}: {self.csv} has no column of that name"
                    f"{did_you_mean(column, header)}; its columns are {named}."
                )
        selected = pd.DataFrame({key: frame[column] for key, column in columns.items()})
        others = [key for key in columns if key != "image_column"]
        selected[others] = selected[others].apply(lambda cells: cells.str.strip())
        return selected

    def _refuse_one_hot(self, frame: pd.DataFrame, key: str) -> None:
        columns = one_hot_columns(frame) if key == "label_column" else []
        if columns:
            raise UserError(
                f"{self.csv} has no column {self._columns[key]}: its labels stand in the columns "
                f"{', '.join(map(escape, columns[:-1]))} and {escape(columns[-1])}, 1 for the "
                "class of the image and 0 for the others; give them as dataset.label_columns="
                f"[{','.join(map(escape, columns))}]."
            )

    def _files(self, images: list[str]) -> list[Path]:
        if not self.root.is_dir():
            raise UserError(
                f"dataset.root={escape(str(self.root))} is not a folder; set it to the folder that "
                f"the paths in {self.csv} are relative to."
            )
        present = ImageFiles(self.root)
        files: dict[str, str] = {}
        missing = []
        for image in images:
            matches = present.find(self._path_in_root(image, present))
            if not matches:
                missing.append(image)
            elif len(matches) > 1:
                names = " or ".join(escape(os.path.basename(file)) for file in matches)
                raise UserError(
                    f"{self.csv} has the image {escape(image)}, which may be {names}; write the "
                    "suffix, too."
                )
            elif matches[0] in files:
                raise UserError(
                    f"{self.csv} has two rows for one file, {escape(files[matches[0]])} and "
                    f"{escape(image)}; keep one."
                )
            else:
                files[matches[0]] = image
        if missing:
            suggestion = present.suggest(missing)
            remedy = "set dataset.root to the folder that the paths are relative to, or remove the"
            raise UserError(
                f"{escape(str(self.root))} has no file for {len(missing)} of {len(images)} rows of "
                f"{self.csv}, first {escape(missing[0])}{suggestion or f'; {remedy} rows'}."
            )
        return list(map(Path, files))

    def _path_in_root(self, image: str, present: ImageFiles) -> str:
        """Return the path that a cell names; raise UserError if it leaves the root."""
        if not image.strip() or {"\0", "\r", "\n"} & set(image):
            raise UserError(
                f"{self.csv} has the image '{escape(image)}', which is not a path; correct the row."
            )
        file = os.path.abspath(os.path.join(present.root, image))
        if not present.holds(file):
            raise UserError(
                f"{self.csv} has the image {escape(image)}, which lies outside of dataset.root="
                f"{escape(str(self.root))}{present.suggest([image]) or OUTSIDE_REMEDY}."
            )
        return file

    def _refuse_empty(self, frame: pd.DataFrame, key: str) -> None:
        empty = np.flatnonzero(frame[key] == "")
        if len(empty):
            raise UserError(
                f"{self.csv} has {len(empty)} rows without a {self._columns[key]}, first "
                f"{escape(frame['image_column'][empty[0]])}; fill the cells or remove the rows."
            )

    def _parts(self, frame: pd.DataFrame) -> NDArray[np.str_]:
        self._refuse_empty(frame, "split_column")
        parts = frame["split_column"].str.lower().map(LISTED_PARTS)
        unknown = np.flatnonzero(parts.isna())
        if len(unknown):
            raise UserError(
                f"{self.csv} has the part '{escape(frame['split_column'][unknown[0]])}'; parts are "
                f"{', '.join(PART_NAMES)} and unused."
            )
        return parts.to_numpy(dtype=PART_DTYPE)
