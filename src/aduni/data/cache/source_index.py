"""Store the status and digests of source files between runs."""

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
"""Stands for a number that is not known yet."""

log = logging.getLogger(__name__)


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


def lock(index: Path) -> AbstractContextManager[object]:
    """Acquire a lock file beside the index, or none if the folder cannot be written."""
    try:
        index.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(index.with_name(f"{index.name}.lock")).acquire()
    except OSError:
        return nullcontext()


def load(index: Path) -> SourceIndex:
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


def save(updates: SourceIndex, index: Path) -> None:
    """Store updates together with what the index has on other files."""
    others = load(index)
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
