"""Base class of user data sets: their name, checks of the table, and the split they bring along."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import AfterValidator

from aduni.data.image_data import ImageData
from aduni.data.image_table import ImageTable
from aduni.data.names import (
    MAX_TITLE_LENGTH,
    PUBLISHED,
    Name,
    escape,
    is_whole,
    match_name,
    plain_number,
)
from aduni.data.splits.predefined import GivenSplit, divide_as_given
from aduni.data.splits.protocol import check_parts
from aduni.errors import UserError, did_you_mean, is_utf8

MIN_IMAGE_SIZE = 8
"""Smallest side in pixels: a smaller image is an icon or a damaged file."""


def _check_title(title: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", title) or len(title) > MAX_TITLE_LENGTH:
        raise ValueError(
            f"is not a name for folders; use up to {MAX_TITLE_LENGTH} letters, digits, _, . and -"
        )
    if title in PUBLISHED:
        raise ValueError("is the name of a published data set; give another")
    return title


class UserImages(ImageData):
    """Base class of data sets of the user's own images.

    Args:
        title: names the data set in folders and reports.
        split: what becomes of a split that the data set brings along.
        ordinal: whether the classes are ordered; None: as `read_rows` finds.
        kwargs: see ImageData.
    """

    in_order = False
    """Whether the settings give the classes in an order, which need not be one of grades."""

    def __init__(
        self,
        *,
        title: Annotated[Name, AfterValidator(_check_title)],
        split: GivenSplit = "given",
        ordinal: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.title, self.given_split, self.ordinal = title, split, ordinal

    @abstractmethod
    def read_rows(self) -> ImageTable:
        """Read the rows without further checks; raise UserError if they are inconsistent."""

    def read_table(self) -> ImageTable:
        """Read the rows, and check the names, the number of classes and the parts."""
        table = self.read_rows()
        for image in table.images:
            if not is_utf8(image):
                raise UserError(
                    f"{escape(str(self.root))} has an image {escape(image)}, a name that is not "
                    "UTF-8; give the file or its folder another one."
                )
        for name in table.class_names:
            if not name.isprintable():
                raise UserError(
                    f"{self.title} has a class named '{escape(name)}', with signs that no table "
                    "can show; give it a plain name."
                )
        if len(table.class_names) < self.min_classes:
            raise UserError(
                f"{self.title} has one class only, {table.class_names[0]}; add images of a second "
                "one, or correct the labels."
            )
        if table.parts is not None and self.given_split != "ignore":
            _check_required_parts(table, self.title)
        if self.ordinal and table.ordinal is None and not (table.is_ordinal or self.in_order):
            raise UserError(
                f"{self.title} has classes in alphabetical order, which dataset.ordinal=true would "
                f"take for grades; set dataset.classes=[{','.join(table.class_names)}], the lowest "
                "grade first."
            )
        return table if self.ordinal is None else replace(table, ordinal=self.ordinal)

    def open_image(self, row: int) -> Image.Image:
        """Open the original of a row as RGB; raise UserError if it is unreadable or too small."""
        image = super().open_image(row)
        if min(image.size) < MIN_IMAGE_SIZE:
            raise UserError(
                f"{escape(self.table.images[row])} is {image.width} x {image.height} pixels; "
                f"replace it by an image of {MIN_IMAGE_SIZE} x {MIN_IMAGE_SIZE} or more, or remove "
                "it."
            )
        return image

    def divide(self) -> NDArray[np.str_]:
        """Apply the given split if there is one that is not ignored, else the protocol's."""
        if self.table.parts is None or self.given_split == "ignore":
            return super().divide()
        if self.loading.fold > 0:
            raise UserError(
                f"fold={self.loading.fold} does not exist: the split of {self.title} has one test "
                "part; use fold=0, or make own folds with dataset.split=ignore."
            )
        cleaned = self.given_split == "cleaned"
        parts = divide_as_given(self.table, self.groups, self.protocol, cleaned=cleaned)
        check_parts(self.table, parts, self.protocol, given=True)
        return parts


def number_classes(
    names: Sequence[str], order: Sequence[str] | None
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the ordered class names and the (n,) class numbers of rows.

    Whole numbers are sorted by size, and 1.0 equals 1, since spreadsheets write both. Other names
    are sorted as texts.

    Args:
        order: all classes in the order wanted, each matched by `match_name`; None to sort them.
    """
    numeric = all(map(is_whole, names))
    row_names = [plain_number(name) for name in names] if numeric else list(names)
    classes = sorted(set(row_names), key=float if numeric else None)
    if order is not None:
        ordered = [match_name(name, classes) for name in order]
        _check_order(ordered, classes)
        classes = ordered
    number = {name: i for i, name in enumerate(classes)}
    return classes, np.array([number[name] for name in row_names], dtype=np.int64)


def _check_order(order: Sequence[str], classes: list[str]) -> None:
    missing = next((name for name in classes if name not in order), None)
    if missing is not None:
        raise UserError(
            f"Class {escape(missing)} is not in dataset.classes{did_you_mean(missing, order)}; add "
            "it, or correct the labels."
        )
    extra = next((name for name in order if name not in classes or order.count(name) > 1), None)
    if extra is not None:
        raise UserError(
            f"dataset.classes names {extra}, of which there is no image or which comes twice; "
            "remove it."
        )


def _check_required_parts(table: ImageTable, title: str) -> None:
    assert table.parts is not None
    for part in ("train", "test"):
        if not (table.parts == part).any():
            raise UserError(
                f"The split of {title} has no {part} part; add one, or make own folds with "
                "dataset.split=ignore (a missing validation part is divided off the training part)."
            )
