"""Check the settings of conf/report.yaml."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from aduni.config.one_or_more import OneOrMore
from aduni.errors import UserError
from aduni.metrics.names import check_columns
from aduni.reporting.inputs import Sources
from aduni.reporting.questions import Questions
from aduni.reproduce.settings import TableSettings, validate
from aduni.results.given_predictions.table import table_files
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_folder import INDEX, MANAGED
from aduni.system.output_folder import check_output


class ReportSettings(TableSettings, Questions, frozen=True):
    """Values of all keys of conf/report.yaml."""

    runs: OneOrMore[Path] | None
    predictions: str | tuple[str, ...] | None
    ordinal: bool
    output: Path | None
    reference: str | None

    @property
    def questions(self) -> Questions:
        return Questions(**{key: getattr(self, key) for key in Questions.model_fields})

    @property
    def tables(self) -> list[Path]:
        """Tables of predictions that the patterns name."""
        return table_files(self.predictions or ())


def read_report(
    config: DictConfig, frames: Mapping[Path, pd.DataFrame] | None = None
) -> tuple[Sources, Mapping[Path, pd.DataFrame] | list[Path], bool]:
    """Return the checked settings of a report: sources, tables of predictions, their ordinal.

    Args:
        config: composed from conf/report.yaml.
        frames: tables of predictions by name, in place of `runs` and `predictions`.
    """
    settings = validate(config, ReportSettings)
    if frames is not None:
        check_columns(settings.columns)
        output = settings.output or Path("report")
        return _sources(settings, Path("predictions"), output), frames, settings.ordinal
    if bool(settings.runs) == (settings.predictions is not None):
        raise UserError(
            "give either a folder that holds run folders, runs=DIR, or tables of predictions, "
            "predictions='*.csv'."
        )
    if settings.ordinal and settings.runs:
        raise UserError("ordinal=true is for predictions=; each run says it itself: leave it out.")
    check_columns(settings.columns)
    tables = settings.tables
    root = _common_folder(settings.runs) if settings.runs else tables[0].parent
    output = settings.output or (root / "report" if RunFolder(root).config.is_file() else root)
    check_output(output, "aduni report", names=(INDEX.name, *MANAGED))
    for table in tables:
        if any(table.resolve().is_relative_to((output / name).resolve()) for name in MANAGED):
            raise UserError(
                f"{table} lies where the report writes its own files; give another folder with "
                "output=."
            )
    return _sources(settings, root, output), tables, settings.ordinal


def _common_folder(folders: Sequence[Path]) -> Path:
    """Return a folder as it is, and for several the one that holds them all."""
    return (
        folders[0] if len(folders) == 1 else Path(os.path.commonpath(map(Path.absolute, folders)))
    )


def _sources(settings: ReportSettings, root: Path, output: Path) -> Sources:
    return Sources(
        root,
        output,
        settings.definitions,
        settings.columns,
        settings.floors,
        settings.reference,
        settings.questions,
        tuple(settings.runs) if settings.runs and len(settings.runs) > 1 else (),
    )
