"""F1 and loss of each class in every row, and the difference of F1 to the first row."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.metrics.interval import ENDS
from aduni.metrics.samples import RESAMPLES, class_f1
from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageTable
from aduni.reporting.statistics.classes import class_order, losses_by_class
from aduni.reporting.statistics.paired import Units, common_runs
from aduni.reporting.statistics.row_bootstrap import mean_of_seeds, pooled_outcomes, seed_weights
from aduni.reporting.tables.table import Table, title_of
from aduni.results.finished_runs import Run

Floats = NDArray[np.float64]

DIFFERENCE = ("f1_difference", "low", "high")
COLUMNS = ("dataset", "row", "class", "images", "f1", *DIFFERENCE, "loss")


def class_frame(table: Table) -> pd.DataFrame:
    """Return one line for each data set, row with runs, and class.

    Grades are in their order, other classes by size, the largest first.
    The f1 is of confusion counts pooled over folds, the mean over seeds; f1_difference, low and
    high are the difference to the table's first row on the same test images and its 95 % bootstrap
    interval; loss is the mean -log p_y in nats over the class's test images, p at least 1e-12.
    Values that do not exist are NaN.
    """
    lines = [line for dataset in table.datasets for line in _lines(table, dataset)]
    numbers = dict.fromkeys(("f1", *DIFFERENCE, "loss"), np.float64)
    return pd.DataFrame(lines, columns=COLUMNS).astype({"images": np.int64, **numbers})


def _lines(table: Table, dataset: str) -> Iterator[dict[str, object]]:
    labels = [row.label for row in table.rows if table.runs.get((row.label, dataset))]
    if not labels:
        return
    held = {label: table.runs[label, dataset] for label in labels}
    order = class_order({label: list(units.values()) for label, units in held.items()})
    rows = {
        label: {unit: _numbered(run, order) for unit, run in units.items()}
        for label, units in held.items()
    }
    first = table.rows[0].label
    for label, units in rows.items():
        baseline = {} if label == first else rows.get(first, {})
        figures = np.vstack([_f1(units), _differences(units, baseline), _losses(units, order)])
        for name, images, values in zip(order, _images(units, order), figures.T, strict=True):
            named = dict(zip(("f1", *DIFFERENCE, "loss"), values.tolist(), strict=True))
            yield {"dataset": dataset, "row": label, "class": name, "images": images, **named}


def _numbered(run: Run, order: list[str]) -> Run:
    counts = run.metrics["training_counts"]
    return replace(
        run, metrics={**run.metrics, "training_counts": {name: counts[name] for name in order}}
    )


def _images(units: Units, order: list[str]) -> list[int]:
    splits = pd.concat([run.split[run.split["part"] == "test"] for run in units.values()])
    counts = splits.drop_duplicates(["image", "label"])["label"].value_counts()
    return [int(counts.get(name, 0)) for name in order]


def _f1(units: Units) -> Floats:
    outcomes, classes = pooled_outcomes(units, units), _classes(units)
    found = mean_of_seeds(outcomes, "row", classes, class_f1, resamples=0)[0]
    return np.where(_present(outcomes, classes), found, np.nan)


def _differences(units: Units, baseline: Units) -> Floats:
    """Return (3, C) differences of F1 and the ends of their intervals; NaN if there are none.

    As in the macro average, a class that is neither drawn nor predicted has F1 0.
    """
    row, other, _ = common_runs(units, baseline)
    classes = _classes(units)
    if not row:
        return np.full((3, classes), np.nan)
    outcomes = pooled_outcomes(row, other)
    f1, others = (
        mean_of_seeds(outcomes, column, classes, class_f1) for column in ("row", "baseline")
    )
    differences = f1 - others
    found = np.vstack([differences[0], np.quantile(differences[1:], ENDS, axis=0)])
    return np.where(_present(outcomes, classes), found, np.nan)


def _losses(units: Units, order: list[str]) -> Floats:
    weights = seed_weights(units)
    total, images = np.zeros(len(order)), np.zeros(len(order))
    for unit, run in units.items():
        losses = losses_by_class([run], order).values()
        total += weights[unit] * np.array([values.sum() for values in losses])
        images += weights[unit] * np.array([len(values) for values in losses])
    return np.where(images > 0, total, np.nan) / np.where(images > 0, images, 1)


def _present(outcomes: pd.DataFrame, classes: int) -> NDArray[np.bool_]:
    return np.bincount(outcomes["label"], minlength=classes) > 0


def _classes(units: Units) -> int:
    return len(next(iter(units.values())).class_names)


def class_tables(frame: pd.DataFrame) -> list[PageTable]:
    """Make a page table of each data set from `class_frame`, with the F1 of each class."""
    datasets = frame.groupby("dataset", sort=False)
    return [
        replace(_of_dataset(str(name), lines), id=f"classes-{number}")
        for number, (name, lines) in enumerate(datasets, start=1)
    ]


def _of_dataset(dataset: str, frame: pd.DataFrame) -> PageTable:
    names = list(dict.fromkeys(frame["class"]))
    columns = [Column("Row"), *(Column(name, numeric=True) for name in names)]
    most = frame["images"].groupby(frame["class"]).transform("max")
    rows = []
    for row, lines in frame.assign(most=most).groupby("row", sort=False):
        cells = {line["class"]: _class_cell(line) for line in lines.to_dict("records")}
        rows.append([PageCell(str(row)), *(cells[name] for name in names)])
    title = f"F1 of each class, {title_of(dataset)}"
    return PageTable("classes", title, columns, rows, footnote=_how_to_read(frame))


def _class_cell(line: Mapping[Hashable, Any]) -> PageCell:
    if pd.isna(line["f1"]):
        return UNDEFINED
    few = line["images"] < line["most"]
    notes = [f"{line['images']:,} of {line['most']:,} images"] if few else []
    if not pd.isna(line["f1_difference"]):
        notes.append(f"{line['f1_difference']:+z.3f}")
        notes.append(f"{line['low']:+z.3f} to {line['high']:+z.3f}")
    return PageCell(f"{line['f1']:.3f}", line["f1"], note="\n".join(notes))


def _how_to_read(frame: pd.DataFrame) -> str:
    most = frame.groupby("class", sort=False)["images"].max()
    counts = ", ".join(f"{name} {count:,}" for name, count in most.items())
    below = ""
    if frame["f1_difference"].notna().any():
        below = (
            f" Below it: the difference to {frame['row'].iloc[0]} over the folds and seeds that "
            f"both rows have, and its 95 % interval, {RESAMPLES:,} bootstrap resamples of whole "
            "groups (lesions, copies), not adjusted for the number of comparisons."
        )
    return (
        "F1 from the confusion counts of all out-of-fold predictions, the mean over seeds."
        f"{below} Test images: {counts}."
    )
