"""List the runs of a report, and those that failed or were left out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aduni.reporting.page.html import UNDEFINED, Column, PageCell, PageProblem, PageTable
from aduni.reporting.tables.table import title_of
from aduni.results.finished_runs import Problem, Run
from aduni.results.plan import Plan, PlannedRun, States, run_folder
from aduni.system.program import command_text

NAMING = ("Row", "Data set", "Fold", "Seed", "State")
"""Columns of the runs that tell them apart."""


def runs_table(
    runs: Sequence[Run], rows_of: Mapping[Path, str], plan: Plan | None, root: Path, page: Path
) -> PageTable:
    """List every run, finished or planned."""
    columns = [Column("Run"), Column("Row"), Column("Data set")]
    columns += [Column(name, numeric=True) for name in ("Fold", "Seed")]
    columns += [Column("State")]
    columns += [Column(n, numeric=True) for n in ("Accuracy", "Macro F1", "Epoch", "Minutes")]
    columns += [Column("Command")]
    lines = [_finished(run, rows_of.get(run.folder.path, ""), page) for run in runs]
    there = {run.folder.path.resolve() for run in runs}
    for planned in plan.runs if plan else ():
        folder = run_folder(root, planned)
        if folder.path.resolve() not in there:
            lines.append(_unfinished(planned, folder.path, page))
    columns, lines, said = _without_constants(columns, lines)
    return PageTable("runs", "Runs", columns, lines, note=said, filtered=True)


def _without_constants(
    columns: Sequence[Column], lines: Sequence[Sequence[PageCell]]
) -> tuple[list[Column], list[list[PageCell]], str]:
    """Leave out columns that say nothing, or the same of several runs, and return what they say."""
    kept, said = [], []
    for place, column in enumerate(columns):
        texts = {line[place].text for line in lines}
        if texts <= {"", "-"}:
            continue
        if column.name in NAMING and len(lines) > 1 == len(texts):
            said.append(f"{column.name.lower()} {texts.pop()}")
        else:
            kept.append(place)
    shown = [[line[place] for place in kept] for line in lines]
    note = f"All of them: {', '.join(said)}." if said else ""
    return [columns[place] for place in kept], shown, note


def problems_of(
    problems: Sequence[Problem], plan: Plan | None, states: States, root: Path, page: Path
) -> list[PageProblem]:
    """List runs that are left out, and runs that failed."""
    found = [PageProblem(_link(p.folder, page), p.reason) for p in problems]
    for run in plan.runs if plan else ():
        state, reason = states[run.id]
        if state == "failed":
            folder = run_folder(root, run)
            log = _link(folder.console, page)
            found.append(PageProblem(_link(folder.path, page), reason, log))
    return found


def _finished(run: Run, row: str, page: Path) -> list[PageCell]:
    metrics, test = run.metrics, run.test
    seconds = metrics["train_seconds"]
    minutes = None if seconds is None else float(seconds) / 60
    epoch = metrics["selected_epoch"]
    return [
        PageCell(run.link.name, link=_link(run.link, page) if run.link.exists() else ""),
        PageCell(row),
        PageCell(title_of(run.dataset)),
        PageCell(str(run.fold), float(run.fold)),
        PageCell(str(run.seed), float(run.seed)),
        PageCell("done"),
        PageCell(f"{test['accuracy']:.3f}", test["accuracy"]),
        PageCell(f"{test['macro_f1']:.3f}", test["macro_f1"]),
        PageCell("-" if epoch is None else str(epoch + 1), epoch),
        PageCell("-" if minutes is None else f"{minutes:.1f}", minutes),
        PageCell(run.command, command=bool(run.command)),
    ]


def _unfinished(run: PlannedRun, folder: Path, page: Path) -> list[PageCell]:
    begun = folder.is_dir()
    return [
        PageCell(run.folder, link=_link(folder, page) if begun else ""),
        PageCell("; ".join(label for _, label in run.rows)),
        PageCell(title_of(run.dataset)),
        PageCell(str(run.fold), float(run.fold)),
        PageCell(str(run.seed), float(run.seed)),
        PageCell("not finished", muted=True),
        *[UNDEFINED] * 4,
        PageCell(f"{command_text('train')} {' '.join(run.overrides)}", command=True),
    ]


def _link(target: Path, page: Path) -> str:
    return Path(os.path.relpath(target.resolve(), page.resolve())).as_posix()
