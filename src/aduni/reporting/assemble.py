"""Write the tables and figures of a report into a folder, and assemble its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from aduni.reporting.answer import sentences, title
from aduni.reporting.clinical.cells import HOW_TO_READ, numbers_of
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import clinical_figures
from aduni.reporting.figures.figure import Drawn, draw, texts_in
from aduni.reporting.inputs import SUMMARY, Sources
from aduni.reporting.page import sections
from aduni.reporting.page.html import FigureGroup, Page, PageFigure, PageTable
from aduni.reporting.page.run_summary import summarise
from aduni.reporting.page.runs_table import problems_of, runs_table
from aduni.reporting.statistics.batch_composition import (
    PAPER_BATCH_SIZE,
    batch_statistic,
    training_labels,
)
from aduni.reporting.statistics.paired import compare, comparison_frame
from aduni.reporting.statistics.per_class import class_frame, class_tables
from aduni.reporting.statistics.separability import has_spread
from aduni.reporting.statistics.tuned_logit_adjustment import SUFFIX, tau_frame
from aduni.reporting.tables.comparability import warnings_about
from aduni.reporting.tables.floors import below_floor
from aduni.reporting.tables.formats import csv_frame, latex, markdown, plain_text
from aduni.reporting.tables.table import Table, title_of
from aduni.results.finished_runs import Problem, Run
from aduni.results.given_predictions.runs import PredictionTables
from aduni.results.plan import Plan, States
from aduni.system.atomic_files import write_csv, write_text
from aduni.system.fonts import boxes_warning, letters_without_glyph


@dataclass(frozen=True)
class Report:
    """A report that is being written into a folder.

    Attributes:
        detailed: rows that the clinical questions are asked of, by data set.
        details: tables that answer them.
        left_out: sentences on questions that are not answered for a data set.
    """

    sources: Sources
    plan: Plan | None
    states: States
    runs: Sequence[Run]
    problems: Sequence[Problem]
    tables: Mapping[str, Table]
    others: Sequence[str]
    given: PredictionTables | None
    detailed: Mapping[str, Sequence[ModelPredictions]]
    details: Sequence[PageTable]
    left_out: Sequence[str]
    folder: Path

    def page(self) -> Page:
        """Write tables and figures, and return what the page shows."""
        output, main = self.sources.output, self.main
        moved = self.tables.get(f"{main.name}{SUFFIX}")
        comparisons = [found for table in self.tables.values() for found in compare(table)]
        # Of a plan alone: the paper says how many images of each kind a batch holds.
        batches = self._batches(main) if self.plan else {}
        classes = class_frame(main)
        self._write_tables(
            {
                "comparisons": comparison_frame(comparisons),
                "classes": classes,
                **({"moved": tau_frame(main, moved)} if moved else {}),
                **({"batches": _stacked(batches)} if batches else {}),
                **({"details": numbers_of(self.details)} if self.details else {}),
            }
        )
        answer = [*self._below_floor, *sentences(main, comparisons)]
        text = [*answer, plain_text(main), *self._missing, ""]
        write_text("\n".join(text), self.folder / SUMMARY)
        drawn = {dataset: self._drawn(main, dataset) for dataset in main.datasets}
        titles = {table.name: table.title for table in self.tables.values()}
        return Page(
            title=title(main, self.plan.profile if self.plan else self.sources.root.name),
            answer=answer,
            headline=[_page_figure(f) for found in drawn.values() for f in found if f.opens_page],
            summary=summarise(self.runs, self.plan, self.given.forms if self.given else ""),
            warnings=self._warnings(),
            tables=[*map(sections.metrics_table, self.tables.values()), *class_tables(classes)],
            details=self.details,
            details_note=HOW_TO_READ,
            comparisons=sections.comparisons_tables(comparisons, titles),
            batches=sections.batches_table(batches),
            figures=[_figure_group(dataset, found) for dataset, found in drawn.items()],
            runs=runs_table(self.runs, self._rows_of_runs(), self.plan, self.sources.root, output),
            problems=problems_of(self.problems, self.plan, self.states, self.sources.root, output),
            downloads=[
                (file.name, f"tables/{file.name}")
                for file in sorted((self.folder / "tables").iterdir())
            ],
        )

    @property
    def main(self) -> Table:
        """Table that is compared by class and drawn."""
        return next(iter(self.tables.values()))

    @property
    def _below_floor(self) -> list[str]:
        """Sentences on rows below a floor, with which the answer begins."""
        return list(below_floor(list(self.tables.values())))

    @property
    def _missing(self) -> list[str]:
        return self.given.missing if self.given else []

    def _warnings(self) -> list[str]:
        found = [*self._missing, *self.left_out, *warnings_about(list(self.tables.values()))]
        found = [text for text in found if text not in self._below_floor]  # the answer says them
        if self.others:
            found.append(
                f"{len(self.others)} finished runs are not of this plan and left out, the first "
                f"being {self.others[0]}."
            )
        for table, labels in self._undefined_rows().items():
            found.append(
                f"Planned rows that are in no table are left out: {', '.join(labels)}; "
                f"choose their table with table@{table}=NAME."
            )
        if self.missing:
            found.append(boxes_warning(self.missing, "the figures"))
        return [*found, *filter(None, map(_fault_of_features, self.runs))]

    def _undefined_rows(self) -> dict[str, list[str]]:
        """Return labels of planned rows that the tables of this call do not have, by table."""
        planned = [row for run in self.plan.runs for row in run.rows] if self.plan else []
        lacking: dict[str, list[str]] = {}
        for table, label in dict.fromkeys(planned):
            definition = self.sources.definitions.get(table)
            if definition and label not in [row.label for row in definition.rows]:
                lacking.setdefault(table, []).append(label)
        return lacking

    @cached_property
    def missing(self) -> list[str]:
        """Letters of names in the figures that no font has."""
        texts = [texts_in(self._rows(self.main, name), name) for name in self.main.datasets]
        return letters_without_glyph(text for found in texts for text in found)

    def _write_tables(self, frames: Mapping[str, pd.DataFrame]) -> None:
        folder = self.folder / "tables"
        folder.mkdir()
        for name, table in self.tables.items():
            write_text(markdown(table), folder / f"{name}.md")
            write_text(latex(table), folder / f"{name}.tex")
        write_csv(csv_frame(list(self.tables.values())), folder / "tables.csv")
        for name, frame in frames.items():
            write_csv(frame, folder / f"{name}.csv")

    def _batches(self, table: Table) -> dict[str, pd.DataFrame]:
        """Return the batch composition of each data set's first run, also at the paper's size."""
        statistics = {}
        for dataset in table.datasets:
            trained = (run for run in self.runs if run.dataset == dataset and not run.is_floor)
            run = next(trained, None)
            if run:
                labels, epochs = training_labels(run), run.metrics["epochs"]
                frames = [
                    batch_statistic(
                        labels, epochs=epochs, seed=run.seed, batch_size=batch_size
                    ).assign(batch_size=batch_size)
                    for batch_size in dict.fromkeys((run.metrics["batch_size"], PAPER_BATCH_SIZE))
                ]
                statistics[dataset] = pd.concat(frames)
        return statistics

    def _drawn(self, table: Table, dataset: str) -> list[Drawn]:
        folder, of_paper = self.folder / "figures", self.plan is not None
        drawn = draw(self._rows(table, dataset), dataset, folder, of_paper=of_paper)
        models, asked = self.detailed.get(dataset), self.sources.questions
        return [*drawn, *clinical_figures(models, asked, folder)] if models and asked else drawn

    def _rows(self, table: Table, dataset: str) -> dict[str, list[Run]]:
        return {
            row.label: list(table.runs.get((row.label, dataset), {}).values()) for row in table.rows
        }

    def _rows_of_runs(self) -> dict[Path, str]:
        labels: dict[Path, dict[str, None]] = {run.folder.path: {} for run in self.runs}
        for table in self.tables.values():
            for (label, _), units in table.runs.items():
                for run in units.values():
                    labels[run.folder.path][label] = None
        return {path: "; ".join(of_run) for path, of_run in labels.items()}


def _stacked(batches: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame.assign(dataset=name) for name, frame in batches.items()])


def _figure_group(dataset: str, drawn: Sequence[Drawn]) -> FigureGroup:
    figures = [_page_figure(each) for each in drawn if not each.opens_page]
    return FigureGroup(title_of(dataset), figures)


def _page_figure(drawn: Drawn) -> PageFigure:
    return PageFigure(drawn.title, drawn.caption, drawn.svg, f"figures/{drawn.pdf.name}")


def _fault_of_features(run: Run) -> str:
    file, kept = run.folder.features, run.features
    if kept is None:
        return f"{file} is damaged or too large, and not shown; remove it." if file.exists() else ""
    if has_spread(kept["labels"], kept["features"]):
        return ""
    return (
        f"{file} has the same features for all images, or nearly: there is nothing that a picture "
        "could show, and it is left out."
    )
