"""Levels of a screening programme, without what computes metrics: settings import this."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Levels:
    """Numbers that a screening programme states.

    Attributes:
        sensitivity: least share of the positive images that are to be found.
        specificity: least share of the negative images that are to be left in peace.
        prevalence: share of positive people where the model is to work; None for that of the data.
    """

    sensitivity: float = 0.95
    specificity: float = 0.95
    prevalence: float | None = None
