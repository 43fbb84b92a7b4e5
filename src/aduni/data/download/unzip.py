"""Check and unpack zip archives."""

import shutil
import stat
from pathlib import Path, PureWindowsPath
from zipfile import ZipFile

from aduni.errors import UserError
from aduni.shortage import raise_shortage
from aduni.system.temporary import temporary_name

MAX_EXPANSION, EXTRA_BYTES = 20, 2**26
"""Limit of the unpacked size: 20 times that of the archive plus 64 MiB. Photographs grow by a
hundredth, tables tenfold, a zip bomb a thousandfold."""


def zip_fault(path: Path) -> str | None:
    """Describe an archive that is damaged, a zip bomb, or has members outside its folder."""
    try:
        with ZipFile(path) as content:
            for info in content.infolist():
                inside = PureWindowsPath(info.filename)  # knows /, \ and drive letters
                if inside.anchor or ".." in inside.parts or stat.S_ISLNK(info.external_attr >> 16):
                    return f"its member {info.filename!r} would leave the folder"
            # A member with a too small declared size is cut off there, which testzip detects.
            unpacked = sum(info.file_size for info in content.infolist())
            if unpacked > MAX_EXPANSION * path.stat().st_size + EXTRA_BYTES:
                return f"its {path.stat().st_size} bytes would become {unpacked}"
            bad = content.testzip()
            return bad and f"its member {bad!r} is damaged"
    except Exception as error:  # zipfile and its decompressors raise errors of many kinds
        raise_shortage(error)
        return f"it is not a whole zip archive ({error})"


def unpack(path: Path, root: Path, creates: Path) -> None:
    """Unpack an archive into root, with `creates` as the last file, and remove the archive.

    Raises:
        UserError: if the archive does not contain `creates`.
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
    """Move the content of source into target by renames, `last` at the end."""
    for entry in sorted(source.iterdir(), key=lambda e: last.is_relative_to(target / e.name)):
        destination = target / entry.name
        if entry.is_dir() and destination.is_dir():
            _move(entry, destination, last)
        else:
            entry.replace(destination)
