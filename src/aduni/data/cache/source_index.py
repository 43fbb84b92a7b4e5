"""The file that keeps what is known of source files from one start to the next."""

import hashlib
import logging
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from aduni.shortage import raise_shortage
from aduni.system.atomic_files import atomic_write

UNKNOWN = -1
"""In place of a number that is not known yet."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What an index holds, of n files.

    Attributes:
        names: n absolute paths.
        status: (n, 4), see `Sources`.
        digests: (n, 32).
        highest: (n,).
    """

    names: list[str]
    status: NDArray[np.int64]
    digests: NDArray[np.uint8]
    highest: NDArray[np.int32]

    @classmethod
    def none(cls) -> "Kept":
        """Of no file."""
        return cls([], *empty(0))


def empty(count: int) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int32]]:
    """Status, digests and highest levels of files that nothing is known of."""
    return (
        np.zeros((count, 4), dtype=np.int64),
        np.zeros((count, 32), dtype=np.uint8),
        np.full(count, UNKNOWN, dtype=np.int32),
    )


def index_file(cache_dir: Path, title: str, root: Path) -> Path:
    """Where the digests of a data set in a folder are kept."""
    place = hashlib.sha256(os.fsencode(os.path.abspath(root))).hexdigest()[:16]
    return cache_dir / f"{title}-sources-{place}.npz"


def locked(index: Path) -> AbstractContextManager[object]:
    """Hold a lock beside the index; none where the folder cannot be written."""
    try:
        index.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(index.with_name(f"{index.name}.lock")).acquire()
    except OSError:
        return nullcontext()


def load(index: Path) -> Kept:
    """What is kept; nothing where the index is missing or damaged."""
    try:
        # numpy would not close the file of what is no archive.
        with index.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = [archive[name] for name in ("status", "digests", "highest")]
            blob = archive["names"].tobytes()
        names = [os.fsdecode(name) for name in blob.split(b"\0")] if blob else []
    except Exception as error:  # zipfile, zlib and numpy each raise kinds of their own
        raise_shortage(error)
        return Kept.none()
    fits = [(a.shape, a.dtype) for a in arrays] == [(e.shape, e.dtype) for e in empty(len(names))]
    return Kept(names, *arrays) if fits else Kept.none()


def save(found: Kept, index: Path) -> None:
    """Keep what was found, beside what is known of other files."""
    others = load(index)
    apart = set(found.names)
    rows = [row for row, name in enumerate(others.names) if name not in apart]
    names = found.names + [others.names[row] for row in rows]
    arrays = {
        "names": np.frombuffer(b"\0".join(map(os.fsencode, names)), dtype=np.uint8),
        "status": np.concatenate([found.status, others.status[rows]]),
        "digests": np.concatenate([found.digests, others.digests[rows]]),
        "highest": np.concatenate([found.highest, others.highest[rows]]),
    }
    try:
        with atomic_write(index) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        log.warning(
            "The digests of %d files cannot be kept in %s (%s): the next start reads them again.",
            len(found.names),
            index,
            error.strerror or error,
        )
