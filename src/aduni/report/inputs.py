"""The inputs of a report: runs, plan, and what to show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aduni.report.tables.definitions import Definition
from aduni.results.plan import Plan, State, failure_of, run_folder, state_of

States = Mapping[str, tuple[State, str]]
"""State of each planned run, and why it failed, by its id."""


@dataclass(frozen=True)
class Sources:
    """The inputs of a report.

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


def states_of(root: Path, plan: Plan | None) -> States:
    """Return the states of all planned runs."""
    states = {}
    for run in plan.runs if plan else ():
        folder = run_folder(root, run)
        state = state_of(folder)
        states[run.id] = (state, failure_of(folder) if state == "failed" else "")
    return states
