"""Images in a folder of each class, below train, val and test or without them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aduni.data.given_split import NAMES
from aduni.data.own import OwnImages, numbered
from aduni.data.tables import SUFFIXES, ImageTable, shown
from aduni.errors import UserError

SET_ROOT = "set it to a folder that has a folder of images for each class"


class Folder(OwnImages):
    """ROOT/CLASS/... or ROOT/train|val|test/CLASS/..., images at any depth below their class.

    Names are paths below the root. Hidden files, and such as end like no image, are passed over.

    Args:
        root: the folder.
        classes: all classes in the order of their numbers; None: sorted.
        kwargs: see OwnImages.
    """

    obtain = "it is your own"

    def __init__(self, *, root: str, classes: list[str] | None = None, **kwargs: Any) -> None:
        if not root:
            raise UserError(f"dataset.root is missing; {SET_ROOT}.")
        super().__init__(root=root, **kwargs)
        self.classes = classes

    def read_rows(self) -> ImageTable:
        """Classes from the folders' names, and a split where the folders are parts."""
        if not self.root.is_dir():
            found = "is no folder" if self.root.exists() else "is missing"
            raise UserError(f"dataset.root={shown(str(self.root))} {found}; {SET_ROOT}.")
        top = _folders(self.root)
        named = {folder: NAMES.get(folder.name.lower()) for folder in top}
        divided = "train" in named.values()
        stray = [folder.name for folder, part in named.items() if part is None]
        if divided and stray:
            raise UserError(
                f"{shown(str(self.root))} has a folder {shown(stray[0])} beside train; move it "
                "away, or put all class folders below train, val and test."
            )
        classes = [c for folder in top for c in _folders(folder)] if divided else top
        rows = [(file, folder) for folder in classes for file in _images(folder)]
        self._check_classes(classes, {folder.name for _, folder in rows})
        names, labels = numbered([folder.name for _, folder in rows], self.classes)
        parts = None
        if divided:
            parts = np.array([named[folder.parent] for _, folder in rows], dtype="<U10")
        files = [file for file, _ in rows]
        images = [file.relative_to(self.root).as_posix() for file in files]
        for image in images:
            if set("\0\r\n") & set(image):
                raise UserError(f"{shown(image)} has a line end in its name; give it another.")
        return ImageTable(images, labels, names, None, files, parts)

    def _check_classes(self, folders: list[Path], used: set[str]) -> None:
        empty = [folder for folder in folders if folder.name not in used]
        place = shown(str(self.root))
        if folders and not empty:
            return
        if used:
            raise UserError(
                f"{shown(str(empty[0]))} holds no image; add images that end in "
                f"{', '.join(SUFFIXES)}, or remove the folder."
            )
        loose = next(_images(self.root), None)
        why = "no folder of a class that holds images" if loose else "no images"
        raise UserError(
            f"{place} has {why}; put the images of each class into a folder of its name, or name "
            "them in a table with dataset=csv."
        )


def _folders(folder: Path) -> list[Path]:
    """Sorted, without hidden ones."""
    inside = (entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX")))
    return sorted(entry for entry in inside if entry.is_dir())


def _images(folder: Path) -> Iterator[Path]:
    """At any depth, sorted within each folder."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                yield Path(path, name)
