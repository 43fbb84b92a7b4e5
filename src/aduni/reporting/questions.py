"""Clinical questions to predictions, as conf/questions states them."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Self

from pydantic import field_validator, model_validator

from aduni.data.names import ClassName
from aduni.errors import UserError
from aduni.metrics.group_level import Rule
from aduni.results.decision.questions import DecisionQuestions


class Questions(DecisionQuestions, extra="forbid", frozen=True):
    """Clinical questions to predictions.

    Attributes:
        detailed_rows: labels of the rows that are asked; none for the one that all are compared
            with, and the best other one on the validation parts; None to ask nothing.
        subgroups: columns of split.csv or the table, by whose values the images are told apart.
        subgroup_table: CSV with further columns of the images.
        subgroup_bands: limits between the bands of a column of numbers, by its name; None for
            none. The bands of other columns are between quartiles.
        group_level: how the images of a patient or lesion count together.
    """

    detailed_rows: tuple[str, ...] | None
    subgroups: tuple[ClassName, ...]
    subgroup_table: Path | None
    subgroup_bands: dict[ClassName, tuple[float, ...]] | None
    group_level: Rule

    @field_validator("subgroup_bands")
    @classmethod
    def _limits_increase(
        cls, bands: Mapping[str, tuple[float, ...]] | None
    ) -> Mapping[str, tuple[float, ...]] | None:
        for column, limits in (bands or {}).items():
            if not limits or any(low >= high for low, high in pairwise(limits)):
                raise ValueError(f"{column} needs one limit at least, and limits that increase")
        return bands

    @model_validator(mode="after")
    def _bands_are_of_subgroups(self) -> Self:
        columns = {column for name in self.subgroups for column in name.split("+")}
        for column in self.subgroup_bands or ():
            if column not in columns:
                raise UserError(
                    f"subgroup_bands has {column}, which is not in subgroups; add it there."
                )
        return self

    @property
    def files(self) -> list[Path]:
        """Files that the answers are computed from, beside the predictions."""
        return [file for file in (self.subgroup_table, self.cost_matrix) if file is not None]
