"""Fetch a data set's published archives; nothing half-written ever looks complete."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from aduni.data.download.http import Report, discard, fetch
from aduni.data.download.unzip import unpack, zip_fault
from aduni.errors import UserError

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each reconnection
COLUMNS = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()


@dataclass(frozen=True)
class Archive:
    """One published file: a zip to unpack below the dataset's root, or a plain file."""

    url: str
    creates: str  # file or folder below the root; while it is there, nothing is fetched
    size: int | None = None
    sha256: str | None = None


def download(archives: Sequence[Archive], root: Path, waits: Sequence[float] = WAITS) -> None:
    """Fetch and unpack every archive whose `creates` is missing below root.

    Raises UserError where an address is not HTTPS, a server cannot be reached or refuses, a
    file is not the published one, or root cannot be written or is in use by another download.
    """
    missing = [archive for archive in archives if not (root / archive.creates).exists()]
    if not missing:
        return
    bar = Progress(*COLUMNS, console=Console(stderr=True), disable=not sys.stderr.isatty())
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".download.lock", timeout=0), bar:
            for archive in missing:
                _provide(archive, root, waits, partial(bar.update, bar.add_task(archive.creates)))
    except Timeout as error:
        raise UserError(f"Another process is downloading into {root}; wait for it.") from error
    except OSError as error:  # the network's have been handled in fetch
        raise UserError(
            f"{root} cannot be written: {error.strerror or error}; "
            "set dataset.root to another folder."
        ) from error


def _provide(archive: Archive, root: Path, waits: Sequence[float], report: Report) -> None:
    name = urlsplit(archive.url).path.rpartition("/")[2]
    is_zip = name.lower().endswith(".zip")
    part, final = root / f"{name}.part", root / (name if is_zip else archive.creates)
    path = final if final.exists() else part  # a zip is there if its unpacking was interrupted
    if path == part:
        fetch(archive.url, part, size=archive.size, waits=waits, report=report)
    if fault := _fault(archive, path) or (is_zip and zip_fault(path)):
        discard(part)
        raise UserError(
            f"{path} from {archive.url} is refused: {fault}; call again to fetch it anew."
        )
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
