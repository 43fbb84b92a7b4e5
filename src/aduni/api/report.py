"""Report on runs or on predictions from Python."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from aduni.api.composition import composed, to_overrides
from aduni.reporting.cached import SUMMARY
from aduni.reproduce.report import write_report
from aduni.system.atomic_folder import INDEX
from aduni.system.csv_escape import read_saved

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class Report:
    """A report in a folder.

    Args:
        path: folder of the report.
    """

    path: Path

    @property
    def page(self) -> Path:
        """The page, which needs no network."""
        return self.path / INDEX

    @property
    def summary(self) -> str:
        """The answer and the main table, as the command prints them."""
        return (self.path / SUMMARY).read_text(encoding="utf-8")

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of the page by the names of their files."""
        return {file.stem: read_saved(file, ()) for file in sorted(self.path.glob("tables/*.csv"))}

    def __repr__(self) -> str:
        return f"<Report {self.page}: {', '.join(self.tables)}>"


def report(
    source: Paths | pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    output: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Report:
    """Compare runs, or predictions of any program, and return the report.

    It does what the command `report` does, and prints the same.

    Args:
        source: folder that holds run folders at any depth; or predictions: CSV files, a data
            frame, or one for each model by its name, with the columns id, label, p_CLASS for each
            class, and perhaps model, fold, seed, part, group.
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
        frames = {Path(name): frame for name, frame in source.items()}
    elif isinstance(source, str | os.PathLike) and Path(source).is_dir():
        given["runs"] = Path(source)
    else:
        paths = [source] if isinstance(source, str | os.PathLike) else source
        given["predictions"] = [os.fspath(path) for path in paths]
    with composed("report", to_overrides(given)) as config:
        return Report(write_report(config, frames).parent)
