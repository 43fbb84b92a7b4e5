"""What a user's own data sets share: a name, checked labels, and a split they may bring along."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import AfterValidator

from aduni.data.class_names import Name, named
from aduni.data.datasets.titles import LONGEST, PUBLISHED
from aduni.data.image_table import ImageTable, shown
from aduni.data.module import ImageDataModule
from aduni.data.splits.predefined import GivenSplit, divide_as_given
from aduni.data.splits.protocol import check_parts
from aduni.data.whole_numbers import is_whole, plain_number
from aduni.errors import UserError, did_you_mean, is_utf8

SMALLEST = 8
"""Pixels of an original's shorter side: below, it is an icon or a damaged file."""


def _a_name(title: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", title) or len(title) > LONGEST:
        raise ValueError(f"is no name for folders; use up to {LONGEST} letters, digits, _, . and -")
    if title in PUBLISHED:
        raise ValueError("is the name of a published data set; give another")
    return title


class OwnImages(ImageDataModule):
    """Images of one's own.

    Args:
        title: names the data set in folders and reports.
        split: what becomes of a split that the data set brings along.
        kwargs: see ImageDataModule.
    """

    def __init__(
        self,
        *,
        title: Annotated[Name, AfterValidator(_a_name)],
        split: GivenSplit = "given",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.title, self.given_split = title, split

    @abstractmethod
    def read_rows(self) -> ImageTable:
        """The rows as they stand there; raises UserError where they do not hold together."""

    def read_table(self) -> ImageTable:
        """The rows, checked for what every data set needs."""
        table = self.read_rows()
        for image in table.images:
            if not is_utf8(image):
                raise UserError(
                    f"{shown(str(self.root))} has an image {shown(image)}, a name that is not "
                    "UTF-8; give the file or its folder another one."
                )
        for name in table.class_names:
            if not name.isprintable():
                raise UserError(
                    f"{self.title} has a class named '{shown(name)}', with signs that no table can "
                    "show; give it a plain name."
                )
        if len(table.class_names) < 2:
            raise UserError(
                f"{self.title} has one class only, {table.class_names[0]}; add images of a second "
                "one, or correct the labels."
            )
        if table.parts is not None and self.given_split != "ignore":
            _check_sides(table, self.title)
        return table

    def open_image(self, row: int) -> Image.Image:
        """The original of a row, RGB; raises UserError where it is unreadable or tiny."""
        image = super().open_image(row)
        if min(image.size) < SMALLEST:
            raise UserError(
                f"{shown(self.table.images[row])} is {image.width} x {image.height} pixels; "
                f"replace it by an image of {SMALLEST} x {SMALLEST} or more, or remove it."
            )
        return image

    def divide(self) -> NDArray[np.str_]:
        """The given split, where there is one and it counts; else the protocol's."""
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


def numbered(
    names: Sequence[str], order: Sequence[str] | None
) -> tuple[list[str], NDArray[np.int64]]:
    """Class names in order and the (n,) class numbers of rows that have these names.

    Whole numbers are ordered by size, and 1.0 is 1: spreadsheets write either. Other names are
    ordered as texts.

    Args:
        names: of the rows' classes.
        order: all classes in the order that is wanted, each as `named` reads it; None for the
            order above.

    Raises:
        UserError: `order` has not the classes of the rows.
    """
    plain = _plain_numbers(names)
    written = list(names) if plain is None else plain
    classes = sorted(set(written), key=None if plain is None else float)
    if order is not None:
        wanted = [named(name, classes) for name in order]
        _check_order(wanted, classes)
        classes = wanted
    number = {name: i for i, name in enumerate(classes)}
    return classes, np.array([number[name] for name in written], dtype=np.int64)


def _check_order(order: Sequence[str], classes: list[str]) -> None:
    missing = next((name for name in classes if name not in order), None)
    if missing is not None:
        raise UserError(
            f"Class {shown(missing)} is not in dataset.classes{did_you_mean(missing, order)}; add "
            "it, or correct the labels."
        )
    strange = next((name for name in order if name not in classes or order.count(name) > 1), None)
    if strange is not None:
        raise UserError(
            f"dataset.classes names {strange}, of which there is no image or which comes twice; "
            "remove it."
        )


def _plain_numbers(names: Sequence[str]) -> list[str] | None:
    """None unless all are whole numbers."""
    return [plain_number(name) for name in names] if all(map(is_whole, names)) else None


def _check_sides(table: ImageTable, title: str) -> None:
    assert table.parts is not None
    for part in ("train", "test"):
        if not (table.parts == part).any():
            raise UserError(
                f"The split of {title} has no {part} part; add one, or make own folds with "
                "dataset.split=ignore (a missing validation part is divided off the training part)."
            )
