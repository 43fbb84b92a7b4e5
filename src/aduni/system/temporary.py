"""Temporary names unique to a process and thread, and removal of those that killed ones left."""

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
MAX_NAME_CHARACTERS = 40  # leaves room for the rest of the name even at four bytes a character
OWNER = re.compile(r"(\d+)-\d+-([0-9a-f]{8})")
MAX_WRITE_SECONDS = 24 * 3600.0
"""Seconds after which a temporary file counts as a leftover, as no write takes so long."""


def temporary_name(path: Path) -> Path:
    """Return the name of a hidden file beside `path` that only this thread of this process uses.

    Leftovers of killed processes that wrote to `path` are removed first: one may be a hard link to
    a file in use, which must not be written to.
    """
    owner = f"{os.getpid()}-{threading.get_native_id()}-{_machine_id()}"
    temporary = path.with_name(f"{_prefix(path)}{owner}{SUFFIX}")
    _remove(temporary)  # an earlier process may have had the same number
    _remove_leftovers(path)
    return temporary


def final_name(name: str) -> str | None:
    """Return the final name, possibly shortened, of a temporary file; None for other files."""
    stem, _, owner = name.removesuffix(SUFFIX).removeprefix(".").rpartition(".")
    is_temporary = name.startswith(".") and name.endswith(SUFFIX) and OWNER.fullmatch(owner)
    return stem if is_temporary else None


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of `path` whose processes have ended."""
    prefix = _prefix(path)
    with suppress(OSError):  # the write itself will report a missing folder
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(prefix)]
        for name in names:
            owner = OWNER.fullmatch(name.removeprefix(prefix).removesuffix(SUFFIX))
            file = path.with_name(name)
            if owner and name.endswith(SUFFIX) and _is_leftover(file, int(owner[1]), owner[2]):
                _remove(file)


def _prefix(path: Path) -> str:
    return f".{path.name[:MAX_NAME_CHARACTERS]}."


def _is_leftover(file: Path, process: int, machine: str) -> bool:
    if machine == _machine_id() and not _is_running(process):
        return True
    # Linking a file updates its ctime, while its mtime may be much older.
    return time.time() - file.lstat().st_ctime > MAX_WRITE_SECONDS


def _is_running(process: int) -> bool:
    if os.name != "posix":  # elsewhere, os.kill would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's process; not a valid process number
        return True
    return True


def _machine_id() -> str:
    """Identify the machine or container within which process numbers are unique."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
