"""The data of a call: a folder, a table or the name of a data set, as overrides."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from aduni.api.composition import to_overrides
from aduni.api.given_images import table_paths
from aduni.cli.arguments import check_named_once, dataset_overrides, quoted
from aduni.errors import UserError, did_you_mean
from aduni.system.atomic_files import write_csv

Data = str | os.PathLike[str] | pd.DataFrame
"""Folder with a folder of images for each class, table with a row for each image, or name."""


def with_data(data: Data | None, settings: Mapping[str, Any]) -> list[str]:
    """Return the overrides that choose a data set, and behind them those of the settings.

    Raises:
        UserError: if the settings choose one, too, or as `data_overrides` does.
    """
    chosen, overrides = data_overrides(data, settings), to_overrides(settings)
    check_named_once("data=", chosen, overrides)
    return [*chosen, *overrides]


def data_overrides(data: Data | None, settings: Mapping[str, Any]) -> list[str]:
    """Return the overrides that choose a data set; none for None.

    A data frame is written to outputs/tables, where runs find it later. Its column `image` holds
    paths, relative to the current folder or absolute.

    Args:
        settings: further settings of the call, which may name columns.

    Raises:
        UserError: if the data is of another type, or a data frame lacks a column.
    """
    if data is None:
        return []
    if not isinstance(data, pd.DataFrame):
        if not isinstance(data, str | os.PathLike):
            raise UserError(
                f"data is of the type {type(data).__name__}; give a folder, a CSV file, a data "
                "frame or the name of a data set."
            )
        return dataset_overrides(os.fspath(data))
    _check_columns(data, settings)
    files = [Path(os.path.abspath(image)) for image in table_paths(data)]
    root = Path(os.path.commonpath({file.parent for file in files})) if files else Path.cwd()
    names = [file.relative_to(root).as_posix() for file in files]
    table = _written(data.assign(image=names))
    return [
        "dataset=csv",
        f"dataset.csv={quoted(str(table))}",
        f"dataset.root={quoted(str(root))}",
        "dataset.title=table",
    ]


def _check_columns(frame: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Raise UserError where a column that the settings name is missing, in words of the caller."""
    group = settings.get("dataset", {})
    given = {**(group if isinstance(group, Mapping) else {}), **settings}
    defaults = {"label_column": "label", "group_column": None, "split_column": None}
    for key, default in defaults.items():
        column = given.get(key, given.get(f"dataset.{key}", default))
        if column is not None and column not in frame.columns:
            columns = list(map(str, frame.columns))
            raise UserError(
                f"The data frame has no column {column}{did_you_mean(str(column), columns)}; name "
                f'the right one with dataset={{"{key}": ...}} (its columns are '
                f"{', '.join(columns)})."
            )


def _written(frame: pd.DataFrame) -> Path:
    """Write a table under a name of its content, so that equal calls share it."""
    content = frame.to_csv(index=False).encode()
    table = Path("outputs", "tables", f"{hashlib.sha256(content).hexdigest()[:12]}.csv").absolute()
    if not table.is_file():
        table.parent.mkdir(parents=True, exist_ok=True)
        write_csv(frame, table)
    return table
