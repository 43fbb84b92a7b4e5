"""Compare losses of class logits with loops over samples and classes, and worked examples.

The loops are written from the published formulas: a row holds the scores of C classes, n the
training images of each, and y is the row's class.
"""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from aduni.losses.grades import cost_sensitive, gaussian_smoothing
from aduni.losses.softmax import (
    balanced_softmax,
    cross_entropy,
    focal,
    ldam,
    logit_adjusted,
    vector_scaling,
)

COUNTS = torch.tensor([500.0, 90.0, 17.0, 6.0, 1.0], dtype=torch.float64)
EQUAL = torch.full((5,), 8.0, dtype=torch.float64)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])


def slow_cross_entropy(row: list[float], y: int, n: list[float]) -> float:
    return -math.log(math.exp(row[y]) / sum(math.exp(z) for z in row))


def slow_balanced_softmax(row: list[float], y: int, n: list[float]) -> float:
    """Ren et al. 2020, equation 3: the counts multiply the exponentials."""
    entries = [count * math.exp(z) for z, count in zip(row, n, strict=True)]
    return -math.log(entries[y] / sum(entries))


def slow_logit_adjusted(row: list[float], y: int, n: list[float], tau: float = 1.0) -> float:
    """Menon et al. 2021, equation 10: log(1 + sum_{c != y} (pi_c / pi_y)^tau e^{z_c - z_y})."""
    total = 1.0
    for c in range(len(row)):
        if c != y:
            prior_ratio = (n[c] / sum(n)) / (n[y] / sum(n))
            total += prior_ratio**tau * math.exp(row[c] - row[y])
    return math.log(total)


def slow_focal(row: list[float], y: int, n: list[float], gamma: float = 2.0) -> float:
    """Lin et al. 2017, equation 4, on softmax probabilities."""
    p = math.exp(row[y]) / sum(math.exp(z) for z in row)
    return -((1 - p) ** gamma) * math.log(p)


def slow_ldam(
    row: list[float], y: int, n: list[float], max_margin: float = 0.5, scale: float = 30.0
) -> float:
    """Cao et al. 2019, equations 12 and 13."""
    margin = max_margin * n[y] ** -0.25 / max(count**-0.25 for count in n)
    true = math.exp(scale * (row[y] - margin))
    return -math.log(true / (true + sum(math.exp(scale * row[c]) for c in range(5) if c != y)))


def slow_vector_scaling(
    row: list[float], y: int, n: list[float], gamma: float = 0.3, tau: float = 1.0
) -> float:
    """Kini et al. 2021: e^{Delta_c z_c + iota_c}, Delta_c = (n_c / n_max)^gamma."""
    entries = []
    for z, count in zip(row, n, strict=True):
        delta, iota = (count / max(n)) ** gamma, tau * math.log(count / sum(n))
        entries.append(math.exp(delta * z + iota))
    return -math.log(entries[y] / sum(entries))


def slow_targets(y: int, classes: int, deviation: float) -> list[float]:
    """Densities of the normal distribution around the grade, with the sum 1."""
    if deviation == 0:
        return [float(k == y) for k in range(classes)]
    raw = [math.exp(-((k - y) ** 2) / (2 * deviation**2)) for k in range(classes)]
    return [value / sum(raw) for value in raw]


def slow_gaussian_smoothing(
    row: list[float], y: int, n: list[float], deviation: float = 0.5
) -> float:
    total = sum(math.exp(z) for z in row)
    targets = slow_targets(y, len(row), deviation)
    return -sum(t * math.log(math.exp(z) / total) for t, z in zip(targets, row, strict=True))


def slow_cost_sensitive(
    row: list[float],
    y: int,
    n: list[float],
    weight: float = 10.0,
    exponent: float = 2.0,
    deviation: float = 0.0,
) -> float:
    """Galdran et al. 2020: M[i, j] = |i - j|^q over its largest entry."""
    total = sum(math.exp(z) for z in row)
    largest = max(abs(i - j) ** exponent for i in range(len(row)) for j in range(len(row)))
    cost = sum(abs(y - k) ** exponent / largest * math.exp(z) / total for k, z in enumerate(row))
    return slow_gaussian_smoothing(row, y, n, deviation) + weight * cost


