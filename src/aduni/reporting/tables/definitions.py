"""Definitions of tables: rows, the overrides that define them, and the paper's values."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

from omegaconf import OmegaConf
from pydantic import BaseModel, model_validator

from aduni.errors import UserError, did_you_mean
from aduni.results.metrics_json import value_at

PaperFigure = tuple[float, float]
"""Mean and standard deviation over the paper's five folds."""


class Row(BaseModel, extra="forbid", frozen=True):
    """The definition of a row.

    Attributes:
        block: rows of one block compete with each other; empty where there is one block only.
        after: name of the row whose run is the first stage of this row's.
    """

    name: str
    overrides: tuple[str, ...]
    block: str = ""
    after: str | None = None
    paper: dict[str, dict[str, PaperFigure]] = {}

    @property
    def label(self) -> str:
        """Name of the row, unique in its table."""
        return f"{self.block}, {self.name}" if self.block else self.name

    @cached_property
    def values(self) -> dict[str, Any]:
        """Overrides by key."""
        pairs = (override.split("=", 1) for override in self.overrides)
        return {key: OmegaConf.from_dotlist([f"value={text}"]).value for key, text in pairs}

    def holds(self, config: dict[str, Any]) -> bool:
        """Return whether a run's config.yaml has the row's values; groups count by their names."""
        names = config["names"]
        return all(
            (names[key] if key in names else value_at(config, key)) == value
            for key, value in self.values.items()
        )


class Definition(BaseModel, extra="forbid", frozen=True):
    """Definition of a table; `pairs` of rows are compared besides each row with the first."""

    title: str
    rows: tuple[Row, ...]
    pairs: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _pairs_name_rows(self) -> Self:
        known = [row.label for row in self.rows]
        for label in (label for pair in self.pairs for label in pair):
            if label not in known:
                raise UserError(
                    f"{self.title} has no row {label}{did_you_mean(label, known)}, which its pairs "
                    "name."
                )
        return self

    def only(self, labels: Sequence[str]) -> "Definition":
        """Return the definition with the rows of these labels only, in the table's order."""
        return self.with_rows([row for row in self.rows if row.label in labels])

    def with_rows(self, rows: Sequence[Row]) -> "Definition":
        """Return the definition with these rows only, and the pairs among them."""
        labels = {row.label for row in rows}
        pairs = tuple(pair for pair in self.pairs if labels.issuperset(pair))
        return self.model_copy(update={"rows": tuple(rows), "pairs": pairs})
