"""Find the files of the names in a table, and list each folder only once."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aduni.data.image_table import SUFFIXES
from aduni.data.names import escape
from aduni.errors import UserError
from aduni.shortage import raise_shortage

MAX_NAMED_FOLDERS = 4


class ImageFiles:
    """Lookup of the files below a folder by their paths."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.abspath(root)
        self._listings: dict[str, _Listing] = {}
        self._folders: dict[str, str] = {}

    def find(self, path: str) -> list[str]:
        """Find the file of an absolute path, or the images of this name without their suffix.

        Names that differ in the Unicode composition of accents match if that is unambiguous, since
        macOS stores file names decomposed.
        """
        folder, name = os.path.split(path)
        folder = self._folder(folder)
        return [os.path.join(folder, file) for file in self._listing(folder).find(name)]

    def suggest(self, missing: Sequence[str]) -> str:
        """Describe files similar to missing ones, and the remedy, to end a sentence, if any."""
        for rewrite, advice in _REWRITES:
            rewritten = [(name, rewrite(name)) for name in missing]
            existing = [new for old, new in rewritten if new != old and self._exists(new)]
            if existing:
                return f"; {len(existing)} found as {escape(existing[0])}: {advice}"
        return self._suggest_similar(missing)

    def _suggest_similar(self, missing: Sequence[str]) -> str:
        """Describe files whose names differ in capitals, suffix or folder."""
        files_of = self._by_stem()
        similar = [(name, files_of.get(_stem(_with_slashes(name)), [])) for name in missing]
        similar = [(name, files) for name, files in similar if files]
        if not similar:
            return ""
        name, files = similar[0]
        beside = [file for file in files if os.path.dirname(file) == os.path.dirname(name)]
        if beside:
            return (
                f"; {len(similar)} found under a name like {escape(beside[0])}: write the names "
                "as the files have them, capitals and suffix, or leave the suffix out"
            )
        folders = sorted({os.path.dirname(file) or "." for _, files in similar for file in files})
        names = " and ".join(map(escape, folders[:MAX_NAMED_FOLDERS]))
        unnamed = len(folders) - MAX_NAMED_FOLDERS
        more = f" and {unnamed} more" if unnamed > 0 else ""
        remedy = (
            "put the files into one folder, or write the folder before each name in a table for "
            "dataset=csv"
            if len(folders) > 1
            else "set dataset.root to that folder, or write it before each name"
        )
        return f"; {len(similar)} of the files lie in {names}{more}: {remedy}"

    def _exists(self, name: str) -> bool:
        path = os.path.abspath(os.path.join(self.root, name))
        return self.holds(path) and bool(self.find(path))

    def holds(self, path: str) -> bool:
        """Return whether an absolute path lies below the root."""
        return path.startswith(os.path.join(self.root, "")) and path != self.root

    def _listing(self, folder: str) -> "_Listing":
        if folder not in self._listings:
            self._listings[folder] = _Listing(folder)
        return self._listings[folder]

    def _folder(self, folder: str) -> str:
        """Return the folder, or the existing one that differs in the composition of accents."""
        if folder not in self._folders:
            existing = folder
            if folder != self.root and not os.path.isdir(folder):
                parent, name = os.path.split(folder)
                same = self._listing(self._folder(parent)).equivalent(name)
                existing = os.path.join(self._folder(parent), same) if same else folder
            self._folders[folder] = existing
        return self._folders[folder]

    def _by_stem(self) -> dict[str, list[str]]:
        by_stem: dict[str, list[str]] = defaultdict(list)
        for path, folders, files in os.walk(self.root):
            folders.sort()
            for name in sorted(files):
                if name.lower().endswith(SUFFIXES):
                    relative = os.path.relpath(os.path.join(path, name), self.root)
                    by_stem[_stem(name)].append(relative)
        return by_stem


class _Listing:
    """Names in a folder; empty if it does not exist."""

    def __init__(self, folder: str) -> None:
        try:
            with os.scandir(folder) as entries:
                self.names = {entry.name for entry in entries}
        except (FileNotFoundError, NotADirectoryError):
            self.names = set()
        except OSError as error:
            raise_shortage(error)
            raise UserError(
                f"{escape(folder)} cannot be read ({error.strerror}); check its permissions."
            ) from error
        self._composed: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.names):
            composed = _composed(name)
            self._composed[composed].append(name)
            stem, suffix = os.path.splitext(composed)
            if suffix.lower() in SUFFIXES:
                self._stems[stem].append(name)

    def equivalent(self, name: str) -> str | None:
        """Return the only name that is equal except for the composition of accents."""
        same = [name] if name in self.names else self._composed.get(_composed(name), [])
        return same[0] if len(same) == 1 else None

    def find(self, name: str) -> list[str]:
        same = self.equivalent(name)
        return [same] if same else self._stems.get(_composed(name), [])


def find_files(
    images: Sequence[str], folders: Sequence[Path], suffixes: Sequence[str]
) -> list[Path]:
    """Find the file of each image; of several files of an image, that of the first suffix."""
    present: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            suggestion = ImageFiles(folder.parent).suggest(images)
            raise UserError(
                f"{folder} is missing"
                f"{suggestion or '; set dataset.root to the folder that holds it'}."
            )
        with os.scandir(folder) as entries:
            present |= {entry.name: folder for entry in entries}
    files = [next((f"{i}{s}" for s in suffixes if f"{i}{s}" in present), None) for i in images]
    missing = [image for image, file in zip(images, files, strict=True) if file is None]
    if missing:
        names = " or ".join(f"{escape(missing[0])}{suffix}" for suffix in suffixes)
        suggestion = ImageFiles(folders[0].parent).suggest(missing)
        searched = " and ".join(map(str, folders))
        raise UserError(
            f"{searched} has no file for {len(missing)} of {len(images)} rows, first {names}"
            f"{suggestion or '; complete the images or remove the rows'}."
        )
    return [present[file] / file for file in files if file is not None]


def check_images(images: Sequence[str], path: Path) -> None:
    """Raise UserError if an identifier is repeated or is not a plain file name."""
    for image in images:
        if not image or set("/\\\0\r") & set(image):
            raise UserError(
                f"{path} names the image '{escape(image)}', which is not a plain file name; "
                "correct the row."
            )
    counted = pd.Series(images).value_counts()
    repeated = counted[counted > 1]
    if len(repeated):
        image = escape(str(repeated.index[0]))
        raise UserError(f"{path} has {repeated.iloc[0]} rows for {image}; keep one.")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _stem(name: str) -> str:
    stem, suffix = os.path.splitext(os.path.basename(name))
    whole = stem if suffix.lower() in SUFFIXES else stem + suffix
    return _composed(whole).casefold()


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/")


_REWRITES = (
    (_with_slashes, "write / between folders"),
    (lambda name: _with_slashes(name).lstrip("/"), "write no / at the beginning"),
)
"""Rewrites of paths from other systems, and the advice for each."""