SLOW: dict[Any, Any] = {
    cross_entropy: slow_cross_entropy,
    balanced_softmax: slow_balanced_softmax,
    logit_adjusted: slow_logit_adjusted,
    focal: slow_focal,
    ldam: slow_ldam,
    vector_scaling: slow_vector_scaling,
    gaussian_smoothing: slow_gaussian_smoothing,
    cost_sensitive: slow_cost_sensitive,
}
SETTINGS: list[tuple[Any, dict[str, float]]] = [
    *((loss, {}) for loss in SLOW),
    (logit_adjusted, {"tau": 1.7}),
    (focal, {"gamma": 0.5}),
    (focal, {"gamma": 3.0}),
    (ldam, {"max_margin": 0.2, "scale": 7.0}),
    (vector_scaling, {"gamma": 0.15, "tau": 0.0}),
    (gaussian_smoothing, {"deviation": 1.3}),
    (cost_sensitive, {"weight": 2.0, "exponent": 1.0, "deviation": 0.5}),
]
every_setting = pytest.mark.parametrize(
    ("loss", "options"), SETTINGS, ids=lambda v: getattr(v, "__name__", str(v))
)
half_types = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)


def random_scores(loss: Any, seed: int = 0) -> Tensor:
    """Draw (6, 5) logits, or cosines for LDAM, whose scale would overflow the exponentials."""
    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(6, 5, generator=generator, dtype=torch.float64)
    return scores.sin() if loss is ldam else scores


@every_setting
def test_losses_equal_the_loop_in_float64(loss, options):
    scores = random_scores(loss)
    rows = zip(scores.tolist(), LABELS.tolist(), strict=True)
    expected = [SLOW[loss](row, y, COUNTS.tolist(), **options) for row, y in rows]

    losses = loss(scores, LABELS, COUNTS, **options)

    assert losses.shape == (6,)
    torch.testing.assert_close(
        losses, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-12
    )


log = math.log
# In every line the scores and counts of two classes, and the losses of class 0 and class 1.
WORKED: dict[str, tuple[Any, list[float], list[float], list[float]]] = {
    # Entries 3 and 1: p = 3/4 and 1/4.
    "cross-entropy": (cross_entropy, [log(3), 0], [1, 9], [log(4 / 3), log(4)]),
    # Entries 1 * 3 and 3 * 1: p = 1/2 each.
    "balanced": (balanced_softmax, [log(3), 0], [10, 30], [log(2), log(2)]),
    # Entries 3 * (1/4)^2 = 3/16 and 1 * (3/4)^2 = 9/16: p = 1/4 and 3/4.
    "adjusted": (partial(logit_adjusted, tau=2), [log(3), 0], [10, 30], [log(4), log(4 / 3)]),
    # p = 3/4 and 1/4: factors (1/4)^2 and (3/4)^2.
    "focal": (focal, [log(3), 0], [1, 9], [log(4 / 3) / 16, log(4) * 9 / 16]),
    # Margins 1/2 and 1/4 (16^(-1/4) = 1/2). With scale 4 ln 2 an entry is 16^cosine.
    # Class 0: 16^(1/2 - 1/2) = 1 against 16^(1/4) = 2; class 1: 16^(1/4 - 1/4) = 1 against 4.
    "ldam": (partial(ldam, scale=4 * log(2)), [0.5, 0.25], [1, 16], [log(3), log(5)]),
    # Divisors 2 and 1: z = log 2 and 0; with pi = 1/5 and 4/5 entries 2/5 and 4/5.
    "vs": (
        partial(vector_scaling, gamma=0.5),
        *([log(4), 0], [1, 4], [log(3), log(3 / 2)]),
    ),
    # e^{-1 / (2 deviation^2)} = 1/3: targets 3/4 and 1/4; p = 3/4 and 1/4.
    "smoothed": (
        partial(gaussian_smoothing, deviation=(2 * log(3)) ** -0.5),
        *([log(3), 0], [1, 9]),
        [log(4 / 3) * 3 / 4 + log(4) / 4, log(4 / 3) / 4 + log(4) * 3 / 4],
    ),
    # The wrong class costs 1, with p = 1/4 and 3/4.
    "cost": (
        partial(cost_sensitive, weight=8.0),
        *([log(3), 0], [1, 9], [log(4 / 3) + 2, log(4) + 6]),
    ),
}


