"""Build the whole report of a folder of runs: tables, figures and page."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from aduni.errors import UserError
from aduni.reporting.assemble import Report
from aduni.reporting.clinical.image_subgroups import answerable
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.clinical.section import clinical_tables, models_of
from aduni.reporting.inputs import Sources
from aduni.reporting.page.html import PageTable, render
from aduni.reporting.questions import Questions
from aduni.reporting.statistics.tuned_logit_adjustment import adjusted_table
from aduni.reporting.tables.build_table import build_table
from aduni.reporting.tables.definitions import Row
from aduni.reporting.tables.floors import with_floors
from aduni.reporting.tables.own_settings import own_table
from aduni.reporting.tables.table import Table
from aduni.results.finished_runs import Problem, Run, read_runs
from aduni.results.given_predictions.runs import PredictionTables, read_prediction_tables
from aduni.results.kept_runs import read_found_plan
from aduni.results.plan import Plan, States, run_folder, states_of
from aduni.system.atomic_files import write_text
from aduni.system.atomic_folder import INDEX, STAMP, atomic_folder
from aduni.system.fonts import boxes_warning


def build_report(sources: Sources, stamp: str) -> Path:
    """Write the report and return its page; `stamp`, by which later calls know it, comes last.

    If the output cannot be written, the previous report stays whole.
    """
    plan = read_found_plan(sources.root)
    found, problems = read_runs(*sources.folders)
    if not plan:
        _refuse_without_runs(sources.folders, found, problems)
    return _write(sources, plan, found, problems, stamp)


def _refuse_without_runs(
    folders: Sequence[Path], found: Sequence[Run], problems: Sequence[Problem]
) -> None:
    """Raise UserError for a folder without a finished run, or if no run is sound."""
    finished = [run.folder.path.resolve() for run in found]
    finished += [problem.folder.resolve() for problem in problems]
    for folder in folders:
        if not any(path.is_relative_to(folder.resolve()) for path in finished):
            raise UserError(f"runs={folder} holds no finished run; give a folder that does.")
    if not found:
        raise UserError(
            f"No run of runs={', '.join(map(str, folders))} is sound: {problems[0].reason}"
        )


def report_predictions(
    tables: Mapping[Path, pd.DataFrame] | Sequence[Path],
    output: Path,
    *,
    dataset: str = "predictions",
    ordinal: bool = False,
    columns: Sequence[str] = (),
    reference: str | None = None,
    questions: Questions | None = None,
) -> Path:
    """Write the report of tables of predictions that any program made, and return its page.

    Args:
        tables: as `read_prediction_tables` reads them.
        output: folder for index.html, tables/ and figures/.
        dataset: name of the data set on the page.
        ordinal: whether the classes are grades, in the order of their columns.
        columns: metrics beside accuracy and macro F1.
        reference: model that the others are compared with; None for the one that is best on the
            validation parts.
        questions: clinical questions that the page answers; None for none.

    Raises:
        UserError: if a table cannot be understood, or models were tested on different images.
    """
    given = read_prediction_tables(tables, dataset, ordinal=ordinal)
    sources = Sources(output, output, {}, columns, reference=reference, questions=questions)
    return _write(sources, None, given.runs, [], None, given)


def _write(
    sources: Sources,
    plan: Plan | None,
    found: Sequence[Run],
    problems: Sequence[Problem],
    stamp: str | None,
    given: PredictionTables | None = None,
) -> Path:
    """Write the report of runs; `stamp` None is for one that is made anew every time."""
    planned = plan.runs if plan else ()  # other folders are of earlier settings
    folders = {run_folder(sources.root, run).path.resolve() for run in planned}
    runs = [run for run in found if plan is None or run.folder.path.resolve() in folders]
    states = states_of(sources.root, plan) if plan else {}
    with_all_floors = [
        with_floors(table, sources.floors, runs, plan)
        for table in _tables(sources, runs, plan, states)
    ]
    pairs = [(table, adjusted_table(table)) for table in with_all_floors]
    filled = [each for pair in pairs for each in pair if plan or each.runs]
    tables = {each.name: each for each in filled or with_all_floors[:1]}
    detailed, details, left_out = _details(next(iter(tables.values())), sources.questions)
    with atomic_folder(sources.output) as folder:
        others = [run.folder.path.name for run in found if run not in runs]
        shown = (sources, plan, states, runs, problems, tables, others, given)
        made = Report(*shown, detailed, details, left_out, folder)
        write_text(render(made.page()), folder / INDEX)
        if made.missing:
            print(boxes_warning(made.missing, "the figures"), file=sys.stderr)
        elif stamp:  # a later call may find the fonts that lack now
            write_text(stamp, folder / STAMP)
    return sources.output / INDEX


def _details(
    table: Table, questions: Questions | None
) -> tuple[dict[str, list[ModelPredictions]], list[PageTable], list[str]]:
    """Return the rows that the clinical questions are asked of, by data set, and the answers.

    Also returns a sentence on each question that is left out.
    """
    if questions is None or questions.detailed_rows is None:
        return {}, [], []
    found = {name: models_of(table, name, questions.detailed_rows) for name in table.datasets}
    detailed = {name: models for name, models in found.items() if models}
    asked, left_out = answerable(detailed, questions)
    details: list[PageTable] = []
    for number, (dataset, models) in enumerate(detailed.items(), start=1):
        details += clinical_tables(models, asked[dataset], f"details-{number}")
    return detailed, details, left_out


def _tables(
    sources: Sources, runs: Sequence[Run], plan: Plan | None, states: States
) -> Iterator[Table]:
    """Yield the tables, the main one first: it is compared by class, and drawn.

    With a plan they are the paper's, with the rows that are planned. Without one the first has a
    row for each setting, and those of the paper follow of which two rows were run.
    """
    if plan is None:
        yield own_table(runs, sources.columns, sources.reference)
    for number, (name, definition) in enumerate(sources.definitions.items()):
        rows = [row for row in definition.rows if _is_shown(name, row, runs, plan)]
        published = len(rows) > 1 and any(row.paper for row in rows)
        if (number == 0 or rows) if plan else published:
            yield build_table(
                name,
                definition.with_rows(rows),
                runs,
                plan=plan,
                states=states,
                columns=sources.columns,
            )


def _is_shown(name: str, row: Row, runs: Sequence[Run], plan: Plan | None) -> bool:
    if plan:
        return any((name, row.label) in run.rows for run in plan.runs)
    return any(row.holds(run.config) for run in runs)
