"""Digests of the files that pixels are read from, computed again only where a file was changed."""

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

from aduni.data.cache.decode import ALL_BITS, fitting_bits, highest_level
from aduni.data.cache.image_cache import unreadable, usable_cpus
from aduni.data.cache.source_index import UNKNOWN, Kept, empty, load, locked, save
from aduni.errors import UserError
from aduni.shortage import raise_shortage

SETTLED = 2 * 10**9
"""Nanoseconds after which a further change moves a file's time, on the coarsest file systems."""
NAMED = 1000
"""Files from which on reading them is worth a progress bar."""
FITS = 2**63 - 1  # of an int64


@dataclass(frozen=True)
class Sources:
    """What is known of n files.

    Attributes:
        files: n paths.
        status: (n, 4) size, times of content and of inode in nanoseconds, inode.
        digests: (n, 32) SHA-256 of their content.
        highest: (n,) highest level of 16-bit images, 0 for other files; see `highest_level`.
    """

    files: Sequence[Path]
    status: NDArray[np.int64]
    digests: NDArray[np.uint8]
    highest: NDArray[np.int32]

    def key(self, made_as: Sequence[str], bits: int) -> str:
        """Name a cache by what it is made from: the content of the files.

        Args:
            made_as: what else decides on the pixels.
            bits: of the grey levels that 16-bit files hold; of no account where there are none.
        """
        matters = bits != ALL_BITS and self.highest.max(initial=0) > 0
        words = [*made_as, f"{bits} bits"] if matters else made_as
        digest = hashlib.sha256("\n".join(words).encode(errors="surrogateescape"))
        digest.update(self.digests.tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def bits(self) -> int:
        """The fewest that hold the grey levels of all 16-bit images."""
        return fitting_bits(self.highest.tolist())

    def check_unchanged(self) -> None:
        """Raise UserError where a file was changed after its digest was computed."""
        now = _status(self.files)
        for row in np.flatnonzero((now != self.status).any(axis=1)).tolist():
            if _digest(self.files[row]) != self.digests[row].tobytes():
                raise UserError(
                    f"{self.files[row]} was changed while the image cache was built; run the "
                    "command again when nothing writes to the data set."
                )


def read_sources(files: Sequence[Path], index: Path, *, grey: bool, anew: bool = False) -> Sources:
    """Digest all files; of those whose status is as it was, the digest is taken from the index.

    Whoever changes a file also changes the time of its inode, which no program can set back. So a
    start looks at each file's status and reads those alone that are new, changed or moved. Of
    several processes that ask at once, one reads and the others wait.

    Args:
        files: whose pixels are to be cached.
        index: file that keeps the digests; it may hold those of further files.
        grey: find the highest level of each 16-bit image, too.
        anew: read every file, whatever the index says.

    Raises:
        UserError: a link leads nowhere, what is there is no file, or it cannot be read.
    """
    found = _looked_up(files, Kept.none() if anew else load(index))
    if not _missing(found, grey):
        return found
    with locked(index):
        if not anew:
            found = _looked_up(files, load(index))
        if rows := _missing(found, grey):
            begin = time.time_ns()
            _fill(found, rows, grey=grey)
            status = found.status.copy()
            # A file that was changed a moment ago could be changed again without another time.
            status[status[:, 2] > begin - SETTLED] = UNKNOWN
            names = [os.path.abspath(file) for file in files]
            save(Kept(names, status, found.digests, found.highest), index)
    return found


def _looked_up(files: Sequence[Path], known: Kept) -> Sources:
    """With a digest of zeros for what is not known."""
    status = _status(files)
    found = Sources(files, status, *empty(len(files))[1:])
    row_of = {name: row for row, name in enumerate(known.names)}
    theirs = np.array([row_of.get(os.path.abspath(file), -1) for file in files], dtype=np.int64)
    rows = np.flatnonzero(theirs >= 0)
    rows = rows[(known.status[theirs[rows]] == status[rows]).all(axis=1)]
    found.digests[rows] = known.digests[theirs[rows]]
    found.highest[rows] = known.highest[theirs[rows]]
    return found


def _missing(sources: Sources, grey: bool) -> list[int]:
    missing = ~sources.digests.any(axis=1)
    if grey:
        missing |= sources.highest == UNKNOWN
    rows: list[int] = np.flatnonzero(missing).tolist()
    return rows


def _fill(sources: Sources, rows: list[int], *, grey: bool) -> None:
    """Read files, into the rows of the arrays."""

    def read(row: int) -> None:
        file = sources.files[row]
        sources.digests[row] = np.frombuffer(_digest(file), dtype=np.uint8)
        if grey:
            sources.highest[row] = highest_level(file)

    with ThreadPoolExecutor(usable_cpus()) as pool:  # hashing releases the interpreter lock
        work = pool.map(read, rows)
        quiet = len(rows) < NAMED
        try:
            for _ in track(work, "Reading the files", total=len(rows), disable=quiet):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _status(files: Sequence[Path]) -> NDArray[np.int64]:
    """Follow symbolic links, wherever they lead: who lays out a data set may keep it elsewhere."""
    rows = []
    for file in files:
        try:
            found = os.stat(file)
        except OSError as error:
            raise unreadable(file, error.strerror or error) from error
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise unreadable(file, "it is no file")
        times = found.st_mtime_ns & FITS, found.st_ctime_ns & FITS
        rows.append((found.st_size, *times, found.st_ino & FITS))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError as error:
        raise_shortage(error)
        raise unreadable(file, error.strerror or error) from error
