"""Cells of clinical tables: a number, with its interval below it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aduni.metrics.estimate import Estimate
from aduni.metrics.interval import Interval
from aduni.metrics.metric import ClassMetric, Metric
from aduni.metrics.names import OF_PREDICTIONS
from aduni.metrics.samples import Samples
from aduni.metrics.screening.outcome import ScreeningMetric
from aduni.reporting.clinical.model_predictions import estimate
from aduni.reporting.page.html import UNDEFINED, PageCell, PageTable

MAX_RESAMPLES = 2_000
"""Resamples of an interval on the page: its ends repeat to about 0.003."""


HOW_TO_READ = (
    "Of the row that all are compared with, and of the other one that is best on the validation "
    "parts; detailed_rows=[...] chooses others. Each number is of all out-of-fold predictions, "
    f"the mean over seeds; below it is its 95 % interval over {MAX_RESAMPLES:,} bootstrap "
    "resamples of whole groups, fewer for slow metrics, which does not say what another training "
    "would give. Calibration errors are larger in resamples, so that a small one may lie below its "
    "interval."
)


@dataclass(frozen=True)
class NumberCell(PageCell):
    """A number, `sort_value`, with the ends of its interval if there is one."""

    ends: Interval | None = None


def resamples_of(metric: Metric | ClassMetric | ScreeningMetric) -> int:
    """Return the resamples of a metric's interval."""
    return min(metric.max_resamples or MAX_RESAMPLES, MAX_RESAMPLES)


def number_cell(estimate: Estimate, *place: int, signed: bool = False) -> PageCell:
    """Show one number of an estimate, and its 95 % interval; a dash where it is undefined."""
    value = float(estimate.value[place])
    if math.isnan(value):
        return UNDEFINED
    form = "+z.3f" if signed else ".3f"
    ends = estimate.interval(*place)
    note = "" if ends is None else f"{ends[0]:{form}} to {ends[1]:{form}}"
    return NumberCell(f"{value:{form}}", value, note=note, ends=ends)


def metric_cells(parts: Sequence[Samples], keys: Sequence[str]) -> list[PageCell]:
    """Show metrics of the whole, by their keys, from the samples of each seed."""
    cells = []
    for key in keys:
        metric = OF_PREDICTIONS[key]
        assert metric.function is not None  # it is one of predictions
        few = [part.first(1 + resamples_of(metric)) for part in parts]
        cells.append(number_cell(estimate(few, metric.function)))
    return cells


def numbers_of(tables: Sequence[PageTable]) -> pd.DataFrame:
    """Return all numbers of tables in full: table, line, column, value, low, high."""
    lines = []
    for table in tables:
        for row in table.rows:
            named = [i for i, column in enumerate(table.columns) if not column.numeric]
            line = ", ".join(row[i].text for i in named)
            for cell, column in zip(row, table.columns, strict=True):
                if column.numeric:
                    title = f"{column.group}: {column.name}" if column.group else column.name
                    ends = (isinstance(cell, NumberCell) and cell.ends) or (None, None)
                    lines.append((table.title, line, title, cell.sort_value, *ends))
    return pd.DataFrame(lines, columns=["table", "line", "column", "value", "low", "high"])
