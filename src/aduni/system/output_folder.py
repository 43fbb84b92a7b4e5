"""Refuse folders that hold somebody's files, before a command writes its own there."""

from collections.abc import Collection
from pathlib import Path

from aduni.errors import UserError
from aduni.system.atomic_folder import INDEX

HEAD = 2000
"""Bytes of a page that have its generator element."""


def check_output(
    folder: Path, generator: str, *, names: Collection[str] | None = None, own: Collection[str] = ()
) -> None:
    """Raise UserError if a command would replace files in a folder that are not its own.

    A folder is the command's own if its page is, by its generator element.

    Args:
        folder: may be missing.
        generator: content of that element, such as `aduni audit`.
        names: files and folders that the command replaces or removes; None: it takes no folder in
            which there is anything else.
        own: names that it leaves without a page when it fails.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder with output=.")
    if not folder.is_dir() or _is_made_by(folder / INDEX, generator):
        return
    for entry in sorted(folder.iterdir()):
        is_at_risk = entry.name in names if names is not None else entry.name not in own
        if is_at_risk and not entry.name.startswith(".") and not _is_empty(entry):
            raise UserError(
                f"{entry} was not made by {generator}, which would replace it or write beside it; "
                "give a new or empty folder with output=."
            )


def _is_made_by(page: Path, generator: str) -> bool:
    mark = f'<meta name="generator" content="{generator}">'
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return mark.encode() in file.read(HEAD)


def _is_empty(entry: Path) -> bool:
    return entry.is_dir() and not any(entry.iterdir())
