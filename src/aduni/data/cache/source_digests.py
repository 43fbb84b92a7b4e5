"""Digest the source files of a data set, and read again only those that have changed."""

import hashlib
import logging
import os
import stat
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from rich.progress import track

from aduni.data.cache.decode import ALL_BITS, highest_level, min_bits
from aduni.data.cache.image_cache import MAX_WAITING, unreadable_error
from aduni.errors import UserError
from aduni.shortage import raise_shortage
from aduni.system.atomic_files import atomic_write
from aduni.system.threads import map_ahead

UNKNOWN = -1
"""Stands for a number that is not known yet."""

log = logging.getLogger(__name__)

TIME_RESOLUTION_NS = 2 * 10**9
"""Resolution of the coarsest file systems' time stamps in nanoseconds."""
MIN_FILES_FOR_PROGRESS = 1000
INT64_MASK = 2**63 - 1


@dataclass(frozen=True)
class SourceIndex:
    """Content of an index: n absolute paths, and arrays as those of `Sources`."""

    names: list[str]
    status: NDArray[np.int64]
    digests: NDArray[np.uint8]
    highest: NDArray[np.int32]

    @classmethod
    def none(cls) -> "SourceIndex":
        return cls([], *unknown_arrays(0))


def unknown_arrays(count: int) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int32]]:
    """Return placeholders for the status, digests and highest levels of files."""
    return (
        np.zeros((count, 4), dtype=np.int64),
        np.zeros((count, 32), dtype=np.uint8),
        np.full(count, UNKNOWN, dtype=np.int32),
    )


def index_file(cache_dir: Path, title: str, root: Path) -> Path:
    """Return the path of the index of a data set in the folder `root`."""
    key = hashlib.sha256(os.fsencode(os.path.abspath(root))).hexdigest()[:16]
    return cache_dir / f"{title}-sources-{key}.npz"


def lock_index(index: Path) -> AbstractContextManager[object]:
    """Acquire a lock file beside the index, or none if the folder cannot be written."""
    try:
        index.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(index.with_name(f"{index.name}.lock")).acquire()
    except OSError:
        return nullcontext()


def load_index(index: Path) -> SourceIndex:
    """Read an index; a missing or damaged one counts as empty."""
    try:
        # Opened here, because numpy does not close a file that is not an archive.
        with index.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = [archive[name] for name in ("status", "digests", "highest")]
            blob = archive["names"].tobytes()
        names = [os.fsdecode(name) for name in blob.split(b"\0")] if blob else []
    except Exception as error:  # zipfile, zlib and numpy each raise kinds of their own
        raise_shortage(error)
        return SourceIndex.none()
    fits = [(a.shape, a.dtype) for a in arrays] == [
        (e.shape, e.dtype) for e in unknown_arrays(len(names))
    ]
    return SourceIndex(names, *arrays) if fits else SourceIndex.none()


def save_index(updates: SourceIndex, index: Path) -> None:
    """Store updates together with what the index has on other files."""
    others = load_index(index)
    updated = set(updates.names)
    rows = [row for row, name in enumerate(others.names) if name not in updated]
    names = updates.names + [others.names[row] for row in rows]
    arrays = {
        "names": np.frombuffer(b"\0".join(map(os.fsencode, names)), dtype=np.uint8),
        "status": np.concatenate([updates.status, others.status[rows]]),
        "digests": np.concatenate([updates.digests, others.digests[rows]]),
        "highest": np.concatenate([updates.highest, others.highest[rows]]),
    }
    try:
        with atomic_write(index) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        log.warning(
            "The digests of %d files cannot be kept in %s (%s): the next start reads them again.",
            len(updates.names),
            index,
            error.strerror or error,
        )


