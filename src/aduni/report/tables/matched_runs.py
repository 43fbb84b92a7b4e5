"""Match runs to the rows of a table."""

from collections.abc import Sequence

from aduni.report.tables.definitions import Definition, Row
from aduni.results.finished_runs import Run
from aduni.results.plan import Plan


def matched_runs(
    name: str, definition: Definition, runs: Sequence[Run], plan: Plan | None
) -> list[tuple[str, Run]]:
    """Return pairs of row label and run: those that the plan names, or that have the row's values.

    Args:
        name: of the definition's file; planned runs refer to it.
        definition: of the table.
        runs: any.
        plan: None where the runs were not planned; a run that it does not hold goes by its values.
    """
    planned = {run.folder: run.rows for run in plan.runs} if plan else {}

    def belongs(row: Row, run: Run) -> bool:
        rows = planned.get(run.folder.path.name)
        return row.holds(run.config) if rows is None else (name, row.label) in rows

    return [(row.label, run) for row in definition.rows for run in runs if belongs(row, run)]
