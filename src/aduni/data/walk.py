"""One walk for all commands: the images below a folder, and a count of all else that is there."""

import os
import stat
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aduni.data.image_table import SUFFIXES, shown
from aduni.errors import UserError
from aduni.shortage import raise_shortage

NOT_COUNTED = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r")
"""What Windows and macOS leave in folders; like hidden files it is no part of a data set."""

LINKS_BACK = "link(s) back to a folder already read"

KINDS = {
    stat.S_IFIFO: "it is a pipe",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
}


@dataclass
class Found:
    """What a folder holds.

    Attributes:
        folders: within it; empty after a walk, which enters them.
        images: by their suffixes; those of a folder come before those of its folders.
        unreadable: what is neither file nor folder -> why, as a clause.
        passed_over: how many files of other kinds there are of each suffix, in small letters, and
            how many links back.
    """

    folders: list[Path] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)


def walk(top: Path) -> Found:
    """Find all images below a folder, at any depth.

    Links are followed. Every real folder is entered once, those that are no links first, and no
    link to a folder that holds it is followed: both would come back for ever.

    Raises:
        UserError: a folder cannot be read.
    """
    found, entered = Found(), set[str]()
    folders, links = [top], deque[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.popleft()
        real = os.path.realpath(folder)
        if real in entered:
            found.passed_over[LINKS_BACK] += 1
            continue
        entered.add(real)
        inside = listed(folder)
        found.images += inside.images
        found.unreadable |= inside.unreadable
        found.passed_over += inside.passed_over
        for inner in inside.folders:
            (links if os.path.islink(inner) else folders).append(inner)
    found.images.sort(key=lambda file: (file.parent.parts, file.name))
    return found


def listed(folder: Path) -> Found:
    """Find what lies in a folder itself, sorted by name.

    Raises:
        UserError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise_shortage(error)
        raise UserError(
            f"{shown(str(folder))} cannot be read ({error.strerror}); check its permissions."
        ) from error
    found, here = Found(), os.path.join(os.path.realpath(folder), "")
    for entry in ordered:
        if not entry.name.startswith(".") and entry.name.lower() not in NOT_COUNTED:
            _sort_in(found, entry, Path(entry.path), here)
    return found


def fault(path: Path) -> str | None:
    """Say why there is no file to read at a path, as a clause; None where there is one."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "its link leads nowhere" if os.path.islink(path) else "it is missing"
    except OSError as error:
        return str(error.strerror)
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "it is no file")


def told(passed_over: Mapping[str, int]) -> str:
    """Write counts as part of a sentence, the largest first: 16 .heic, 3 .dcm."""
    ordered = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {shown(kind) or 'without a suffix'}" for kind, count in ordered)


def _sort_in(found: Found, entry: os.DirEntry[str], path: Path, here: str) -> None:
    plain = entry.is_file(follow_symlinks=False)  # known without asking the disk again
    if not plain and os.path.isdir(path):
        if entry.is_symlink() and here.startswith(os.path.join(os.path.realpath(path), "")):
            found.passed_over[LINKS_BACK] += 1
        else:
            found.folders.append(path)
    elif not plain and (reason := fault(path)):
        found.unreadable[path] = reason
    elif path.suffix.lower() in SUFFIXES:
        found.images.append(path)
    else:
        found.passed_over[path.suffix.lower()] += 1
