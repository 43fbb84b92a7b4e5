"""Test the stored decisions on the test part: a threshold, prediction sets, costs."""

from collections.abc import Iterator

import numpy as np

from aduni.metrics.conformal.coverage import mean_of_groups
from aduni.metrics.estimate import Estimate, with_all
from aduni.metrics.expected_cost import cheapest_decisions, expected_cost
from aduni.metrics.names import OF_SCREENING
from aduni.metrics.samples import Floats, Samples
from aduni.metrics.screening.decision_curve import SHOWN_CHANCES, decision_curve
from aduni.metrics.screening.outcome import Bools, Outcome, binary
from aduni.results.decision.decision_json import Decision, ScreeningDecision, SetDecision
from aduni.results.model_card.markdown import bullets, escaped, table, with_ends
from aduni.results.model_card.results import bootstrap_note
from aduni.results.model_card.run_data import Content

MAX_RESAMPLES = 2_000
"""Resamples of an interval: its ends repeat to about 0.003."""


def decisions(content: Content) -> Iterator[str]:
    """Yield the parts of the section on decisions; nothing if none was stored."""
    decision = content.decision
    if decision is None:
        return
    yield (
        "## Decisions\n\nThresholds of decision.json, for the probabilities as they are in "
        "predictions.csv, before calibration. They were chosen without the test part, of which "
        f"the numbers below are. {bootstrap_note(content)}"
    )
    samples = _samples(content)
    if decision.screening:
        yield _screening(decision, decision.screening, samples)
    if decision.sets:
        yield _sets(decision, decision.sets, samples)
    if decision.costs:
        yield _costs(decision, samples)


def _samples(content: Content) -> Samples:
    """Return all test images once, then in resamples of whole groups."""
    groups, members = np.unique(content.groups, return_inverse=True)
    draws = with_all(len(groups))[: 1 + MAX_RESAMPLES]
    return Samples(*content.outcomes, members.astype(np.int64), draws)


def _screening(decision: Decision, asked: ScreeningDecision, samples: Samples) -> str:
    answers = binary(samples, decision.positive)
    called = decision.answers(samples.probabilities)[1]
    outcome = Outcome(answers, called, asked.levels)
    rows = []
    for key, metric in OF_SCREENING.items():
        stated = {"sensitivity": asked.specificity, "specificity": asked.sensitivity}
        level = next((f": {v:g}" for k, v in stated.items() if key.startswith(f"{k}_at_")), "")
        rows.append([f"{metric.title}{level}", _shown(Estimate(metric.function(outcome)))])
    lines = bullets(list(_question(asked, answers)))
    metrics = table(["metric", "test"], rows)
    return f"### Question: {escaped(asked.name)}\n\n{lines}\n\n{metrics}\n\n{_benefit(outcome)}"


def _benefit(outcome: Outcome) -> str:
    """Return points of the decision curve."""
    chances = np.array(SHOWN_CHANCES)
    found, of_all = map(Estimate, decision_curve(outcome, chances))
    rows = [
        [f"{100 * chance:g} %", _shown(found, place), _shown(of_all, place)]
        for place, chance in enumerate(SHOWN_CHANCES)
    ]
    header = ["act from a chance of", "by the score", "on everybody"]
    return (
        "Net benefit (decision curve), in true positives for each person; acting on nobody is "
        f"worth 0. The score is taken as a calibrated chance.\n\n{table(header, rows)}"
    )


def _shown(found: Estimate, *place: int) -> str:
    return with_ends(float(found.value[place]), found.interval(*place))


def _question(asked: ScreeningDecision, answers: Samples) -> Iterator[str]:
    yield f"Positive classes: {', '.join(map(escaped, asked.positive_classes))}"
    if asked.threshold is None:
        yield "Threshold: none, so that no image is called positive"
    else:
        yield (
            f"Threshold: {asked.threshold:.4g}; an image is called positive if the probabilities "
            "of the positive classes sum to it or more"
        )
    yield f"Chosen for: {escaped(asked.chosen_for)}, on the {asked.part} part"
    images, positive = len(answers.labels), int(answers.labels.sum())
    share = f"{100 * positive / images:.1f} %"
    yield f"Tested on: {images} images, of which {positive} ({share}) are positive"
    stated = asked.prevalence
    prevalence = "that share" if stated is None else f"{100 * stated:.4g} %, as stated"
    yield f"Prevalence that the predictive values are for: {prevalence}"


def _sets(decision: Decision, asked: SetDecision, samples: Samples) -> str:
    sets = decision.held(samples.probabilities)
    covered = sets[np.arange(len(sets)), samples.labels].astype(np.float64)
    of_class = samples.labels[:, None] == np.arange(len(decision.class_names))
    chosen = np.column_stack([np.ones(len(sets), dtype=bool), of_class])
    numbers = [_mean(samples, each, chosen) for each in (covered, sets.sum(axis=1) * 1.0)]
    names = ["all", *map(escaped, decision.class_names)]
    rows = [
        [name, str(chosen[:, i].sum()), *(_shown(each, i) for each in numbers)]
        for i, name in enumerate(names)
    ]
    header = ["class", "tested on", "coverage", "mean size"]
    return f"### Prediction sets\n\n{bullets(list(_kind(asked)))}\n\n{table(header, rows)}"


def _costs(decision: Decision, samples: Samples) -> str:
    """Return the mean cost of the decisions, and that of one class for all images."""
    costs, probabilities = decision.cost_matrix, samples.probabilities
    one = int(costs[samples.labels].mean(axis=0).argmin())
    decided = {
        "least expected cost": cheapest_decisions(probabilities, costs),
        "most probable class": probabilities.argmax(axis=1),
        f"{escaped(decision.class_names[one])} for all images": np.full(len(samples.labels), one),
    }
    rows = [
        [name, _shown(Estimate(expected_cost(samples, each, costs)))]
        for name, each in decided.items()
    ]
    return f"### Expected cost\n\n{table(['decision', 'mean cost of an image'], rows)}"


def _mean(samples: Samples, values: Floats, chosen: Bools) -> Estimate:
    return Estimate(mean_of_groups(samples, values, chosen))


def _kind(asked: SetDecision) -> Iterator[str]:
    yield f"Level: {asked.confidence_level:g}, the chance that a set holds the true class"
    kept = "within each class (class-conditional)" if asked.class_conditional else "over all images"
    yield f"Kept: {kept}; score {asked.score}"
    if asked.guaranteed:
        yield f"Guaranteed for new groups like these: the {asked.part} part had no other use"
    else:
        yield (
            f"**No guarantee**: calibrated on the {asked.part} part, which also selected the epoch"
        )
    always = [escaped(name) for name, value in asked.thresholds.items() if value is None]
    if always:
        yield f"In every set, for lack of images to calibrate: {', '.join(always)}"
    yield "Coverage and size: every group of images counts as one, as in the calibration"
