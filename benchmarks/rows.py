"""CPU seconds of a start that go by the rows of a table, up to 200,000 of them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aduni.config.build import build_data
from aduni.data.image_data import ImageData
from aduni.data.splits.predefined import read_split
from aduni.data.splits.protocol import group_rows
from aduni.reproduce.planning import settings_of
from aduni.system.atomic_files import write_csv
from benchmarks.measure import cpu_clock, spread, timed
from benchmarks.part import Bench, Row, Section

FOLDERS = 3
PATIENT = 3
"""Rows of one patient."""
CLASSES = ("benign", "malignant", "unclear")


def measure(bench: Bench) -> Section:
    """Return a row for every size of the table."""
    sizes = bench.effort.table_rows
    steps = [_microseconds(bench, count) for count in sizes]
    totals = [sum(micros.values()) for micros in steps]
    rows: list[Row] = [
        {"rows": count, **micros, "all": total}
        for count, micros, total in zip(sizes, steps, totals, strict=True)
    ]
    notes = (
        f"CPU microseconds a row, of a table with patients whose files lie in {FOLDERS} folders "
        "and were digested before. Table: read, and its files found; files: their status; then "
        "groups, folds, split.csv written and read. No pixel is read.",
    )
    return Section("Rows of a table", rows, notes, {"row_growth": spread([totals[-1] / totals[0]])})


def _microseconds(bench: Bench, count: int) -> dict[str, float]:
    folder = bench.scratch / str(count)
    overrides = [
        "dataset=csv",
        f"dataset.csv={_table(folder, count)}",
        "dataset.group_column=patient",
        f"dataset.cache_dir={bench.scratch / 'cache'}",
    ]
    _ = build_data(settings_of(overrides)).sources  # digests all files
    data, split = build_data(settings_of(overrides)), folder / "split.csv"
    steps: dict[str, Callable[[], Any]] = {
        "table": lambda: data.table,
        "files": lambda: data.sources,
        "groups": lambda: _group(data),
        "folds": lambda: data.parts,
        "split.csv": lambda: write_csv(data.split, split),
        "read again": lambda: read_split(split, data.table, data.groups, grouped=True),
    }
    return {name: timed(step, cpu_clock) / count * 1e6 for name, step in steps.items()}


def _group(data: ImageData) -> None:
    """Group as if each image had pixels of its own: there are none."""
    data.groups = group_rows(data.table, data.table.images)


def _table(folder: Path, count: int) -> Path:
    """Write a table of so many rows, and files that differ."""
    for number in range(FOLDERS):
        (folder / f"part{number}").mkdir(parents=True)
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "label", "patient"))
        for row in range(count):
            name, patient = f"part{row % FOLDERS}/{row:06d}.png", row // PATIENT
            (folder / name).write_bytes(row.to_bytes(4, "little"))
            writer.writerow((name, CLASSES[patient % len(CLASSES)], f"p{patient}"))
    return folder / "t.csv"
