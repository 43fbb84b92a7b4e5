"""The parts of a table: cells, rows, and the table with the runs behind it."""

from dataclasses import dataclass, field

from aduni.metrics.metric import Metric
from aduni.report.tables.definitions import PaperFigure
from aduni.results.finished_runs import Run

Unit = tuple[int, int]
"""Fold and seed."""
Runs = dict[tuple[str, str], dict[Unit, Run]]
"""By the row's label and the data set."""
TITLES = {"isic2018": "ISIC2018", "aptos": "APTOS2019"}
"""Titles of the paper's data sets, in its order; others go by their names."""


@dataclass(frozen=True)
class Cell:
    """The value of a metric in a row, on one data set.

    Attributes:
        dataset: its name.
        metric: what is shown.
        mean: over folds, of each fold's mean over seeds; None where there is no value.
        deviation: of the folds, sample (n - 1); None below two folds.
        folds: how many have a value.
        planned_folds: how many are to have one.
        lacking: how many of the planned there are, in words; empty where all are.
        paper: printed mean and deviation.
        state: why there is no value; empty where there is one.
        best: of the complete cells of its block, at the printed precision.
    """

    dataset: str
    metric: Metric
    mean: float | None
    deviation: float | None
    folds: int
    planned_folds: int
    lacking: str
    paper: PaperFigure | None
    state: str
    best: bool = False

    @property
    def difference(self) -> float | None:
        """Mean minus the paper's."""
        return None if self.mean is None or self.paper is None else self.mean - self.paper[0]


@dataclass(frozen=True)
class TableRow:
    """A row of cells, by data set, then by metric."""

    name: str
    block: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table as the formats, the statistics and the page show it.

    Attributes:
        name: of its definition's file.
        title: shown.
        datasets: names, from left to right.
        metrics: of each data set, from left to right.
        rows: from top to bottom.
        warnings: sentences on runs that stand back; on those that do not compare, see `formats`.
        pairs: labels of rows to compare, see `Definition`.
        runs: behind the cells.
        planned: folds and seeds that each data set is to have.
        note: sentences above the table, or nothing.
    """

    name: str
    title: str
    datasets: tuple[str, ...]
    metrics: tuple[Metric, ...]
    rows: tuple[TableRow, ...]
    warnings: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    runs: Runs = field(repr=False, compare=False)
    planned: dict[str, set[Unit]] = field(repr=False, compare=False)
    note: str = ""


def title_of(dataset: str) -> str:
    """Return the title of a data set in print."""
    return TITLES.get(dataset, dataset)
