"""Build a folder of the cache once, for all processes and runs that need it."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from aduni.errors import UserError, warn
from aduni.shortage import raise_shortage
from aduni.system.temporary import temporary_name

log = logging.getLogger(__name__)


def ensure_folder(
    folder: Path, name: str, fault: Callable[[], str | None], write: Callable[[Path], None]
) -> None:
    """Write a cache folder if it is missing or has a fault, under a temporary name at first.

    Of several processes one writes and the others wait.

    Args:
        name: name of the cache in messages, for example image cache.
        fault: describes what is wrong with an existing folder as a clause; None if nothing is.
        write: writes the content into an empty folder.

    Raises:
        UserError: if the folder cannot be written.
    """
    if folder.is_dir() and not fault():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            problem = fault() if folder.exists() else "it is missing"
            if problem and folder.exists():
                warn(log, f"The {name} {folder} is built anew: {problem}.")
            if problem:
                partial_folder = temporary_name(folder)
                try:
                    partial_folder.mkdir()
                    write(partial_folder)
                    _remove(folder)
                    partial_folder.rename(folder)
                finally:
                    shutil.rmtree(partial_folder, ignore_errors=True)
    except OSError as error:
        raise_shortage(error)
        raise UserError(
            f"The {name} {folder} cannot be written ({error.strerror or error}); "
            "set dataset.cache_dir to a folder with room that can be written."
        ) from error


def reserved_map(file: Path, dtype: type[Any], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Create an array in a file whose whole length is reserved on the disk."""
    array: np.memmap[Any, Any] = np.lib.format.open_memmap(
        file, mode="w+", dtype=dtype, shape=shape
    )
    if hasattr(os, "posix_fallocate"):  # writing to a map on a full disk kills the process
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, array.offset + array.nbytes)
    return array


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)
