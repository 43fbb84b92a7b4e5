"""Part (i): CPU seconds of a start that go by the rows of a table, up to 200,000 of them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aduni.config.build import build_data
from aduni.data.module import ImageDataModule
from aduni.data.splits.protocol import group_rows
from aduni.data.splits.split_csv import read_split
from aduni.system.atomic_files import write_csv
from benchmarks.composing import settings_of
from benchmarks.measure import CPU, spread, timed
from benchmarks.section import Bench, Row, Section

FOLDERS = 3
PATIENT = 3
"""Rows of one patient."""
CLASSES = ("benign", "malignant", "unclear")


def measure_rows(bench: Bench) -> Section:
    """A row for every size of the table."""
    rows = [_measured(bench, count) for count in bench.effort.table_rows]
    first, last = rows[0]["all"], rows[-1]["all"]
    assert isinstance(first, float)
    assert isinstance(last, float)
    notes = (
        f"CPU microseconds a row, of a table with patients whose files lie in {FOLDERS} folders "
        "and were digested before. Table: read, and its files found; files: their status; then "
        "groups, folds, split.csv written and read. No pixel is read.",
    )
    return Section("Rows of a table", rows, notes, {"row_growth": spread([last / first])})


def _measured(bench: Bench, count: int) -> Row:
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
    micros = {name: timed(step, CPU) / count * 1e6 for name, step in steps.items()}
    return {"rows": count, **micros, "all": sum(micros.values())}


def _group(data: ImageDataModule) -> None:
    """As if each image had pixels of its own: there are none."""
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
