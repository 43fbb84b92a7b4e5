"""Figures that a table can show."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aduni.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Figure:
    """What a column shows: key in metrics.json, title, and which mean is best, if any is."""

    name: str
    title: str
    best: Literal["highest", "lowest"] | None = "highest"


FIGURES = {
    figure.name: figure
    for figure in (
        Figure("accuracy", "Accuracy"),
        Figure("macro_f1", "Macro F1"),
        Figure("balanced_accuracy", "Balanced accuracy"),
        Figure("macro_auroc", "Macro AUROC"),
        Figure("quadratic_kappa", "Quadratic kappa"),
        Figure("expected_calibration_error", "ECE", "lowest"),
        Figure("train_seconds", "Train time", None),
    )
}
ALWAYS = ("accuracy", "macro_f1")


def check_columns(columns: Iterable[str]) -> None:
    """Raise UserError where one is no figure."""
    for column in columns:
        if column not in FIGURES:
            raise UserError(
                f"columns={column} is no figure{did_you_mean(column, FIGURES)}; choose from "
                f"{', '.join(FIGURES)}."
            )
