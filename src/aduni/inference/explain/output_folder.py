"""Check the folder that an explanation is written to."""

from pathlib import Path

from aduni.errors import UserError
from aduni.inference.explain.page import GENERATOR
from aduni.system.atomic_folder import INDEX


def check_output(folder: Path) -> None:
    """Raise a UserError if the folder contains anything but an earlier explanation."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder with output=.")
    if not folder.is_dir() or all(entry.name.startswith(".") for entry in folder.iterdir()):
        return
    page = folder / INDEX
    if not page.is_file() or GENERATOR.encode() not in page.read_bytes()[:2000]:
        raise UserError(
            f"{folder} holds files that are no explanation's; give a new or empty folder with "
            "output=."
        )
