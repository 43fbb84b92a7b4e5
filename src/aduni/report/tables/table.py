"""A table: every row's figures over the folds, beside what the paper printed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from statistics import fmean, stdev

from aduni.metrics.metric import Metric
from aduni.metrics.names import ALWAYS, METRICS, check_columns
from aduni.report.inputs import States
from aduni.report.tables.definitions import Definition, PaperFigure
from aduni.report.tables.matched_runs import members
from aduni.results.finished_runs import Run
from aduni.results.plan import Plan

Unit = tuple[int, int]
"""Fold and seed."""
Runs = dict[tuple[str, str], dict[Unit, Run]]
"""By the row's label and the data set."""


TITLES = {"isic2018": "ISIC2018", "aptos": "APTOS2019"}
"""Of data sets, in the paper's order; others go by their names."""


@dataclass(frozen=True)
class Cell:
    """A row's figure on a data set.

    Attributes:
        dataset: its name.
        figure: what is shown.
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
        """Mean minus the printed one."""
        return None if self.mean is None or self.paper is None else self.mean - self.paper[0]


@dataclass(frozen=True)
class TableRow:
    """Cells by data set, then by figure; see `Row` for the names."""

    name: str
    block: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """What formats, statistics and the page show.

    Attributes:
        name: of its definition's file.
        title: shown.
        datasets: names, from left to right.
        figures: of each data set, from left to right.
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


def build_table(
    name: str,
    definition: Definition,
    runs: Sequence[Run],
    *,
    plan: Plan | None = None,
    states: States | None = None,
    columns: Sequence[str] = (),
) -> Table:
    """A table from finished runs.

    Args:
        name: of the definition's file; planned runs refer to it.
        definition: rows and printed figures.
        runs: any; those of no row are passed over.
        plan: what is to be there; without one, every fold and seed that some row has.
        states: of the planned runs.
        columns: figures beside accuracy and macro F1.

    Raises:
        UserError: there is no such figure.
    """
    check_columns(columns)
    metrics = tuple(METRICS[column] for column in dict.fromkeys((*ALWAYS, *columns)))
    found = members(name, definition, runs, plan)
    planned = _planned(name, found, plan)
    chosen, warnings = _newest(found, planned)
    rows = []
    for row in definition.rows:
        cells = []
        for dataset, metric in product(planned, metrics):
            units = chosen.get((row.label, dataset), {})
            state = _state(plan, states or {}, (name, row.label), dataset)
            paper = row.paper.get(dataset, {}).get(metric.key)
            cells.append(cell_over(dataset, metric, units, planned[dataset], paper, state))
        rows.append(TableRow(row.name, row.block, row.label, tuple(cells)))
    return Table(
        name,
        definition.title,
        datasets=tuple(planned),
        metrics=metrics,
        rows=tuple(with_best(rows)),
        warnings=tuple(warnings),
        pairs=definition.pairs,
        runs=chosen,
        planned=planned,
    )


def title_of(dataset: str) -> str:
    """How a data set is called in print."""
    return TITLES.get(dataset, dataset)


def _planned(name: str, found: list[tuple[str, Run]], plan: Plan | None) -> dict[str, set[Unit]]:
    """Folds and seeds that each data set of the table is to have, in the order of the columns."""
    ours = [run for run in plan.runs if name in dict(run.rows)] if plan else []
    folds = plan.folds if plan else ()
    planned = {(run.dataset, fold, run.seed) for run in ours for fold in folds}
    others = {(run.dataset, run.fold, run.seed) for _, run in found}
    names = {dataset for dataset, *_ in planned | others}
    units = {}
    for dataset in (*(n for n in TITLES if n in names), *sorted(names - TITLES.keys())):
        members = [u for u in planned if u[0] == dataset] or [u for u in others if u[0] == dataset]
        units[dataset] = set(product({fold for _, fold, _ in members}, {s for *_, s in members}))
    return units


