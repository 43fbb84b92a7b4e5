"""Sections of the report that answer clinical questions, and the models that they are asked of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aduni.errors import UserError, did_you_mean
from aduni.reporting import clinical
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.figures.figure import Drawn, file_prefix
from aduni.reporting.page.html import PageTable
from aduni.reporting.questions import Questions
from aduni.reporting.tables.own_settings import validation_mean
from aduni.reporting.tables.table import Table, Unit, title_of
from aduni.results.finished_runs import Run
from aduni.system.plug_ins import declared_in

if TYPE_CHECKING:  # as in reporting/figures/figure.py
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ClinicalSection:
    """Tables that answer one question about the models of a data set.

    Attributes:
        build: returns the tables, none where there is nothing to show. It gets the models, the one
            that all others are compared with first.
    """

    build: Callable[[Sequence[ModelPredictions], Questions], list[PageTable]]
    position: int


@dataclass(frozen=True)
class ClinicalFigure:
    """A figure that answers one question about the models of a data set.

    Attributes:
        name: of its files, after the data set's.
        draw: gets what `ClinicalSection.build` gets; returns None where there is nothing to show.
    """

    name: str
    title: str
    caption: str
    draw: "Callable[[Sequence[ModelPredictions], Questions], Figure | None]"


def models_of(table: Table, dataset: str, labels: Sequence[str]) -> list[ModelPredictions]:
    """Return the rows of a table that are asked, over the folds and seeds that all of them have.

    Args:
        labels: of the rows; none for the table's first one and that of the others which is best on
            the validation parts.

    Raises:
        UserError: if a row is unknown, or two rows have no fold and seed in common.
    """
    runs = {row.label: table.runs.get((row.label, dataset), {}) for row in table.rows}
    for label in labels:
        if label not in runs:
            raise UserError(
                f"detailed_rows={label} is not a row{did_you_mean(label, runs)}; choose from "
                f"{', '.join(runs)}."
            )
    held = {label: units for label, units in runs.items() if units}
    chosen = [label for label in labels or _first_and_best(table, dataset, held) if label in held]
    common = set.intersection(*(set(held[label]) for label in chosen)) if chosen else set()
    return [
        ModelPredictions(label, dataset, {unit: held[label][unit] for unit in sorted(common)})
        for label in chosen
        if common
    ]


def _first_and_best(
    table: Table, dataset: str, runs: Mapping[str, Mapping[Unit, Run]]
) -> list[str]:
    """Return the label of the first row, and of the best other one that is no floor."""
    first = table.rows[0].label
    others = [label for label in runs if label != first and not table.is_floor(label, dataset)]
    best = sorted(others, key=lambda label: -validation_mean(runs[label].values()))
    return [first, *best[:1]]


def clinical_tables(
    models: Sequence[ModelPredictions], questions: Questions, prefix: str
) -> list[PageTable]:
    """Return the tables of all sections for the models of one data set.

    Args:
        models: the one that all others are compared with first.
        prefix: of the tables' ids, which are unique on a page.
    """
    sections: list[ClinicalSection] = declared_in(clinical, "SECTION")
    sections.sort(key=lambda section: section.position)
    found = [table for section in sections for table in section.build(models, questions)]
    title = title_of(models[0].dataset)
    return [
        replace(table, id=f"{prefix}-{table.id}", title=f"{table.title}, {title}")
        for table in found
    ]


def clinical_figures(
    models: Sequence[ModelPredictions], questions: Questions, folder: Path
) -> list[Drawn]:
    """Draw and write all clinical figures of one data set that have something to show."""
    from aduni.reporting.figures.style import save

    drawn, dataset = [], models[0].dataset
    for kind in declared_in(clinical, "FIGURE"):
        figure = kind.draw(models, questions)
        if figure is not None:
            svg, pdf = save(figure, folder, f"{file_prefix(dataset)}_{kind.name}")
            drawn.append(Drawn(kind.name, kind.title, kind.caption, svg, pdf, opens_page=False))
    return drawn