@dataclass(frozen=True)
class Sources:
    """Status, digests and highest levels of n source files.

    Attributes:
        status: (n, 4) size, modification and inode change times in nanoseconds, inode.
        digests: (n, 32) SHA-256 of their content.
        highest: (n,) highest level of 16-bit images, 0 for other files; see `highest_level`.
    """

    files: Sequence[Path]
    status: NDArray[np.int64]
    digests: NDArray[np.uint8]
    highest: NDArray[np.int32]

    def __getitem__(self, rows: slice) -> "Sources":
        return Sources(self.files[rows], self.status[rows], self.digests[rows], self.highest[rows])

    def key(self, parameters: Sequence[str], bits: int) -> str:
        """Compute the key of a cache from the files' content and the cache's parameters.

        Args:
            parameters: everything else that the pixels depend on.
            bits: bit depth of the grey levels in 16-bit files; ignored if there are none.
        """
        if bits != ALL_BITS and self.highest.max(initial=0) > 0:
            parameters = [*parameters, f"{bits} bits"]
        digest = hashlib.sha256("\n".join(parameters).encode(errors="surrogateescape"))
        digest.update(self.digests.tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def bits(self) -> int:
        """Smallest bit depth for the grey levels of all 16-bit images."""
        return min_bits(self.highest.tolist())

    def check_unchanged(self) -> None:
        """Raise UserError if a file was changed after its digest was computed."""
        now = _status(self.files)
        for row in np.flatnonzero((now != self.status).any(axis=1)).tolist():
            if _digest(self.files[row]) != self.digests[row].tobytes():
                raise UserError(
                    f"{self.files[row]} was changed while the image cache was built; run the "
                    "command again when nothing writes to the data set."
                )


def read_sources(
    files: Sequence[Path],
    index: Path,
    *,
    with_levels: bool,
    reread: bool = False,
    wait: bool = True,
) -> Sources:
    """Digest all files, and take the digest from the index if the status is the same.

    Every change of a file updates the change time of its inode, which no program can set back. So
    only files that are new, changed or moved are read.

    Args:
        index: file that stores the digests, possibly with those of further files.
        with_levels: also find the highest level of each 16-bit image.
        reread: read every file, and ignore the index.
        wait: of several processes let one read, and the others wait for it.
    """
    sources = _look_up(files, SourceIndex.none() if reread else load_index(index))
    if not _missing(sources, with_levels):
        return sources
    with lock_index(index) if wait else nullcontext():
        if not reread:
            sources = _look_up(files, load_index(index))
        rows, begin = _missing(sources, with_levels), time.time_ns()
        _read_files(sources, rows, with_levels=with_levels)
        if rows:
            status = sources.status.copy()
            # A file changed a moment ago could change again within the same time stamp.
            status[status[:, 2] > begin - TIME_RESOLUTION_NS] = UNKNOWN
            names = [os.path.abspath(file) for file in files]
            updates = SourceIndex(names, status, sources.digests, sources.highest)
            with nullcontext() if wait else lock_index(index):
                save_index(updates, index)
    return sources


def _look_up(files: Sequence[Path], known: SourceIndex) -> Sources:
    """Take what is known from an index; unknown digests are zeros."""
    status = _status(files)
    sources = Sources(files, status, *unknown_arrays(len(files))[1:])
    row_of = {name: row for row, name in enumerate(known.names)}
    known_rows = np.array([row_of.get(os.path.abspath(file), -1) for file in files], dtype=np.int64)
    rows = np.flatnonzero(known_rows >= 0)
    rows = rows[(known.status[known_rows[rows]] == status[rows]).all(axis=1)]
    sources.digests[rows] = known.digests[known_rows[rows]]
    sources.highest[rows] = known.highest[known_rows[rows]]
    return sources


def _missing(sources: Sources, with_levels: bool) -> list[int]:
    missing = ~sources.digests.any(axis=1)
    if with_levels:
        missing |= sources.highest == UNKNOWN
    rows: list[int] = np.flatnonzero(missing).tolist()
    return rows


def _read_files(sources: Sources, rows: list[int], *, with_levels: bool) -> None:
    def read(row: int) -> None:
        file = sources.files[row]
        sources.digests[row] = np.frombuffer(_digest(file), dtype=np.uint8)
        if with_levels:
            sources.highest[row] = highest_level(file)

    work = map_ahead(read, rows, MAX_WAITING)  # hashing releases the interpreter lock
    hidden = len(rows) < MIN_FILES_FOR_PROGRESS
    for _ in track(work, "Reading the files", total=len(rows), disable=hidden):
        pass


def _status(files: Sequence[Path]) -> NDArray[np.int64]:
    rows = []
    for file in files:
        try:
            status = os.stat(file)
        except OSError as error:
            raise unreadable_error(file, error.strerror or error) from error
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
            raise unreadable_error(file, "it is not a file")
        times = status.st_mtime_ns & INT64_MASK, status.st_ctime_ns & INT64_MASK
        rows.append((status.st_size, *times, status.st_ino & INT64_MASK))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError as error:
        raise_shortage(error)
        raise unreadable_error(file, error.strerror or error) from error
