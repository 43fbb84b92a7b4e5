"""Check that the files and folders of a data set exist, without importing what reads them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from aduni.data.names import escape
from aduni.errors import UserError
from aduni.system.program import command_text

TABLE_REMEDY = "set dataset.csv to a table that has a row for each image"
ROOT_REMEDY = "set it to a folder that has a folder of images for each class"
STANDARD_INPUT = "-"


class Release(NamedTuple):
    """Title of a published data set, and how to get it."""

    title: str
    obtain: str


_FETCH = f"fetch it with {command_text('prepare')} dataset={{}} download=true"

RELEASES = {
    "ISIC2018": Release(
        "ISIC 2018 task 3",
        _FETCH.format("isic2018"),
    ),
    "ISIC2019": Release("ISIC 2019", _FETCH.format("isic2019")),
    "HAM10000": Release(
        "HAM10000",
        "download kmader/skin-cancer-mnist-ham10000 from kaggle.com with your login, and unpack it "
        "into dataset.root",
    ),
    "APTOS": Release(
        "APTOS 2019",
        "accept the rules of the competition aptos2019-blindness-detection on kaggle.com with your "
        "login, download its data, and unpack train.csv and train_images.zip into dataset.root",
    ),
    "EyePACS": Release(
        "EyePACS",
        "accept the rules of the competition diabetic-retinopathy-detection on kaggle.com with "
        "your login, download its data, and unpack trainLabels.csv and train/ into dataset.root",
    ),
}
"""Class of a data set -> its release."""


def check_release(root: Path, release: Release) -> None:
    """Raise UserError if `dataset.root` is not a folder."""
    if not root.is_dir():
        fault = "is a file" if root.exists() else "is missing"
        raise UserError(
            f"{root} {fault}; set dataset.root to the folder of the {release.title} release, or "
            f"{release.obtain}."
        )


def check_class_folders(root: str) -> None:
    """Raise UserError if `dataset.root` is not a folder that class folders may be in."""
    if not root:
        raise UserError(f"dataset.root is missing; {ROOT_REMEDY}.")
    if not Path(root).is_dir():
        fault = "is not a folder" if Path(root).exists() else "is missing"
        raise UserError(f"dataset.root={escape(root)} {fault}; {ROOT_REMEDY}.")


def find_table(csv: str | None, root: str) -> Path:
    """Return the path of `dataset.csv`; if it is missing, the file of this name in the root."""
    if not csv:
        raise UserError("dataset.csv is missing; set it to the table of your images.")
    table = Path(csv)
    if root and not table.exists() and (Path(root) / table.name).exists():
        return Path(root) / table.name
    return table


def check_table(table: Path, remedy: str) -> None:
    """Raise UserError if a table is not a file."""
    if not table.exists():
        raise UserError(f"{table} is missing; {remedy}.")
    if not table.is_file():  # reading a pipe would block
        kind = "a folder" if table.is_dir() else "no file"
        raise UserError(f"{table} is {kind}, not a table; {remedy}.")


def check_image_sources(sources: Iterable[str]) -> None:
    """Raise UserError for the first source of images that is neither a file nor a folder."""
    for source in map(Path, sources):
        if str(source) != STANDARD_INPUT and not (source.is_file() or source.is_dir()):
            what = "is neither file nor folder" if source.exists() else "is missing"
            remedy = "give image files or folders of images"
            if {"*", "?"} & set(str(source)):
                remedy = (
                    "no pattern is expanded here: give the folder, or a path a line by images=-"
                )
            raise UserError(f"{escape(str(source))} {what}; {remedy}.")


def check_dataset(kind: str, root: str, csv: str | None, *, is_fetched: bool) -> None:
    """Raise UserError if the files that a kind of data set is read from do not exist.

    Args:
        kind: name of the class.
        root: value of `dataset.root`.
        csv: value of `dataset.csv`; None for other kinds.
        is_fetched: whether a missing release will be fetched.
    """
    if kind == "Digits" and root:
        raise UserError(
            f"dataset.root={escape(root)} has no effect on dataset=digits, which comes with "
            f"scikit-learn; write data={escape(root)} in its place for images of your own."
        )
    if kind == "CSVTable":
        check_table(find_table(csv, root), TABLE_REMEDY)
    elif kind == "Folder":
        check_class_folders(root)
    elif kind in RELEASES and not is_fetched:
        check_release(Path(root), RELEASES[kind])


def check_files(files: Sequence[str], remedy: str) -> None:
    """Raise UserError for the first file that is missing."""
    for file in files:
        if not Path(file).exists():
            raise UserError(f"{escape(file)} is missing; {remedy}.")
