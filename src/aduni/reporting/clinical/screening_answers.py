"""Answers of models to a screening question, each at the threshold of its validation part."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aduni.metrics.estimate import Estimate
from aduni.metrics.samples import Samples
from aduni.metrics.screening.outcome import POSITIVE, Bools, Outcome, ScreeningMetric, binary
from aduni.metrics.screening.thresholds import Level
from aduni.reporting.clinical.cells import resamples_of
from aduni.reporting.clinical.model_predictions import (
    ModelPredictions,
    SeedPredictions,
    estimate,
)
from aduni.results.decision.choose import choose_threshold, missing_for_threshold
from aduni.results.decision.questions import Screening
from aduni.results.finished_runs import Run


def missing_part(model: ModelPredictions, asked: Screening) -> str | None:
    """Return what a run's validation part lacks for a threshold; None if every run has one."""
    reasons = (missing_for_threshold(run.predictions, run.class_names, asked) for run in model.runs)
    return next((reason for reason in reasons if reason), None)


def rule_of(model: ModelPredictions, asked: Screening) -> Level | None:
    """Return the rule that decides, or None where a run has no threshold."""
    return None if missing_part(model, asked) else asked.threshold_for


def threshold_of(run: Run, asked: Screening, kind: Level) -> float | None:
    """Return the threshold that a run's validation part gives; None without one."""
    return choose_threshold(run.predictions, run.class_names, asked, kind)


def outcomes(model: ModelPredictions, asked: Screening, kind: Level | None) -> list[Outcome]:
    """Return the answers of each seed's runs; without a rule nothing is called positive."""
    positive = asked.columns_of(model.class_names)
    found = [uncalled(binary(seed.samples, positive), asked) for seed in model.seeds]
    if kind is None:
        return found
    return [
        replace(outcome, called=_called(outcome.samples, model, seed, asked, kind))
        for outcome, seed in zip(found, model.seeds, strict=True)
    ]


def uncalled(samples: Samples, asked: Screening) -> Outcome:
    """Return answers without a threshold, for metrics that take none: nothing is positive."""
    return Outcome(samples, np.zeros(len(samples.labels), dtype=bool), asked.levels)


def answered(answers: Sequence[Outcome], metric: ScreeningMetric) -> Estimate:
    """Return a metric of the answers: the mean over the seeds, in all samples."""
    most = [outcome.first(1 + resamples_of(metric)) for outcome in answers]
    return estimate(most, metric.function)


def subset(outcome: Outcome, chosen: Bools) -> Outcome:
    """Return the answers for some images only; the draws of the groups stay the same."""
    samples = outcome.samples.of_images(chosen)
    return replace(outcome, samples=samples, called=outcome.called[chosen])


def _called(
    samples: Samples,
    model: ModelPredictions,
    seed: SeedPredictions,
    asked: Screening,
    kind: Level,
) -> Bools:
    thresholds = [
        np.full(len(run.part_predictions(model.part)[1]), threshold_of(run, asked, kind))
        for run in seed.runs
    ]
    called: Bools = samples.probabilities[:, POSITIVE] >= np.concatenate(thresholds)
    return called