def _newest(found: list[tuple[str, Run]], planned: dict[str, set[Unit]]) -> tuple[Runs, list[str]]:
    """One run a row, data set, fold and seed; sentences on those that stand back."""
    chosen: Runs = defaultdict(dict)
    twice, outside = [], []
    for label, run in sorted(found, key=lambda pair: pair[1].folder.metrics.stat().st_mtime_ns):
        unit, path = (run.fold, run.seed), run.folder.path
        which = f"({label}, {title_of(run.dataset)}, fold {run.fold}, seed {run.seed})"
        if unit not in planned[run.dataset]:
            outside.append(f"{path} {which}")
            continue
        units = chosen[label, run.dataset]
        if unit in units:
            twice.append(f"{path}, not {units[unit].folder.path} {which}")
        units[unit] = run
    kinds = {
        "Of several runs of one kind the newest counts": twice,
        "Left out, since the plan has no such fold or seed": outside,
    }
    return dict(chosen), [f"{text}: {'; '.join(runs)}." for text, runs in kinds.items() if runs]


def _state(plan: Plan | None, states: States, row: tuple[str, str], dataset: str) -> str:
    """Why a row has no run on a data set."""
    ours = [r for r in plan.runs if row in r.rows and r.dataset == dataset] if plan else []
    reasons = dict(states[run.id] for run in reversed(ours) if run.id in states)
    if "running" not in reasons and "failed" in reasons:
        return f"failed: {reasons['failed']}"
    words = {"running": "running", "stopped": "stopped", "done": "left out"}
    return next((text for state, text in words.items() if state in reasons), "not run")


def cell_over(
    dataset: str,
    metric: Metric,
    runs: dict[Unit, Run],
    planned: set[Unit],
    paper: PaperFigure | None,
    state: str,
) -> Cell:
    """A row's cell over its runs on a data set; `state` is why there are none."""
    seeds = defaultdict(list)
    for (fold, _), run in sorted(runs.items()):
        value = (run.test if metric.function else run.metrics)[metric.key]
        if value is not None:
            seeds[fold].append(float(value))
    folds = [fmean(values) for values in seeds.values()]
    planned_folds, number = len({fold for fold, _ in planned}), sum(map(len, seeds.values()))
    lacking = "" if number == len(planned) else f"{number} of {len(planned)} runs"
    if len(folds) < planned_folds:
        lacking = f"{len(folds)} of {planned_folds} folds"
    return Cell(
        dataset,
        metric,
        mean=fmean(folds) if folds else None,
        deviation=stdev(folds) if len(folds) > 1 else None,
        folds=len(folds),
        planned_folds=planned_folds,
        lacking=lacking,
        paper=paper,
        state="" if folds else _undefined(metric, runs.values()) if runs else state,
    )


def _undefined(metric: Metric, runs: Iterable[Run]) -> str:
    """Why runs have no value."""
    if metric.ordinal and not any(run.ordinal for run in runs):
        return "classes without order"
    return "undefined"


def rivals(rows: Sequence[TableRow], block: str) -> list[TableRow]:
    """What competes for the best of a block: its rows, and those that are of no block."""
    return [row for row in rows if row.block in (block, "")]


def with_best(rows: list[TableRow]) -> Iterator[TableRow]:
    """Each block's best means are marked, where at least two are complete."""
    for row in rows:
        columns = zip(*(rival.cells for rival in rivals(rows, row.block)), strict=True)
        pairs = zip(row.cells, map(_best, columns), strict=True)
        cells = (replace(c, best=b is not None and _rank(c) == b) for c, b in pairs)
        yield replace(row, cells=tuple(cells))


def _rank(cell: Cell) -> float | None:
    """Mean as printed, if it takes part in the choice of the best; higher is better."""
    if cell.mean is None or cell.lacking or cell.metric.best is None:
        return None
    return float(f"{cell.mean:.3f}") * (1 if cell.metric.best == "highest" else -1)


def _best(column: tuple[Cell, ...]) -> float | None:
    ranks = [rank for cell in column if (rank := _rank(cell)) is not None]
    return max(ranks) if len(ranks) > 1 else None
