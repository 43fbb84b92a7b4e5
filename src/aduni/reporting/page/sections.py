"""Convert report data to the tables and lists of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from aduni.metrics.fold_intervals import MARGIN, MIN_FOLDS, verdict
from aduni.metrics.names import METRICS
from aduni.metrics.samples import RESAMPLES
from aduni.reporting.page.html import Column, PageCell, PageTable
from aduni.reporting.statistics.batch_composition import (
    PAPER_BATCH,
    PAPER_BATCH_SIZE,
    PAPER_QUEUE,
    QUEUE,
)
from aduni.reporting.statistics.paired import Comparison, power_note
from aduni.reporting.tables.formats import footnote, note_text, value_text
from aduni.reporting.tables.table import Table, title_of


def metrics_table(table: Table) -> PageTable:
    """Convert a table of the paper."""
    blocks = any(row.block for row in table.rows)
    columns = [Column("Row"), *([Column("Block")] if blocks else [])]
    columns += [
        Column(metric.title, title_of(dataset), numeric=True)
        for dataset in table.datasets
        for metric in table.metrics
    ]
    rows = []
    for row in table.rows:
        cells = [PageCell(row.name), *([PageCell(row.block)] if blocks else [])]
        for cell in row.cells:
            lacks = cell.mean is None
            cells.append(
                PageCell(
                    value_text(cell),
                    sort_value=cell.mean,
                    best=cell.best,
                    note=note_text(cell),
                    muted=lacks,
                )
            )
        rows.append(cells)
    return PageTable(
        table.name, table.title, columns, rows, note=table.note, footnote=footnote(table)
    )


def comparisons_tables(
    comparisons: Sequence[Comparison], titles: Mapping[str, str]
) -> list[PageTable]:
    """Convert paired differences: a table for each table of the report and data set.

    Args:
        titles: of the tables, by their names.
    """
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for each in comparisons:
        groups.setdefault((each.table, each.dataset), []).append(each)
    return [
        _differences(f"comparisons-{number}", f"{titles[table]}, {title_of(dataset)}", found)
        for number, ((table, dataset), found) in enumerate(groups.items(), start=1)
    ]


def _differences(name: str, title: str, comparisons: Sequence[Comparison]) -> PageTable:
    folds = max(each.folds for each in comparisons)
    numbered = {each.folds for each in comparisons} != {folds}
    # Of one fold, the footnote says it.
    noted = any(each.note for each in comparisons if each.folds != 1)
    tested = any(each.p is not None for each in comparisons)
    columns = [Column("A - B"), Column("Difference", numeric=True)]
    columns += [Column("Verdict"), Column("Corrected")] if tested else []
    columns += [Column("These trained models")]
    columns += [Column("Folds", numeric=True)] if numbered else []
    columns += [Column("Note")] if noted else []
    rows = [
        [
            *_compared(each, tested=tested),
            *([PageCell(str(each.folds), float(each.folds))] if numbered else []),
            *([PageCell(each.note, muted=True)] if noted else []),
        ]
        for each in comparisons
    ]
    return PageTable(
        name, f"Differences: {title}", columns, rows, footnote=_meaning(folds), filtered=True
    )


def _meaning(folds: int) -> str:
    over = f"mean over {folds} folds, its 95 % t interval over them" if folds > 1 else "of one fold"
    corrected = (
        " The corrected interval and p (corrected resampled t-test, Nadeau and Bengio 2003) make "
        "up for training parts that overlap; p is not adjusted for the number of comparisons."
    )
    return (
        f"Difference: {over}. An interval within {MARGIN} to either side of 0 is equivalent; with "
        f"fewer than {MIN_FOLDS} folds there is no verdict.{corrected if folds > 1 else ''} These "
        "trained models: the bootstrap interval of all out-of-fold predictions, the mean over "
        f"seeds, {RESAMPLES:,} resamples of whole groups; it does not say what "
        f"another training would give. {power_note(folds)}"
    )


def _compared(each: Comparison, *, tested: bool) -> list[PageCell]:
    named = PageCell(f"{each.row} - {each.baseline}", note=METRICS[each.metric].title)
    ends, middle = each.over_folds, each.difference
    cells = [named, replace(_signed(middle), note=_interval(ends) if tested else "")]
    if tested:
        bar = None if ends is None or middle is None else (ends[0], middle, ends[1])
        word = verdict(ends, each.folds)
        p = "" if each.p is None else f"p {each.p:.3f}"
        cells += [
            PageCell(word, word, bar=bar, note=word if bar else ""),
            PageCell(_interval(each.corrected), each.p, note=p),
        ]
    return [
        *cells,
        PageCell(_interval(each.interval), each.interval[0] if each.interval else None),
    ]


def batches_table(statistics: Mapping[str, pd.DataFrame]) -> PageTable | None:
    """Convert majority and minority images in a batch, by data set; None without data."""
    if not statistics:
        return None
    names = ("majority", "minority", "queue_majority", "queue_minority")
    columns = [Column("Sampler"), Column("Data set"), Column("Batch", numeric=True)]
    columns += [Column(name, "in a batch", numeric=True) for name in ("majority", "minority")]
    columns += [Column(name, "in the queue", numeric=True) for name in ("majority", "minority")]
    rows = [
        [
            PageCell(str(line["sampler"])),
            PageCell(title_of(dataset)),
            PageCell(str(line["batch_size"]), float(line["batch_size"])),
            *(
                PageCell("-" if pd.isna(line[name]) else f"{line[name]:.1f}", _number(line[name]))
                for name in names
            ),
        ]
        for dataset, frame in statistics.items()
        for line in frame.to_dict("records")
    ]
    return PageTable(
        "batches",
        "What a batch holds",
        columns,
        rows,
        note=f"Mean images of the most and the least frequent class; queue of {QUEUE:,} labels.",
        footnote=(
            f"The paper says of APTOS2019 at batch {PAPER_BATCH_SIZE}: {PAPER_BATCH[0]} and "
            f"{PAPER_BATCH[1]} in a batch of AdUni, {PAPER_QUEUE[0]} and {PAPER_QUEUE[1]} in "
            "PaCo's queue."
        ),
    )


def _signed(value: float | None) -> PageCell:
    return PageCell("-" if value is None else f"{value:+.3f}", value, muted=value is None)


def _interval(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else f"{ends[0]:+.3f} to {ends[1]:+.3f}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and not pd.isna(value) else None
