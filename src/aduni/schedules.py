"""Schedules of the loss weights alpha and beta and of the learning rate, by epoch.

The published schedules are defined for 400 epochs. A run of another length T uses, at epoch t, the
published value at epoch floor(400 * t / T), so that every run follows the same curve.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

PUBLISHED_EPOCHS = 400


class LossWeights(NamedTuple):
    """Weights of the feature term (alpha) and the class term (beta) of the AduC loss."""

    alpha: float
    beta: float = 1.0


RateSchedule = Literal["cosine", "released"]
"""Start of the learning rate's cosine: the end of the warm-up (cosine) or epoch 0 (released)."""

AlphaSchedule = Callable[[int, int], LossWeights]
"""(epoch, epochs) -> LossWeights."""


def published_epoch(epoch: int, epochs: int) -> int:
    """Return the epoch of a 400-epoch run at which the same share of the run is completed."""
    return PUBLISHED_EPOCHS * epoch // epochs


def released(
    epoch: int,
    epochs: int,
    /,
    *,
    maximum: NonNegativeFloat = 1.0,
    minimum: NonNegativeFloat = 0.01,
    decay_epochs: PositiveInt = 1000,
) -> LossWeights:
    """Apply each epoch's cosine factor to the previous epoch's alpha, as the authors' code does.

    alpha_t = min + (alpha_{t-1} - min) * (1 + cos(pi t / decay)) / 2, alpha_{-1} = max.
    The factors multiply, so that alpha falls from 1 to 0.01 within 400 epochs.
    """
    excess = maximum - minimum
    for t in range(published_epoch(epoch, epochs) + 1):
        excess *= _half_cosine(t, decay_epochs)
    return LossWeights(minimum + excess)


def cosine(
    epoch: int,
    epochs: int,
    /,
    *,
    maximum: NonNegativeFloat = 1.0,
    minimum: NonNegativeFloat = 0.01,
    decay_epochs: PositiveInt = 1000,
) -> LossWeights:
    """Evaluate equation 3 of the paper with w = (1 + cos(pi t / decay)) / 2, halved as usual."""
    share = _half_cosine(published_epoch(epoch, epochs), decay_epochs)
    return LossWeights(share * maximum + (1 - share) * minimum)


def printed(
    epoch: int,
    epochs: int,
    /,
    *,
    maximum: NonNegativeFloat = 1.0,
    minimum: NonNegativeFloat = 0.01,
    decay_epochs: PositiveInt = 1000,
) -> LossWeights:
    """Evaluate equation 3 as printed: w = 1 + cos(pi t / decay), so that alpha starts near 2."""
    share = 2 * _half_cosine(published_epoch(epoch, epochs), decay_epochs)
    return LossWeights(share * maximum + (1 - share) * minimum)


def step(
    epoch: int,
    epochs: int,
    /,
    *,
    maximum: NonNegativeFloat = 1.0,
    minimum: NonNegativeFloat = 0.01,
    decay_epoch: NonNegativeInt = 100,
) -> LossWeights:
    """Return the maximum before the decay epoch, then the minimum (the authors' `step`)."""
    return LossWeights(maximum if published_epoch(epoch, epochs) < decay_epoch else minimum)


def linear(
    epoch: int,
    epochs: int,
    /,
    *,
    maximum: NonNegativeFloat = 1.0,
    minimum: NonNegativeFloat = 0.01,
) -> LossWeights:
    """Return alpha that falls linearly from maximum to minimum, and beta = 1 - alpha.

    It is the authors' `linear`.
    """
    alpha = maximum + (minimum - maximum) * epoch / max(epochs - 1, 1)
    return LossWeights(alpha, 1 - alpha)


def constant(epoch: int, epochs: int, /, *, value: NonNegativeFloat = 0.01) -> LossWeights:
    """Return the same alpha in every epoch (the paper's table 2; PaCo)."""
    return LossWeights(value)


def learning_rate(
    epoch: int,
    epochs: int,
    /,
    *,
    start: PositiveFloat,
    end: NonNegativeFloat,
    warmup_epochs: NonNegativeInt,
    schedule: RateSchedule = "cosine",
) -> float:
    """Return the rate of a linear warm-up, then a cosine from `start` to `end` in the last epoch.

    `warmup_epochs` counts epochs of a 400-epoch run and is scaled to the length of the run.
    Released code: start * (e + 1) / 10 for the first 10 epochs, then end + (start - end) *
    (1 + cos(pi e / T)) / 2, which is already below `start` after the warm-up and would be at `end`
    in epoch T; its `end` is start / 1000.
    """
    warmup = math.floor(warmup_epochs * epochs / PUBLISHED_EPOCHS + 0.5)
    if epoch < warmup:
        return start * (epoch + 1) / warmup
    if schedule == "released":
        share = _half_cosine(epoch, epochs)
    else:
        share = _half_cosine(epoch - warmup, max(epochs - 1 - warmup, 1))
    return end + (start - end) * share


def _half_cosine(t: int, period: int) -> float:
    """Return (1 + cos(pi t / period)) / 2, which falls from 1 at t = 0 to 0 at t = period."""
    return (1 + math.cos(math.pi * t / period)) / 2
