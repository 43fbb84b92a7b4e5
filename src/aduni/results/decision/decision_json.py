"""decision.json: thresholds of a run, by which new images are decided."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from aduni.errors import UserError
from aduni.metrics.conformal.kinds import Score
from aduni.metrics.conformal.prediction_sets import PredictionSets
from aduni.metrics.expected_cost import cheapest_decisions
from aduni.metrics.samples import Floats
from aduni.metrics.screening.levels import Levels
from aduni.system.atomic_files import read_json, readable, write_json

Source = Literal["validation", "calibration"]
SEPARATOR = "; "
LEAST_COST = "least_cost"
"""Column of the class with the least expected cost."""


class ScreeningDecision(BaseModel, extra="forbid", frozen=True):
    """When an image is called positive.

    Attributes:
        threshold: least sum of the probabilities of the positive classes; None if nothing is.
        chosen_for: level that the threshold was chosen for, such as `sensitivity 0.95`.
        part: part of the data that it was chosen on.
        sensitivity: level that is stated for a specificity on the test part.
        specificity: level that is stated for a sensitivity on the test part.
        prevalence: share of positive people where the model is to work; None for the data's.
    """

    name: str
    positive_classes: tuple[str, ...]
    threshold: float | None
    chosen_for: str
    part: Source
    sensitivity: float = Levels.sensitivity
    specificity: float = Levels.specificity
    prevalence: float | None = None

    @property
    def levels(self) -> Levels:
        return Levels(self.sensitivity, self.specificity, self.prevalence)


class SetDecision(BaseModel, extra="forbid", frozen=True):
    """Which classes the prediction set of an image holds.

    Attributes:
        thresholds: of the score, by class; None for a class that every set holds.
        part: part of the data that they were calibrated on.
        guaranteed: whether that part had no other use.
    """

    confidence_level: float
    score: Score
    class_conditional: bool
    thresholds: dict[str, float | None]
    part: Source
    guaranteed: bool


class Decision(BaseModel, extra="forbid", frozen=True):
    """How to decide by the probabilities of one model, as they are without a calibration.

    Attributes:
        split_hash: of the split that the model was trained on.
        epoch: of the model's weights, from 0 as in metrics.json.
        weights: digest of the weights.
        class_names: in the order of the model.
        costs: of deciding for a class, by true class and that class.
    """

    split_hash: str
    epoch: int
    weights: str
    class_names: tuple[str, ...] = Field(min_length=2)
    screening: ScreeningDecision | None
    sets: SetDecision | None
    costs: dict[str, dict[str, float]] | None = None

    def columns(self, probabilities: Floats) -> pd.DataFrame:
        """Return the decisions for (n, C) probabilities: of the question, the sets, the costs."""
        found: dict[str, Any] = {}
        if self.screening:
            scores, called = self.answers(probabilities)
            found[f"score_{self.screening.name}"] = scores
            found[self.screening.name] = np.where(called, "positive", "negative")
        if self.sets:
            found["set"] = [
                SEPARATOR.join(np.array(self.class_names)[held])
                for held in self.held(probabilities)
            ]
        if self.costs:
            decided = cheapest_decisions(probabilities, self.cost_matrix)
            found[LEAST_COST] = np.array(self.class_names)[decided]
        return pd.DataFrame(found)

    @property
    def cost_matrix(self) -> Floats:
        """(C, C) costs of deciding for the column's class where the row's is true."""
        assert self.costs is not None
        rows = [[self.costs[true][name] for name in self.class_names] for true in self.class_names]
        return np.array(rows, dtype=np.float64)

    @property
    def positive(self) -> list[int]:
        """Numbers of the positive classes."""
        assert self.screening is not None
        return [self.class_names.index(name) for name in self.screening.positive_classes]

    def answers(self, probabilities: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return (n,) scores of the question, and whether each image is called positive."""
        assert self.screening is not None
        scores = probabilities[:, self.positive].sum(axis=1)
        threshold = self.screening.threshold
        return scores, scores >= (np.inf if threshold is None else threshold)

    def held(self, probabilities: Floats) -> NDArray[np.bool_]:
        """Return (n, C) whether the set of each image holds each class."""
        assert self.sets is not None
        values = [self.sets.thresholds[name] for name in self.class_names]
        thresholds = [np.inf if value is None else value for value in values]
        asked = self.sets
        return PredictionSets(
            asked.score, asked.confidence_level, asked.class_conditional, thresholds
        ).sets(probabilities)


def write_decision(decision: Decision, file: Path) -> None:
    """Write a decision; what an earlier one of the same model says on other questions stays."""
    with suppress(UserError):  # there is none, or it is damaged
        decision = _with_earlier(decision, read_decision(file))
    write_json(decision.model_dump(mode="json"), file)


def _with_earlier(decision: Decision, earlier: Decision) -> Decision:
    same = all(
        getattr(decision, key) == getattr(earlier, key)
        for key in ("split_hash", "epoch", "weights", "class_names")
    )
    answers = ("screening", "sets", "costs") if same else ()
    missing = {key: getattr(earlier, key) for key in answers if getattr(decision, key) is None}
    return decision.model_copy(update=missing)


def read_decision(file: Path) -> Decision:
    """Read a decision; raise UserError if there is none, or if it is damaged."""
    if not file.is_file():
        raise UserError(
            f"decision={file} is missing; write it with evaluate.py ckpt=RUN, which puts it into "
            "the folder of the run."
        )
    with readable(file):
        content = read_json(file)
    try:
        return Decision.model_validate(content)
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise UserError(
            f"{file} is not a decision of a run ({key}: {error.errors()[0]['msg']}); write it "
            "again with evaluate.py."
        ) from error
