"""Describe what a report is made from, and where its summary lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aduni.reporting.questions import Questions
from aduni.reporting.tables.definitions import Definition

SUMMARY = Path("tables", "summary.txt")
"""The answer and the main table, for a terminal."""

NO_FLOORS = Definition(title="Floors", rows=())


@dataclass(frozen=True)
class Sources:
    """Inputs of a report.

    Attributes:
        root: folder with run folders at any depth, and a plan.json if there is a plan.
        only: folders below the root whose runs are read; none for all.
        output: folder for index.html, tables/ and figures/.
        definitions: tables by the name of their files; with a plan the first is drawn.
        columns: metrics beside accuracy and macro F1.
        floors: rows of methods without a network, which stand beside every table.
        reference: label of the row that the others are compared with, where there is no plan;
            None for the baseline that is best on the validation parts.
        questions: clinical questions that the page answers; None for none.
    """

    root: Path
    output: Path
    definitions: Mapping[str, Definition]
    columns: Sequence[str] = ()
    floors: Definition = NO_FLOORS
    reference: str | None = None
    questions: Questions | None = None
    only: Sequence[Path] = ()

    @property
    def folders(self) -> Sequence[Path]:
        """Folders that hold the runs at any depth."""
        return self.only or [self.root]
