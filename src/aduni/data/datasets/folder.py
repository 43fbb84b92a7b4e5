"""Images in a folder of each class, below train, val and test or without them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aduni.data.class_names import ClassName
from aduni.data.datasets.user_images import OwnImages, numbered
from aduni.data.image_table import SUFFIXES, ImageTable, shown
from aduni.data.splits.predefined import NAMES
from aduni.data.walk import Found, listed, told, walk
from aduni.errors import UserError

LOOSE = "image(s) beside the class folders"
SET_ROOT = "set it to a folder that has a folder of images for each class"


class Folder(OwnImages):
    """ROOT/CLASS/... or ROOT/train|val|test/CLASS/..., images at any depth below their class.

    Names are paths below the root. Hidden files, and such as end like no image, are passed over.

    Args:
        root: the folder.
        classes: all classes, the lowest grade first; None: sorted.
        kwargs: see OwnImages.
    """

    obtain = "it is your own"

    def __init__(self, *, root: str, classes: list[ClassName] | None = None, **kwargs: Any) -> None:
        if not root:
            raise UserError(f"dataset.root is missing; {SET_ROOT}.")
        super().__init__(root=root, **kwargs)
        self.classes = classes

    def read_rows(self) -> ImageTable:
        """Classes from the folders' names, and a split where the folders are parts."""
        if not self.root.is_dir():
            found = "is no folder" if self.root.exists() else "is missing"
            raise UserError(f"dataset.root={shown(str(self.root))} {found}; {SET_ROOT}.")
        classes, sides, passed_over = self._class_folders()
        rows = []
        for folder in classes:
            inside = _readable(walk(folder))
            rows += [(file, folder) for file in inside.images]
            passed_over += inside.passed_over
        self._check_classes(classes, {folder.name for _, folder in rows}, passed_over)
        names, labels = numbered([folder.name for _, folder in rows], self.classes)
        parts = None
        if sides:
            parts = np.array([sides[folder.parent] for _, folder in rows], dtype="<U10")
        files = [file for file, _ in rows]
        images = [self._named(file) for file in files]
        declared = None if self.classes is None else True
        return ImageTable(images, labels, names, None, files, parts, passed_over, declared)

    def _class_folders(self) -> tuple[list[Path], dict[Path, str], Counter[str]]:
        """The class folders, the part of each folder above them, and what lies beside them."""
        top, beside = _folders(self.root)
        named = {folder: NAMES.get(folder.name.lower()) for folder in top}
        sides = {folder: part for folder, part in named.items() if part is not None}
        if "train" not in sides.values():
            return top, {}, beside
        stray = next((folder for folder in top if folder not in sides), None)
        if stray is not None:
            again = {each.name for each in _folders(stray)[0]} >= {each.name for each in sides}
            what = ", which holds the data set once more" if again else ""
            raise UserError(
                f"{shown(str(self.root))} has a folder {shown(stray.name)} beside train{what}; "
                "move it away, or put all class folders below train, val and test."
            )
        classes: list[Path] = []
        for part in top:
            inside, more = _folders(part)
            classes += inside
            beside += more
        return classes, sides, beside

    def _named(self, file: Path) -> str:
        """The path below the root; raises UserError where no table can hold it."""
        image = "/".join(file.parts[len(self.root.parts) :])
        utf8 = image.isascii() or image == image.encode(errors="replace").decode()
        if not utf8 or {"\0", "\r", "\n"} & set(image):
            fault = "a line end in its name" if utf8 else "a name that is not UTF-8"
            raise UserError(f"{shown(image)} has {fault}; give it another.")
        return image

    def _check_classes(
        self, folders: list[Path], used: set[str], passed_over: Mapping[str, int]
    ) -> None:
        empty = [folder for folder in folders if folder.name not in used]
        place = shown(str(self.root))
        others = f" ({told(passed_over)} passed over)" if passed_over else ""
        if folders and not empty:
            return
        if used:
            raise UserError(
                f"{shown(str(empty[0]))} holds no image{others}; add images that end in "
                f"{', '.join(SUFFIXES)}, or remove the folder."
            )
        loose = walk(self.root).images
        why = "no folder of a class that holds images" if loose else "no images"
        raise UserError(
            f"{place} has {why}{others}; put the images of each class into a folder of its name, "
            "or name them in a table with dataset=csv."
        )


def _folders(folder: Path) -> tuple[list[Path], Counter[str]]:
    """The folders in one, and a count of what lies beside them."""
    found = _readable(listed(folder))
    beside = Counter(found.passed_over)
    if found.images:
        beside[LOOSE] = len(found.images)
    return found.folders, beside


def _readable(found: Found) -> Found:
    """Raise UserError where a class could lack an image that cannot be read."""
    for path, reason in found.unreadable.items():
        raise UserError(
            f"{shown(str(path))} cannot be read ({reason}); restore what it stands for, or remove "
            "it."
        )
    return found
