"""The data of a call: a folder, a table or the name of a data set, as overrides."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aduni.cli.arguments import check_named_once, dataset_overrides, quoted
from aduni.errors import UserError
from aduni.system.atomic_files import write_csv

Data = str | os.PathLike[str] | pd.DataFrame
"""Folder with a folder of images for each class, table with a row for each image, or name."""


def with_data(data: Data | None, overrides: Sequence[str]) -> list[str]:
    """Return the overrides that choose a data set, and behind them the others.

    Raises:
        UserError: if the others choose one, too.
    """
    chosen = data_overrides(data)
    check_named_once("data=", chosen, overrides)
    return [*chosen, *overrides]


def data_overrides(data: Data | None) -> list[str]:
    """Return the overrides that choose a data set; none for None.

    A data frame is written to outputs/tables, where runs find it later. Its column `image` holds
    paths, relative to the current folder or absolute.
    """
    if data is None:
        return []
    if not isinstance(data, pd.DataFrame):
        return dataset_overrides(os.fspath(data))
    files = [Path(os.path.abspath(image)) for image in _images(data)]
    root = Path(os.path.commonpath({file.parent for file in files})) if files else Path.cwd()
    names = [file.relative_to(root).as_posix() for file in files]
    table = _written(data.assign(image=names))
    return [
        "dataset=csv",
        f"dataset.csv={quoted(str(table))}",
        f"dataset.root={quoted(str(root))}",
        "dataset.title=table",
    ]


def _written(frame: pd.DataFrame) -> Path:
    """Write a table under a name of its content, so that equal calls share it."""
    content = frame.to_csv(index=False).encode()
    table = Path("outputs", "tables", f"{hashlib.sha256(content).hexdigest()[:12]}.csv").absolute()
    if not table.is_file():
        table.parent.mkdir(parents=True, exist_ok=True)
        write_csv(frame, table)
    return table


def _images(frame: pd.DataFrame) -> list[str]:
    if "image" not in frame.columns:
        columns = ", ".join(map(str, frame.columns))
        raise UserError(
            f"The data frame has no column image; rename that of the paths (its columns are "
            f"{columns})."
        )
    return [os.fspath(image) for image in frame["image"]]
