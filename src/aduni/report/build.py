"""The whole report from a folder of runs: tables, figures, page."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from aduni.errors import UserError
from aduni.plan import Plan, failure_of, read_plan, run_folder, state_of
from aduni.report import content
from aduni.report.batches import batch_statistic, training_labels
from aduni.report.comparability import warnings_of
from aduni.report.definitions import Definition
from aduni.report.figures.all import draw
from aduni.report.formats import csv_frame, latex, markdown
from aduni.report.page import FigureGroup, Page, PageFigure, render
from aduni.report.runs import Problem, Run, find_runs, read_runs
from aduni.report.statistics import compare, comparison_frame
from aduni.report.summary import summarise
from aduni.report.swap import replaced_files
from aduni.report.tables import Table, build_table, title_of

INPUTS = ("config", "metrics", "predictions", "split", "history", "log", "features")
"""Files of a run that the report reads."""


@dataclass(frozen=True)
class Sources:
    """What a report is made from.

    Attributes:
        root: folder with run folders at any depth, and a plan.json if there is a plan.
        output: where index.html, tables/ and figures/ go.
        definitions: of the tables, by the name of their files; `methods` is compared and drawn.
        columns: of the tables, beside accuracy and macro F1.
    """

    root: Path
    output: Path
    definitions: Mapping[str, Definition]
    columns: Sequence[str] = ()


def build_report(sources: Sources) -> Path:
    """Write the report, unless the one that is there was made from the same sources.

    Returns:
        The page.

    Raises:
        UserError: no run, or an unknown column.
        OSError: the output cannot be written; the previous report is whole.
    """
    page, stamp = sources.output / "index.html", sources.output / ".report.json"
    plan = read_plan(sources.root)
    states = _states(sources.root, plan)
    digest = _digest(sources, states)
    if page.exists() and stamp.exists() and json.loads(stamp.read_text()) == digest:
        return page
    runs, problems = read_runs(sources.root)
    if not (runs or problems or plan):
        raise UserError(f"runs={sources.root} holds no finished run; give a folder that does.")
    tables = {
        name: build_table(name, definition, runs, plan=plan, states=states, columns=sources.columns)
        for name, definition in sources.definitions.items()
    }
    with replaced_files(sources.output) as folder:
        made = _Report(sources, plan, states, runs, problems, tables, folder)
        (folder / "index.html").write_text(render(made.page()), encoding="utf-8")
        (folder / ".report.json").write_text(json.dumps(digest))
    return page


@dataclass(frozen=True)
class _Report:
    """One report that is being written into a folder."""

    sources: Sources
    plan: Plan | None
    states: content.States
    runs: Sequence[Run]
    problems: Sequence[Problem]
    tables: Mapping[str, Table]
    folder: Path

    def page(self) -> Page:
        """Write tables and figures, and say what the page shows."""
        output, methods = self.sources.output, self.tables["methods"]
        comparisons = compare(methods)
        batches = self._batches(methods)
        self._write_tables(comparison_frame(comparisons), batches)
        warnings = [text for table in self.tables.values() for text in warnings_of(table)]
        return Page(
            title=f"AdUni: {self.plan.profile if self.plan else self.sources.root.name}",
            summary=summarise(self.runs, self.plan),
            warnings=list(dict.fromkeys(warnings)),
            tables=[content.figures_table(table) for table in self.tables.values()],
            comparisons=content.comparisons_table(comparisons),
            batches=content.batches_table(batches),
            figures=[self._drawn(methods, dataset) for dataset in methods.datasets],
            runs=content.runs_table(
                self.runs, self._rows_of_runs(), self.plan, self.sources.root, output
            ),
            problems=content.problems_of(
                self.problems, self.plan, self.states, self.sources.root, output
            ),
            downloads=[
                (file.name, f"tables/{file.name}")
                for file in sorted((self.folder / "tables").iterdir())
            ],
        )

    def _write_tables(self, differences: pd.DataFrame, batches: Mapping[str, pd.DataFrame]) -> None:
        folder = self.folder / "tables"
        folder.mkdir()
        for name, table in self.tables.items():
            (folder / f"{name}.md").write_text(markdown(table), encoding="utf-8")
            (folder / f"{name}.tex").write_text(latex(table), encoding="utf-8")
        csv_frame(list(self.tables.values())).to_csv(folder / "tables.csv", index=False)
        differences.to_csv(folder / "comparisons.csv", index=False)
        if batches:
            frames = [frame.assign(dataset=name) for name, frame in batches.items()]
            pd.concat(frames).to_csv(folder / "batches.csv", index=False)

    def _batches(self, table: Table) -> dict[str, pd.DataFrame]:
        """Of each data set's first run."""
        statistics = {}
        for dataset in table.datasets:
            run = next((run for run in self.runs if run.dataset == dataset), None)
            if run:
                statistics[dataset] = batch_statistic(
                    training_labels(run),
                    epochs=run.metrics["epochs"],
                    seed=run.seed,
                    batch_size=run.metrics["batch_size"],
                )
        return statistics

    def _drawn(self, table: Table, dataset: str) -> FigureGroup:
        rows = {
            row.label: list(table.runs.get((row.label, dataset), {}).values()) for row in table.rows
        }
        figures = [
            PageFigure(each.title, each.caption, each.png, f"figures/{each.pdf.name}")
            for each in draw(rows, dataset, self.folder / "figures")
        ]
        return FigureGroup(title_of(dataset), figures)

    def _rows_of_runs(self) -> dict[Path, str]:
        """Labels of the rows that a run is part of."""
        definitions = self.sources.definitions.values()
        rows = [row for definition in definitions for row in definition.rows]
        return {
            run.folder.path: "; ".join(row.label for row in rows if row.holds(run.config))
            for run in self.runs
        }


def _states(root: Path, plan: Plan | None) -> content.States:
    states = {}
    for run in plan.runs if plan else ():
        folder = run_folder(root, run)
        state = state_of(folder)
        states[run.id] = (state, failure_of(folder) if state == "failed" else "")
    return states


def _digest(sources: Sources, states: content.States) -> str:
    """Of all that the report shows, and of the code that makes it."""
    digest = hashlib.sha256(repr((sorted(states.items()), sources)).encode())
    for folder in find_runs(sources.root):
        for name in INPUTS:
            file: Path = getattr(folder, name)
            if file.exists():
                digest.update(str(file).encode() + b"\0")
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    for file in sorted(Path(__file__).parent.rglob("*.*")):
        if file.suffix in (".py", ".j2"):
            digest.update(file.read_bytes())
    return digest.hexdigest()
