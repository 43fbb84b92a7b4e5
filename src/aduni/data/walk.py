"""Find the images below a folder, and count all other files."""

import os
import stat
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aduni.data.image_table import SUFFIXES
from aduni.data.names import escape
from aduni.errors import UserError
from aduni.shortage import raise_shortage

SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r")
"""Files that Windows and macOS create; like hidden files they are ignored."""

REPEATED_LINKS = "link(s) back to a folder already read"

KINDS = {
    stat.S_IFIFO: "it is a pipe",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
}


@dataclass
class FolderContent:
    """Content of a folder.

    Attributes:
        folders: folders in it; empty after a walk, which enters them.
        images: files with an image suffix; those of a folder come before those of its subfolders.
        unreadable: path that is neither file nor folder -> reason, as a clause.
        passed_over: number of other files by lower-case suffix, and of repeated links.
    """

    folders: list[Path] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)


def walk(top: Path) -> FolderContent:
    """Find all images below a folder, at any depth.

    Links are followed, but to prevent cycles every real folder is entered once, those that are not
    links first, and links to a parent folder are skipped.
    """
    content, entered = FolderContent(), set[str]()
    folders, links = [top], deque[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.popleft()
        real = os.path.realpath(folder)
        if real in entered:
            content.passed_over[REPEATED_LINKS] += 1
            continue
        entered.add(real)
        inside = list_folder(folder)
        content.images += inside.images
        content.unreadable |= inside.unreadable
        content.passed_over += inside.passed_over
        for inner in inside.folders:
            (links if os.path.islink(inner) else folders).append(inner)
    content.images.sort(key=lambda file: (file.parent.parts, file.name))
    return content


def list_folder(folder: Path) -> FolderContent:
    """List the content of a folder, sorted by name, without entering subfolders."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise_shortage(error)
        raise UserError(
            f"{escape(str(folder))} cannot be read ({error.strerror}); check its permissions."
        ) from error
    content, real_folder = FolderContent(), os.path.join(os.path.realpath(folder), "")
    for entry in ordered:
        if not entry.name.startswith(".") and entry.name.lower() not in SYSTEM_FILES:
            _add_entry(content, entry, Path(entry.path), real_folder)
    return content


def file_fault(path: Path) -> str | None:
    """Return why a path is not a readable file, as a clause; None if it is."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "its link leads nowhere" if os.path.islink(path) else "it is missing"
    except OSError as error:
        return str(error.strerror)
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "it is not a file")


def format_counts(passed_over: Mapping[str, int]) -> str:
    """Format counts by suffix for a sentence, the largest first: 16 .psd, 3 .nii."""
    ordered = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {escape(kind) or 'without a suffix'}" for kind, count in ordered)


def _add_entry(
    content: FolderContent, entry: os.DirEntry[str], path: Path, real_folder: str
) -> None:
    plain = entry.is_file(follow_symlinks=False)  # known without another system call
    if not plain and os.path.isdir(path):
        if entry.is_symlink() and real_folder.startswith(os.path.join(os.path.realpath(path), "")):
            content.passed_over[REPEATED_LINKS] += 1
        else:
            content.folders.append(path)
    elif not plain and (reason := file_fault(path)):
        content.unreadable[path] = reason
    elif path.suffix.lower() in SUFFIXES:
        content.images.append(path)
    else:
        content.passed_over[path.suffix.lower()] += 1
