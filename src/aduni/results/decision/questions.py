"""Questions that need a decision, as conf/questions/decision.yaml states them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from aduni.data.names import ClassName
from aduni.errors import UserError, did_you_mean
from aduni.metrics.conformal.kinds import Score
from aduni.metrics.screening.levels import Levels

TAKEN = ("image", "id", "label", "predicted", "set", "least_cost", "part", "fold", "seed", "group")
"""Columns of predictions beside those of the question."""
UNNAMED = "screening"
"""Name of a question in conf/questions/decision.yaml."""
Share = Annotated[float, Field(gt=0, lt=1)]


class Screening(BaseModel, extra="forbid", frozen=True):
    """A question whose answer is positive or negative.

    Attributes:
        positive_classes: classes that count as positive; none for no question.
        name: of the question, as the page shows it.
        threshold_for: which of the two levels decides by what threshold images are called positive.
        prevalence: share of positive people where the model is to work; None for the data's.
    """

    positive_classes: tuple[ClassName, ...]
    name: Annotated[str, Field(min_length=1)]
    threshold_for: Literal["sensitivity", "specificity"]
    sensitivity: Share
    specificity: Share
    prevalence: Annotated[float, Field(ge=0, le=1)] | None

    @field_validator("name")
    @classmethod
    def _is_no_other_column(cls, name: str) -> str:
        """Refuse the name of another column of predictions, which would replace it."""
        if name in TAKEN or name.startswith(("p_", "score_")):
            raise ValueError(f"is a column of predictions; choose another name than {name}")
        return name

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.positive_classes and (self.name != UNNAMED or self.prevalence is not None):
            raise UserError(
                "screening has a name or a prevalence and no question; set "
                "screening.positive_classes, or leave these out."
            )
        return self

    @property
    def levels(self) -> Levels:
        return Levels(self.sensitivity, self.specificity, self.prevalence)

    def columns_of(self, class_names: Sequence[str]) -> list[int]:
        """Return the numbers of the positive classes; raise UserError unless each is one."""
        for name in self.positive_classes:
            if name not in class_names:
                raise UserError(
                    f"screening.positive_classes has {name}, which is not a class"
                    f"{did_you_mean(name, class_names)}; choose from {', '.join(class_names)}."
                )
            if self.positive_classes.count(name) > 1:
                raise UserError(
                    f"screening.positive_classes has {name} more than once; leave one of them."
                )
        if len(self.positive_classes) == len(class_names):
            raise UserError(
                "screening.positive_classes has all classes; leave out those that are negative."
            )
        return [class_names.index(name) for name in self.positive_classes]


class Conformal(BaseModel, extra="forbid", frozen=True):
    """Prediction sets that hold the true class with a stated probability.

    Attributes:
        confidence_level: chance that a set holds the true class; None for no sets.
        class_conditional: whether the level is kept within each class, or over all images alone.
    """

    confidence_level: Share | None
    score: Score
    class_conditional: bool


class DecisionQuestions(BaseModel, extra="forbid", frozen=True):
    """Questions whose answer is a decision about each image.

    Attributes:
        cost_matrix: CSV with the cost of each decision, by true class; None for no costs.
    """

    screening: Screening
    conformal: Conformal
    cost_matrix: Path | None

    @property
    def is_asked(self) -> bool:
        """Tell whether there is any question."""
        asked = (self.screening.positive_classes, self.conformal.confidence_level, self.cost_matrix)
        return any(asked)