@pytest.mark.parametrize("case", WORKED)
def test_losses_worked_by_hand(case):
    loss, scores, counts, expected = WORKED[case]

    rows = torch.tensor([scores] * 2).float()
    losses = loss(rows, torch.tensor([0, 1]), torch.tensor(counts).float())

    torch.testing.assert_close(losses, torch.tensor(expected))


TAU_1_7 = partial(logit_adjusted, tau=1.7)
SMOOTHED = partial(gaussian_smoothing, deviation=0.7)


def uniform(logits: Tensor, labels: Tensor, class_counts: Tensor) -> Tensor:
    return -logits.log_softmax(dim=1).mean(dim=1)


SAME: dict[str, tuple[Any, Tensor, Any]] = {
    "balanced softmax, equal counts": (balanced_softmax, EQUAL, cross_entropy),
    "logit-adjusted, equal counts": (partial(logit_adjusted, tau=3.0), EQUAL, cross_entropy),
    "logit-adjusted, tau 0": (partial(logit_adjusted, tau=0.0), COUNTS, cross_entropy),
    "logit-adjusted, tau 1": (logit_adjusted, COUNTS, balanced_softmax),
    "focal, gamma 0": (partial(focal, gamma=0.0), COUNTS, cross_entropy),
    "vs, gamma 0": (partial(vector_scaling, gamma=0.0, tau=1.7), COUNTS, TAU_1_7),
    "vs, equal counts": (vector_scaling, EQUAL, cross_entropy),
    "vs, gamma and tau 0": (partial(vector_scaling, gamma=0.0, tau=0.0), COUNTS, cross_entropy),
    "smoothing, deviation 0": (partial(gaussian_smoothing, deviation=0.0), COUNTS, cross_entropy),
    "smoothing, tiny deviation": (
        partial(gaussian_smoothing, deviation=0.05),
        *(COUNTS, cross_entropy),
    ),
    "smoothing, wide": (partial(gaussian_smoothing, deviation=1e9), COUNTS, uniform),
    "cost 0": (partial(cost_sensitive, weight=0.0, deviation=0.7), COUNTS, SMOOTHED),
    "ldam, no margin": (partial(ldam, max_margin=0.0, scale=1.0), COUNTS, cross_entropy),
}


@pytest.mark.parametrize("case", SAME)
def test_limiting_cases_have_the_others_value_and_gradient(case):
    loss, counts, other_loss = SAME[case]
    scores = random_scores(loss).requires_grad_()
    results = []
    for each in (loss, other_loss):
        losses = each(scores, LABELS, counts)
        results.append((losses, *torch.autograd.grad(losses.square().sum(), scores)))

    for found, other in zip(*results, strict=True):
        torch.testing.assert_close(found, other, rtol=1e-12, atol=1e-13)


@every_setting
def test_losses_pass_gradcheck(loss, options):
    scores = random_scores(loss, seed=1).requires_grad_()

    assert gradcheck(lambda scores: loss(scores, LABELS, COUNTS, **options), (scores,))


def test_cross_entropy_pulls_by_probability_less_one_at_the_label():
    logits = torch.log(torch.tensor([[1.0, 2.0, 5.0]])).requires_grad_()

    cross_entropy(logits, torch.tensor([1]), torch.ones(3)).sum().backward()

    torch.testing.assert_close(logits.grad, torch.tensor([[0.125, 0.25 - 1, 0.625]]))


@half_types
@every_setting
def test_half_types_give_the_float32_loss_of_the_rounded_scores(loss, options, dtype):
    scores = torch.tensor([[60.0, -60.0, 59.0, 0, 0.3], [1.5, 0.25, -60, 0, 0]], dtype=dtype)
    scores.requires_grad_()
    labels = torch.tensor([1, 0])

    losses = loss(scores, labels, COUNTS.float(), **options)
    losses.sum().backward()

    assert losses.dtype == torch.float32
    assert losses.isfinite().all()
    assert torch.equal(losses, loss(scores.float(), labels, COUNTS.float(), **options))
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


