"""From the names in a table to files: each folder is listed once, whatever the number of rows."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aduni.data.image_table import SUFFIXES, shown
from aduni.errors import UserError
from aduni.shortage import raise_shortage

SHOWN_FOLDERS = 4
"""Folders that a sentence names."""


class ImageFiles:
    """The files below a folder, found by their paths.

    Attributes:
        root: the folder, absolute.
    """

    def __init__(self, root: Path) -> None:
        self.root = os.path.abspath(root)
        self._listings: dict[str, _Listing] = {}
        self._folders: dict[str, str] = {}

    def found(self, path: str) -> list[str]:
        """The files that a path means: as it is written, or else without the image's suffix.

        Accents count as equal however they are composed, where that leaves no choice: a Mac writes
        file names otherwise than keyboards do.

        Args:
            path: absolute, below the root.
        """
        folder, name = os.path.split(path)
        folder = self._folder(folder)
        return [os.path.join(folder, file) for file in self._listing(folder).found(name)]

    def instead(self, missing: Sequence[str]) -> str:
        """Say what is there instead of files that are missing, and what to do.

        Args:
            missing: names as the table has them, at least one.

        Returns:
            The rest of a sentence; empty where nothing alike is there.
        """
        for change, words in _REWRITTEN:
            changed = [(name, change(name)) for name in missing]
            there = [new for old, new in changed if new != old and self._is_there(new)]
            if there:
                return f"; {len(there)} found as {shown(there[0])}: {words}"
        return self._alike(missing)

    def _alike(self, missing: Sequence[str]) -> str:
        """The same for names that differ in capitals, suffix or folder."""
        everywhere = self._by_stem()
        places = [(name, everywhere.get(_stem(name.replace("\\", "/")), [])) for name in missing]
        there = [(name, files) for name, files in places if files]
        if not there:
            return ""
        name, files = there[0]
        beside = [file for file in files if os.path.dirname(file) == os.path.dirname(name)]
        if beside:
            return (
                f"; {len(there)} found under a name like {shown(beside[0])}: write the names "
                "as the files have them, capitals and suffix, or leave the suffix out"
            )
        folders = sorted({os.path.dirname(file) or "." for _, found in there for file in found})
        names = " and ".join(map(shown, folders[:SHOWN_FOLDERS]))
        more = f" and {len(folders) - SHOWN_FOLDERS} more" if len(folders) > SHOWN_FOLDERS else ""
        remedy = (
            "put the files into one folder, or write the folder before each name in a table for "
            "dataset=csv"
            if len(folders) > 1
            else "set dataset.root to that folder, or write it before each name"
        )
        return f"; {len(there)} of the files lie in {names}{more}: {remedy}"

    def _is_there(self, name: str) -> bool:
        path = os.path.abspath(os.path.join(self.root, name))
        return self.holds(path) and bool(self.found(path))

    def holds(self, path: str) -> bool:
        """Whether an absolute path lies below the root."""
        return path.startswith(os.path.join(self.root, "")) and path != self.root

    def _listing(self, folder: str) -> "_Listing":
        if folder not in self._listings:
            self._listings[folder] = _Listing(folder)
        return self._listings[folder]

    def _folder(self, folder: str) -> str:
        """The folder of that path, or the one whose accents alone are composed otherwise."""
        if folder not in self._folders:
            there = folder
            if folder != self.root and not os.path.isdir(folder):
                above, name = os.path.split(folder)
                same = self._listing(self._folder(above)).alike(name)
                there = os.path.join(self._folder(above), same) if same else folder
            self._folders[folder] = there
        return self._folders[folder]

    def _by_stem(self) -> dict[str, list[str]]:
        """All images below the root, by their names without folder, suffix and capitals."""
        found: dict[str, list[str]] = defaultdict(list)
        for path, folders, files in os.walk(self.root):
            folders.sort()
            for name in sorted(files):
                if name.lower().endswith(SUFFIXES):
                    relative = os.path.relpath(os.path.join(path, name), self.root)
                    found[_stem(name)].append(relative)
        return found


class _Listing:
    """The names in one folder; empty where it cannot be listed."""

    def __init__(self, folder: str) -> None:
        try:
            with os.scandir(folder) as entries:
                self.names = {entry.name for entry in entries}
        except (FileNotFoundError, NotADirectoryError):
            self.names = set()
        except OSError as error:
            raise_shortage(error)
            raise UserError(
                f"{shown(folder)} cannot be read ({error.strerror}); check its permissions."
            ) from error
        self._composed: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.names):
            composed = _composed(name)
            self._composed[composed].append(name)
            stem, suffix = os.path.splitext(composed)
            if suffix.lower() in SUFFIXES:
                self._stems[stem].append(name)

    def alike(self, name: str) -> str | None:
        """The one name that differs in the composition of accents at most."""
        same = [name] if name in self.names else self._composed.get(_composed(name), [])
        return same[0] if len(same) == 1 else None

    def found(self, name: str) -> list[str]:
        same = self.alike(name)
        return [same] if same else self._stems.get(_composed(name), [])


def find_files(images: Sequence[str], folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Find the file of each image.

    Args:
        images: names without suffix.
        folder: that holds the files.
        suffixes: of the files; where there are several of one name, the first of them wins.

    Raises:
        UserError: the folder, or any row's file, is missing.
    """
    if not folder.is_dir():
        instead = ImageFiles(folder.parent).instead(images)
        raise UserError(
            f"{folder} is missing{instead or '; set dataset.root to the folder that holds it'}."
        )
    with os.scandir(folder) as entries:
        present = {entry.name for entry in entries}
    found = [next((f"{i}{s}" for s in suffixes if f"{i}{s}" in present), None) for i in images]
    missing = [image for image, name in zip(images, found, strict=True) if name is None]
    if missing:
        names = " or ".join(f"{shown(missing[0])}{suffix}" for suffix in suffixes)
        instead = ImageFiles(folder.parent).instead(missing)
        raise UserError(
            f"{folder} has no file for {len(missing)} of {len(images)} rows, first {names}"
            f"{instead or '; complete the images or remove the rows'}."
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


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _stem(name: str) -> str:
    """Without folder, without an image's suffix, in small letters."""
    stem, suffix = os.path.splitext(os.path.basename(name))
    whole = stem if suffix.lower() in SUFFIXES else stem + suffix
    return _composed(whole).casefold()


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/")


def _relative(name: str) -> str:
    return _with_slashes(name).lstrip("/")


_REWRITTEN = (
    (_with_slashes, "write / between folders"),
    (_relative, "write no / at the beginning"),
)
"""Ways to write a path that other systems read, and what to write instead."""
