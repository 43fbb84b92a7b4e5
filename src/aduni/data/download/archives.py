"""Fetch and unpack the published archives of a data set, never leaving an incomplete file."""

import hashlib
import shutil
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath
from urllib.parse import urlsplit
from zipfile import ZipFile

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from aduni.data.download.http import Report, discard, fetch
from aduni.errors import UserError
from aduni.shortage import raise_shortage
from aduni.system.temporary import temporary_name

MAX_EXPANSION, EXTRA_BYTES = 20, 2**26
"""Limit of the unpacked size: 20 times that of the archive plus 64 MiB. Photographs grow by a
hundredth, tables tenfold, a zip bomb a thousandfold."""

RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)  # delay before each reconnection
COLUMNS = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()


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
    """Unpack an archive into root, with `creates` as the last file, and remove the archive."""
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


@dataclass(frozen=True)
class Archive:
    """Published file: a zip to unpack below the dataset's root, or a plain file."""

    url: str
    creates: str  # file or folder below the root; if it exists, nothing is fetched
    size: int | None = None
    sha256: str | None = None


def download(
    archives: Sequence[Archive], root: Path, delays: Sequence[float] = RETRY_SECONDS
) -> None:
    """Fetch and unpack every archive whose `creates` is missing below root."""
    missing = [archive for archive in archives if not (root / archive.creates).exists()]
    if not missing:
        return
    bar = Progress(*COLUMNS, console=Console(stderr=True), disable=not sys.stderr.isatty())
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".download.lock", timeout=0), bar:
            for archive in missing:
                _obtain(archive, root, delays, partial(bar.update, bar.add_task(archive.creates)))
    except Timeout as error:
        raise UserError(f"Another process is downloading into {root}; wait for it.") from error
    except OSError as error:  # fetch has handled those of the network
        raise UserError(
            f"{root} cannot be written: {error.strerror or error}; "
            "set dataset.root to another folder."
        ) from error


def _obtain(archive: Archive, root: Path, delays: Sequence[float], report: Report) -> None:
    name = urlsplit(archive.url).path.rpartition("/")[2]
    is_zip = name.lower().endswith(".zip")
    part, final = root / f"{name}.part", root / (name if is_zip else archive.creates)
    path = final if final.exists() else part  # a zip exists if unpacking was interrupted
    if path == part:
        fetch(archive.url, part, size=archive.size, delays=delays, report=report)
    if fault := _fault(archive, path) or (is_zip and zip_fault(path)):
        discard(part)
        remedy = "call again to fetch it anew" if path == part else "remove it and call again"
        raise UserError(f"{path} from {archive.url} is refused: {fault}; {remedy}.")
    final.parent.mkdir(parents=True, exist_ok=True)
    path.replace(final)
    discard(part)
    if is_zip:
        unpack(final, root, root / archive.creates)


def _fault(archive: Archive, path: Path) -> str | None:
    size = path.stat().st_size
    if archive.size not in (None, size):
        return f"it has {size} bytes, published are {archive.size}"
    if archive.sha256 is None:
        return None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    same = digest == archive.sha256.lower()
    return None if same else f"its sha256 is {digest}, published is {archive.sha256}"