@every_setting
def test_autocast_changes_nothing(loss, options):
    scores = random_scores(loss).float()

    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(scores, LABELS, COUNTS.float(), **options)

    assert torch.equal(inside, loss(scores, LABELS, COUNTS.float(), **options))


# The true class's lead over the others: p from 0 over 1 - 10^-8 and 1 - 10^-7 to exactly 1.
@pytest.mark.parametrize("lead", [-1e4, -120.0, 0.0, 16.0, 17.5, 20.0, 90.0, 1e4])
@every_setting
def test_extreme_scores_keep_value_and_gradient_finite(loss, options, lead):
    scores = torch.zeros(6, 5).scatter(1, LABELS[:, None], lead).requires_grad_()

    losses = loss(scores, LABELS, COUNTS.float(), **options)
    (gradient,) = torch.autograd.grad(losses.sum(), scores)

    assert losses.isfinite().all()
    assert (losses >= 0).all()
    assert gradient.isfinite().all()
    assert gradient.abs().max() <= 60  # the scale times two


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_a_lost_sample_is_cross_entropy_and_of_a_sure_one_nothing(gamma):
    logits = torch.tensor([[0.0, 200.0], [200.0, 0.0]], requires_grad=True)

    lost, sure = focal(logits, torch.tensor([0, 0]), torch.ones(2), gamma=gamma)
    (gradient,) = torch.autograd.grad(lost + sure, logits)

    assert (lost.item(), sure.item()) == (200.0, 0.0)
    torch.testing.assert_close(gradient, torch.tensor([[-1.0, 1.0], [0.0, 0.0]]))


@every_setting
def test_a_class_without_training_images_leaves_losses_and_gradients_finite(loss, options):
    counts = torch.tensor([500.0, 90, 17, 6, 0])
    scores = random_scores(loss).float().requires_grad_()
    if loss is ldam:
        return  # the margin n^(-1/4) of no images is infinite; no image of the class is drawn

    losses = loss(scores, torch.tensor([0, 1, 2, 2, 1, 3]), counts, **options)
    (gradient,) = torch.autograd.grad(losses.sum(), scores)

    assert losses.isfinite().all()
    assert gradient.isfinite().all()


def test_the_cdt_limit_divides_by_powers_of_the_counts_alone():
    logits = random_scores(vector_scaling)
    divisors = torch.tensor([(500 / n) ** 0.3 for n in COUNTS.tolist()], dtype=torch.float64)

    losses = vector_scaling(logits, LABELS, COUNTS, tau=0.0)

    torch.testing.assert_close(losses, cross_entropy(logits / divisors, LABELS, COUNTS))
    assert divisors.argmin() == 0  # the most frequent class is left alone


def test_expected_cost_is_of_the_distance_and_at_most_1():
    sure = torch.full((5, 5), -100.0).fill_diagonal_(100.0)  # image k is said to have grade k
    for y in range(5):
        labels = torch.full((5,), y)
        own = cost_sensitive(sure, labels, COUNTS, weight=1.0)
        cost = own - cross_entropy(sure, labels, COUNTS)
        torch.testing.assert_close(cost, torch.tensor([(k - y) ** 2 / 16 for k in range(5)]))


@pytest.mark.parametrize("deviation", [0.3, 0.5, 2.0])
def test_gaussian_targets_sum_to_1_and_peak_at_their_grade(deviation):
    """In a release of the authors' every row is centred at 0, in another the sums are not 1."""
    basis = torch.eye(5, dtype=torch.float64).requires_grad_()
    for y in range(5):
        labels = torch.full((5,), y)
        loss = gaussian_smoothing(basis, labels, COUNTS, deviation=deviation).sum()
        (gradient,) = torch.autograd.grad(loss, basis)
        targets = (basis.softmax(dim=1) - gradient)[0]
        expected = torch.tensor(slow_targets(y, 5, deviation), dtype=torch.float64)
        torch.testing.assert_close(targets, expected)
        assert targets.argmax() == y
        assert targets.sum().item() == pytest.approx(1)
