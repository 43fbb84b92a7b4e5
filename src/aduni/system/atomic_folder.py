"""Replace the generated files of a folder, such as a report, all together."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

INDEX = Path("index.html")
MANAGED = ("tables", "figures")
"""Sub-folders that hold only generated files."""
STAMP = Path(".report.sha256")
"""Digest of what the files were made from. It is removed before the first file moves and written
after the last one, so that files that a killed process has half replaced have none."""
PREFIX = ".report-"


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, and move its files to `folder` if the block succeeds.

    The page moves after all other visible files. Files in `tables` and `figures` that are not
    among the new ones are removed; the stamp, if there is one, moves last. If the block fails, the
    previous files stay as they were. A second process waits for the first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".report.lock"):
        for leftover in folder.glob(f"{PREFIX}*"):  # the lock proves that its process has ended
            shutil.rmtree(leftover)
        temporary = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        try:
            yield temporary
            _move(temporary, folder)
        except OSError as error:
            _name_target(error, temporary, folder)
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _name_target(error: OSError, source: Path, target: Path) -> None:
    """Replace a path in the temporary folder by the final one in a system error."""
    if error.errno is None:  # the message of a library, which a file name would replace
        return
    name = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else source
    if name.is_relative_to(source):
        error.filename = str(target / name.relative_to(source))


def _move(source: Path, target: Path) -> None:
    new = [file for file in _files(source) if file != STAMP]
    (target / STAMP).unlink(missing_ok=True)
    _move_shown(new, source, target)
    for name in MANAGED:
        for file in _files(target / name):
            if name / file not in new:
                (target / name / file).unlink()
    if (source / STAMP).exists():
        os.replace(source / STAMP, target / STAMP)


def _move_shown(new: list[Path], source: Path, target: Path) -> None:
    added = [file for file in new if not (target / file).exists()]
    moved = []
    try:
        # Only new names need disk space, so they move first and are removed again if one fails.
        for file in sorted(new, key=lambda file: (file == INDEX, file not in added, file)):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(source / file, target / file)
            moved.append(file)
    except OSError:
        for file in moved:
            if file in added:
                (target / file).unlink()
        raise


def _files(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
