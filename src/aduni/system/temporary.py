"""Temporary names that no other process or thread uses, and what killed processes left of them."""

import hashlib
import os
import platform
import re
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

SUFFIX = ".part"
LONGEST = 40  # characters of a file's name: of four bytes each they leave room for the rest
OWNER = re.compile(r"(\d+)-\d+-([0-9a-f]{8})")
DAY = 24 * 3600.0
"""Seconds after which a file counts as left, whoever began it: none takes so long to write."""


def temporary_name(path: Path) -> Path:
    """Name a hidden file or folder beside `path` that only this thread of this process uses.

    What killed processes have left of earlier writes to `path` is removed on the way: such a file
    may be a second name of a file that is in use, and must not be written to.
    """
    owner = f"{os.getpid()}-{threading.get_native_id()}-{_machine()}"
    temporary = path.with_name(f"{_prefix(path)}{owner}{SUFFIX}")
    _remove(temporary)  # of a process that had the same number
    _remove_left(path)
    return temporary


def final_name(name: str) -> str | None:
    """Give the name that a temporary file was to get, as far as its own name tells; else None."""
    stem, _, owner = name.removesuffix(SUFFIX).removeprefix(".").rpartition(".")
    is_temporary = name.startswith(".") and name.endswith(SUFFIX) and OWNER.fullmatch(owner)
    return stem if is_temporary else None


def _remove_left(path: Path) -> None:
    """Remove what processes that no longer run have left of writes to `path`."""
    prefix = _prefix(path)
    with suppress(OSError):  # the folder is missing, which the write itself will say
        with os.scandir(path.parent) as entries:
            found = [entry.name for entry in entries if entry.name.startswith(prefix)]
        for name in found:
            owner = OWNER.fullmatch(name.removeprefix(prefix).removesuffix(SUFFIX))
            left = path.with_name(name)
            if owner and name.endswith(SUFFIX) and _is_left(left, int(owner[1]), owner[2]):
                _remove(left)


def _prefix(path: Path) -> str:
    return f".{path.name[:LONGEST]}."


def _is_left(file: Path, process: int, machine: str) -> bool:
    """Whether nobody writes the file any more."""
    if machine == _machine() and not _runs(process):
        return True
    # The status changes when a file is linked; its content may be much older.
    return time.time() - file.lstat().st_ctime > DAY


def _runs(process: int) -> bool:
    if os.name != "posix":  # where os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's; no number of a process
        return True
    return True


def _machine() -> str:
    """Tell apart the machines and containers whose process numbers mean different processes."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)
