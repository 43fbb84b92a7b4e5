"""Clinical questions to predictions, as conf/questions states them."""

from pathlib import Path

from pydantic import BaseModel

from aduni.data.names import ClassName
from aduni.metrics.group_level import Rule
from aduni.results.decision.questions import Conformal, Screening


class Questions(BaseModel, extra="forbid", frozen=True):
    """Clinical questions to predictions.

    Attributes:
        detailed_rows: labels of the rows that are asked; none for the one that all are compared
            with, and the best other one on the validation parts; None to ask nothing.
        subgroups: columns of split.csv or the table, by whose values the images are told apart.
        subgroup_table: CSV with further columns of the images.
        cost_matrix: CSV with the cost of each decision, by true class.
        group_level: how the images of a patient or lesion count together.
    """

    detailed_rows: tuple[str, ...] | None
    screening: Screening
    conformal: Conformal
    subgroups: tuple[ClassName, ...]
    subgroup_table: Path | None
    cost_matrix: Path | None
    group_level: Rule

    @property
    def files(self) -> list[Path]:
        """Files that the answers are computed from, beside the predictions."""
        return [file for file in (self.subgroup_table, self.cost_matrix) if file is not None]
