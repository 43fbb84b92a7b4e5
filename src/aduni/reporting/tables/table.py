"""The parts of a table: cells, rows, and the table with the runs behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from aduni.metrics.metric import Metric
from aduni.reporting.tables.definitions import PaperFigure
from aduni.results.finished_runs import Run

Unit = tuple[int, int]  # fold and seed
Runs = dict[tuple[str, str], dict[Unit, Run]]
"""By the row's label and the data set."""
TITLES = {"isic2018": "ISIC2018", "aptos": "APTOS2019"}
"""Titles of the paper's data sets, in its order; others go by their names."""


@dataclass(frozen=True)
class Cell:
    """The value of a metric in a row, on one data set.

    Attributes:
        mean: mean over folds of each fold's mean over seeds; None if there is no value.
        deviation: sample standard deviation (n - 1) of the folds; None below two folds.
        lacking: number of the planned folds or runs that exist, in words; empty if all do.
        paper: mean and deviation that the paper prints.
        state: reason why there is no value; empty if there is one.
        values: value of each fold, the mean over its seeds.
        best: whether it is not detectably behind the best complete cell of its block.
    """

    dataset: str
    metric: Metric
    mean: float | None
    deviation: float | None
    values: Mapping[int, float]
    planned_folds: int
    lacking: str
    paper: PaperFigure | None
    state: str
    best: bool = False

    @property
    def folds(self) -> int:
        """Number of folds that have a value."""
        return len(self.values)

    @property
    def difference(self) -> float | None:
        """Difference of the mean to the paper's."""
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
        warnings: sentences on runs that are left out; `comparability` has those on the others.
        pairs: labels of rows to compare (see `Definition`).
        planned: folds and seeds that each data set should have.
        note: sentences above the table; may be empty.
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

    def is_floor(self, label: str, dataset: str) -> bool:
        """Tell whether the runs of a row on a data set have no network."""
        return any(run.is_floor for run in self.runs.get((label, dataset), {}).values())

    def planned_of(self, label: str, dataset: str) -> set[Unit]:
        """Return the planned folds and seeds of a row; a floor's seeds are those that it has."""
        units, planned = self.runs.get((label, dataset), {}), self.planned[dataset]
        if not self.is_floor(label, dataset):
            return planned
        return set(product({fold for fold, _ in planned}, {seed for _, seed in units}))


def title_of(dataset: str) -> str:
    """Return the title of a data set in print."""
    return TITLES.get(dataset, dataset)
