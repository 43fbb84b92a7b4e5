"""Figures that a table can show."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aduni.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Metric:
    """What a column shows: key in metrics.json, title, and which mean is best, if any is."""

    name: str
    title: str
    best: Literal["highest", "lowest"] | None = "highest"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "Accuracy"),
        Metric("macro_f1", "Macro F1"),
        Metric("balanced_accuracy", "Balanced accuracy"),
        Metric("macro_auroc", "Macro AUROC"),
        Metric("quadratic_kappa", "Quadratic kappa"),
        Metric("expected_calibration_error", "ECE", "lowest"),
        Metric("train_seconds", "Train time", None),
    )
}
ALWAYS = ("accuracy", "macro_f1")


def check_columns(columns: Iterable[str]) -> None:
    """Raise UserError where one is no metric."""
    for column in columns:
        if column not in METRICS:
            raise UserError(
                f"columns={column} is no metric{did_you_mean(column, METRICS)}; choose from "
                f"{', '.join(METRICS)}."
            )
