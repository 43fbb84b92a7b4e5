"""Temperature and bias against grids, exact posteriors and the conditions of an optimum."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from aduni.metrics.calibration import Calibration, fit_calibration

PRIOR = np.array([0.7, 0.2, 0.1])
MEANS = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])


def drawn(prior, count, seed=0):
    """Labels, and points of Gaussians around each class's mean."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(prior), size=count, p=prior)
    return labels, MEANS[labels] + rng.normal(size=(count, 2))


def posterior(points, prior):
    """What Bayes' rule gives."""
    logs = -0.5 * ((points[:, None] - MEANS) ** 2).sum(axis=2) + np.log(prior)
    return softmax(logs, axis=1)


@pytest.mark.parametrize("sharpness", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_what_sharpens(sharpness):
    labels, points = drawn(PRIOR, 20_000)
    model = softmax(sharpness * np.log(posterior(points, PRIOR)), axis=1)

    found = fit_calibration(labels, model)

    assert found.temperature == pytest.approx(sharpness, rel=0.03)
    assert np.abs(found.probabilities(model) - posterior(points, PRIOR)).max() < 0.02


def targets(labels, classes):
    """Platt's: an image in n + 2 is of another class."""
    n = len(labels)
    rows = [[(n + 1) / (n + 2) if c == label else None for c in range(classes)] for label in labels]
    other = 1 / (n + 2) / (classes - 1)
    return np.array([[other if value is None else value for value in row] for row in rows])


def test_no_temperature_of_a_grid_is_better():
    labels, points = drawn(PRIOR, 300)
    model = posterior(points * 3, PRIOR)
    grid = np.geomspace(0.05, 20, 4001)
    truth = targets(labels, 3)
    losses = [-(truth * log_softmax(np.log(model) / t, axis=1)).sum() for t in grid]

    assert fit_calibration(labels, model).temperature == pytest.approx(
        grid[np.argmin(losses)], rel=0.003
    )


def test_the_predicted_classes_stay():
    labels, points = drawn(PRIOR, 500)
    model = posterior(points * 2, PRIOR)

    calibrated = fit_calibration(labels, model).probabilities(model)

    assert (calibrated.argmax(axis=1) == model.argmax(axis=1)).all()
    assert calibrated.sum(axis=1) == pytest.approx(np.ones(500))


def test_the_mean_probabilities_are_the_classes_shares():
    """Where the gradient by the bias vanishes."""
    labels, points = drawn(PRIOR, 2_000)
    model = posterior(points, np.full(3, 1 / 3))
    found = fit_calibration(labels, model)

    held = found.under(model, np.array(found.frequency)).mean(axis=0)

    assert held == pytest.approx(targets(labels, 3).mean(axis=0), abs=1e-6)
    assert found.frequency == pytest.approx(np.bincount(labels) / len(labels))


@pytest.mark.parametrize("trained", [PRIOR, np.full(3, 1 / 3)])
def test_other_frequencies_give_the_posterior_under_them(trained):
    """Whatever prior the model has learned: the bias finds it."""
    labels, points = drawn(PRIOR, 50_000)
    found = fit_calibration(labels, posterior(points, trained))
    wanted = np.array([0.1, 0.3, 0.6])
    _, others = drawn(wanted, 2_000, seed=1)

    corrected = found.under(posterior(others, trained), wanted)

    assert np.abs(corrected - posterior(others, wanted)).max() < 0.03


def test_a_class_that_does_not_occur_gets_no_probability():
    unchanged = Calibration(1.0, 1.0, bias=[0.0, 0.0], frequency=[0.5, 0.5])

    assert unchanged.under(np.array([[0.3, 0.7]]), np.array([1.0, 0.0])).tolist() == [[1.0, 0.0]]


def test_a_part_without_mistakes_and_without_a_class_stays_finite():
    model = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = fit_calibration(np.array([0, 1]), model)

    assert np.isfinite([found.temperature, *found.bias]).all()
    assert np.isfinite(found.probabilities(model)).all()


@pytest.mark.parametrize("count", [28, 280])
def test_a_part_without_mistakes_makes_nothing_certain(count):
    """As sure as one mistake in n + 2 images allows, not more."""
    labels = np.arange(count) % 4
    model = np.full((count, 4), 0.05)
    model[np.arange(count), labels] = 0.85

    calibrated = fit_calibration(labels, model).probabilities(model)

    assert calibrated.max(axis=1) == pytest.approx((count + 1) / (count + 2), abs=1e-6)
