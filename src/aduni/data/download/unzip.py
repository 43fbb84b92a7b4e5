"""Zip archives, checked and unpacked whole."""

import shutil
import stat
from pathlib import Path, PureWindowsPath
from zipfile import ZipFile

from aduni.errors import UserError
from aduni.shortage import raise_shortage
from aduni.system.temporary import temporary_name

GROWTH, ALLOWANCE = 20, 2**26
"""An archive may unpack to so many times its size, and 64 MiB. Photographs grow by a hundredth,
tables tenfold; a bomb a thousandfold."""


def zip_fault(path: Path) -> str | None:
    """What is wrong with an archive: damaged, a bomb, or members that would leave the folder."""
    try:
        with ZipFile(path) as content:
            for info in content.infolist():
                inside = PureWindowsPath(info.filename)  # knows /, \ and drive letters
                if inside.anchor or ".." in inside.parts or stat.S_ISLNK(info.external_attr >> 16):
                    return f"its member {info.filename!r} would leave the folder"
            # Of a member that claims too little, no more than that is unpacked: testzip finds it.
            unpacked = sum(info.file_size for info in content.infolist())
            if unpacked > GROWTH * path.stat().st_size + ALLOWANCE:
                return f"its {path.stat().st_size} bytes would become {unpacked}"
            bad = content.testzip()
            return bad and f"its member {bad!r} is damaged"
    except Exception as error:  # zipfile and its decompressors each raise kinds of their own
        raise_shortage(error)
        return f"it is not a whole zip archive ({error})"


def unpack(path: Path, root: Path, creates: Path) -> None:
    """Unpack into root and remove the archive; `creates` appears last, when all else is there.

    Raises:
        UserError: the archive does not contain `creates`.
    """
    temporary = temporary_name(root / path.name)
    try:
        with ZipFile(path) as content:
            content.extractall(temporary)
        if not (temporary / creates.relative_to(root)).exists():
            raise UserError(
                f"{path} does not contain {creates.relative_to(root)}; remove it and fetch again."
            )
        _move(temporary, root, creates)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    path.unlink()


def _move(source: Path, target: Path, last: Path) -> None:
    """Move what source holds into target, by renames that make `last` appear last."""
    for entry in sorted(source.iterdir(), key=lambda e: last.is_relative_to(target / e.name)):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _move(entry, place, last)
        else:
            entry.replace(place)
