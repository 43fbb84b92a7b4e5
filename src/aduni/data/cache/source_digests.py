"""Digest the source files of a data set, and read again only those that have changed."""

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from aduni.data.cache import source_index
from aduni.data.cache.decode import ALL_BITS, highest_level, min_bits
from aduni.data.cache.image_cache import unreadable_error, usable_cpus
from aduni.data.cache.source_index import UNKNOWN, SourceIndex, unknown_arrays
from aduni.errors import UserError
from aduni.shortage import raise_shortage

TIME_RESOLUTION_NS = 2 * 10**9
"""Resolution of the coarsest file systems' time stamps in nanoseconds."""
MIN_FILES_FOR_PROGRESS = 1000
"""Smallest number of files whose reading shows a progress bar."""
INT64_MASK = 2**63 - 1


@dataclass(frozen=True)
class Sources:
    """Status, digests and highest levels of n source files.

    Attributes:
        files: n paths.
        status: (n, 4) size, modification and inode change times in nanoseconds, inode.
        digests: (n, 32) SHA-256 of their content.
        highest: (n,) highest level of 16-bit images, 0 for other files; see `highest_level`.
    """

    files: Sequence[Path]
    status: NDArray[np.int64]
    digests: NDArray[np.uint8]
    highest: NDArray[np.int32]

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
    files: Sequence[Path], index: Path, *, with_levels: bool, reread: bool = False
) -> Sources:
    """Digest all files, and take the digest from the index if the status is the same.

    Every change of a file updates the change time of its inode, which no program can set back. So
    only files that are new, changed or moved are read. Of several processes one reads and the
    others wait.

    Args:
        files: source files of the images.
        index: file that stores the digests, possibly with those of further files.
        with_levels: also find the highest level of each 16-bit image.
        reread: read every file, and ignore the index.

    Raises:
        UserError: if a link is broken, a path is not a file, or a file cannot be read.
    """
    sources = _look_up(files, SourceIndex.none() if reread else source_index.load(index))
    if not _missing(sources, with_levels):
        return sources
    with source_index.lock(index):
        if not reread:
            sources = _look_up(files, source_index.load(index))
        if rows := _missing(sources, with_levels):
            begin = time.time_ns()
            _read_files(sources, rows, with_levels=with_levels)
            status = sources.status.copy()
            # A file changed a moment ago could change again within the same time stamp.
            status[status[:, 2] > begin - TIME_RESOLUTION_NS] = UNKNOWN
            names = [os.path.abspath(file) for file in files]
            source_index.save(SourceIndex(names, status, sources.digests, sources.highest), index)
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

    with ThreadPoolExecutor(usable_cpus()) as pool:  # hashing releases the interpreter lock
        work = pool.map(read, rows)
        hidden = len(rows) < MIN_FILES_FOR_PROGRESS
        try:
            for _ in track(work, "Reading the files", total=len(rows), disable=hidden):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _status(files: Sequence[Path]) -> NDArray[np.int64]:
    """Return the status of files; symbolic links may lead anywhere and are followed."""
    rows = []
    for file in files:
        try:
            status = os.stat(file)
        except OSError as error:
            raise unreadable_error(file, error.strerror or error) from error
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
            raise unreadable_error(file, "it is no file")
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
