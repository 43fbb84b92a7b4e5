"""Find the pictures of images by name, and which of them are copies of each other."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from aduni.auditing.findings import duplicates
from aduni.data.cache.image_cache import open_rgb
from aduni.data.image_data import ImageData
from aduni.data.image_files import ImageFiles
from aduni.data.names import escape
from aduni.data.walk import file_fault
from aduni.errors import UserError


class Pictures(ABC):
    """Pictures of a data set by the names of its images."""

    @abstractmethod
    def open(self, image: str) -> Image.Image:
        """Open a picture as RGB; raise UserError if there is none."""

    @abstractmethod
    def copies(self) -> list[list[str]]:
        """Return the sets of images that show the same picture."""


class DataPictures(Pictures):
    """Pictures of a data set that a run was trained on."""

    def __init__(self, data: ImageData) -> None:
        self.data = data
        self._rows = {image: row for row, image in enumerate(data.table.images)}

    def open(self, image: str) -> Image.Image:
        """Open the original of an image."""
        if image not in self._rows:
            raise UserError(f"{escape(image)} is not in {self.data.root}; restore it there.")
        return self.data.open_image(self._rows[image])

    def copies(self) -> list[list[str]]:
        """Return identical pixels and near copies, as an audit finds them."""
        return _groups(duplicates(self.data, "near"))


class FolderPictures(Pictures):
    """Pictures in a folder, of images that tables of predictions name."""

    def __init__(self, folder: Path, images: Sequence[str]) -> None:
        self._files, self._images = ImageFiles(folder), images
        if not any(map(self._has, images)):
            raise UserError(
                f"images={folder} has a file for none of the {len(images)} images, such as "
                f"{escape(images[0])}; give the folder that the names are relative to."
            )

    def open(self, image: str) -> Image.Image:
        """Open the file of this name, with or without its suffix."""
        return open_rgb(self._file(image))

    def copies(self) -> list[list[str]]:
        """Return identical files; only those that have the size of another one are read."""
        of_size: dict[int, list[tuple[str, Path]]] = defaultdict(list)
        for image in self._images:
            try:
                file = self._file(image)
                of_size[file.stat().st_size].append((image, file))
            except (UserError, OSError):  # reported where its picture would be
                continue
        several = [pair for pairs in of_size.values() if len(pairs) > 1 for pair in pairs]
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for _, file in several]
        frame = pd.DataFrame({"image": [image for image, _ in several], "copies": digests})
        return [group for group in _groups(frame) if len(group) > 1]

    def _has(self, image: str) -> bool:
        try:
            return bool(self._file(image))
        except UserError:
            return False

    def _file(self, image: str) -> Path:
        path = os.path.abspath(os.path.join(self._files.root, image))
        is_name = image.strip() and "\0" not in image and self._files.holds(path)
        found = self._files.find(path) if is_name else []
        if len(found) != 1 or file_fault(Path(found[0])):
            raise UserError(
                f"{escape(self._files.root)} has no file for {escape(image)}; set images to the "
                "folder that the names are relative to."
            )
        return Path(found[0])


def _groups(frame: pd.DataFrame) -> list[list[str]]:
    return [rows["image"].tolist() for _, rows in frame.groupby("copies", sort=False)]
