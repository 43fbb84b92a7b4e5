"""Report on runs or on predictions from Python."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aduni.api.composition import composed, to_overrides
from aduni.api.paths import keep_absolute, list_paths
from aduni.api.run import Run
from aduni.errors import UserError
from aduni.reporting.inputs import SUMMARY
from aduni.reproduce.report import write_report
from aduni.system.atomic_folder import INDEX
from aduni.system.csv_escape import read_saved

OnePath = str | os.PathLike[str]
Paths = OnePath | Sequence[OnePath]
Table = pd.DataFrame | Run
"""Predictions of a model: a table, or a run, which has one."""


@dataclass(frozen=True)
class Report:
    """A report in a folder.

    Args:
        path: folder of the report.
    """

    path: Path

    def __post_init__(self) -> None:
        keep_absolute(self)

    @property
    def page(self) -> Path:
        """The page, which needs no network."""
        return self.path / INDEX

    @property
    def summary(self) -> str:
        """The answer and the main table, as the command prints them."""
        return (self.path / SUMMARY).read_text(encoding="utf-8")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of the page by the names of their files.

        `tables` has the metrics of all rows, `moved` those after tuned logit adjustment,
        `comparisons` the differences between rows, `classes` metrics by class, and `details` the
        answers to clinical questions; those that there are.
        """
        return {file.stem: read_saved(file, ()) for file in sorted(self.path.glob("tables/*.csv"))}

    def __repr__(self) -> str:
        return f"<Report {self.page}: {', '.join(self.tables)}>"


def report(
    source: Paths | Table | Mapping[str, Table],
    *,
    output: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Report:
    """Compare runs, or predictions of any program, and return the report.

    It does what the command `report` does, and prints the same.

    Args:
        source: runs, as a `Run`, a folder that holds run folders at any depth, or a list of these;
            or predictions, as CSV files, a data frame, or a data frame or `Run` for each model by
            its name. They have the columns id (or image), label, p_CLASS for each class, and
            perhaps model, fold, seed, part, group.
        output: folder of the report; None for that of the runs or files, for data frames `report`.
        settings: any other key of the command, such as `reference="CE"` or `ordinal=True`.

    Raises:
        UserError: for every mistake that can be corrected by the caller.
    """
    if isinstance(source, pd.DataFrame):
        source = {"model": source}
    frames = None
    given: dict[str, Any] = {"output": output, **settings}
    if isinstance(source, Mapping):
        frames = {Path(str(name)): _frame(table) for name, table in source.items()}
    else:
        paths = list_paths(source)
        are_runs = any(Path(path).is_dir() for path in paths)
        given["runs" if are_runs else "predictions"] = [os.fspath(path) for path in paths]
    with composed("report", to_overrides(given)) as config:
        return Report(write_report(config, frames).parent)


def _frame(table: Any) -> pd.DataFrame:
    if isinstance(table, Run):
        return table.predictions
    if not isinstance(table, pd.DataFrame):
        raise UserError(
            f"A model's predictions are of the type {type(table).__name__}; give a data frame or a "
            "run."
        )
    return table
