"""Read images from a folder for each class, below train, val and test or without them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aduni.data.datasets.user_images import UserImages, number_classes
from aduni.data.image_table import PART_DTYPE, SUFFIXES, ImageTable
from aduni.data.names import ClassName, escape
from aduni.data.places import check_class_folders
from aduni.data.splits.predefined import PART_NAMES
from aduni.data.walk import FolderContent, format_counts, list_folder, walk
from aduni.errors import UserError

LOOSE_IMAGES = "image(s) beside the class folders"


class Folder(UserImages):
    """Images in ROOT/CLASS/... or ROOT/train|val|test/CLASS/..., at any depth below their class.

    Names are paths below the root. Hidden files and files without an image suffix are skipped.

    Args:
        root: the folder ROOT.
        classes: all classes, the lowest grade first; None: sorted.
        kwargs: see UserImages.
    """

    obtain = "it is your own"

    def __init__(self, *, root: str, classes: list[ClassName] | None = None, **kwargs: Any) -> None:
        check_class_folders(root)
        super().__init__(root=root, **kwargs)
        self.classes = classes

    def read_rows(self) -> ImageTable:
        """Read the classes from the folders' names, and the split if the folders are parts."""
        classes, part_of, passed_over = self._class_folders()
        rows = []
        for folder in classes:
            inside = _readable(walk(folder))
            rows += [(file, folder) for file in inside.images]
            passed_over += inside.passed_over
        self._check_classes(classes, {folder.name for _, folder in rows}, passed_over)
        names, labels = number_classes([folder.name for _, folder in rows], self.classes)
        parts = None
        if part_of:
            parts = np.array([part_of[folder.parent] for _, folder in rows], dtype=PART_DTYPE)
        files = [file for file, _ in rows]
        images = [self._image_name(file) for file in files]
        ordinal = None if self.classes is None else True
        return ImageTable(images, labels, names, None, files, parts, passed_over, ordinal)

    def _class_folders(self) -> tuple[list[Path], dict[Path, str], Counter[str]]:
        """List the class folders, the part of each folder above them, and count other files."""
        top, others = _folders(self.root)
        names = [(folder, folder.name.lower()) for folder in top]
        part_of = {folder: PART_NAMES[name] for folder, name in names if name in PART_NAMES}
        if "train" not in part_of.values():
            return top, {}, others
        stray = next((folder for folder in top if folder not in part_of), None)
        if stray is not None:
            copy = {each.name for each in _folders(stray)[0]} >= {each.name for each in part_of}
            what = ", which holds the data set once more" if copy else ""
            raise UserError(
                f"{escape(str(self.root))} has a folder {escape(stray.name)} beside train{what}; "
                "move it away, or put all class folders below train, val and test."
            )
        classes: list[Path] = []
        for part in top:
            inside, beside = _folders(part)
            classes += inside
            others += beside
        return classes, part_of, others

    def _image_name(self, file: Path) -> str:
        image = "/".join(file.parts[len(self.root.parts) :])
        utf8 = image.isascii() or image == image.encode(errors="replace").decode()
        if not utf8 or {"\0", "\r", "\n"} & set(image):
            fault = "a line end in its name" if utf8 else "a name that is not UTF-8"
            raise UserError(f"{escape(image)} has {fault}; give it another.")
        return image

    def _check_classes(
        self, folders: list[Path], used: set[str], passed_over: Mapping[str, int]
    ) -> None:
        empty = [folder for folder in folders if folder.name not in used]
        if folders and not empty:
            return
        others = f" ({format_counts(passed_over)} passed over)" if passed_over else ""
        if used:
            raise UserError(
                f"{escape(str(empty[0]))} holds no image{others}; add images that end in "
                f"{', '.join(SUFFIXES)}, or remove the folder."
            )
        loose = walk(self.root).images
        why = "no folder of a class that holds images" if loose else "no images"
        raise UserError(
            f"{escape(str(self.root))} has {why}{others}; put the images of each class into a "
            "folder of its name, or name them in a table with dataset=csv."
        )


def _folders(folder: Path) -> tuple[list[Path], Counter[str]]:
    content = _readable(list_folder(folder))
    beside = Counter(content.passed_over)
    if content.images:
        beside[LOOSE_IMAGES] = len(content.images)
    return content.folders, beside


def _readable(content: FolderContent) -> FolderContent:
    for path, reason in content.unreadable.items():
        raise UserError(
            f"{escape(str(path))} cannot be read ({reason}); restore what it stands for, or remove "
            "it."
        )
    return content
