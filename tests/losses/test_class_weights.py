"""Compare class weights with loops over classes, hand numbers, scikit-learn and each other."""

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

from aduni import losses
from aduni.losses.weights import (
    effective_number_weights,
    inverse_weights,
    log_weights,
    sqrt_weights,
)

COUNTS = [6705, 1113, 514, 327, 142, 115, 1]
BETAS = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999]
ALL = (effective_number_weights, inverse_weights, sqrt_weights, log_weights)
every_kind = pytest.mark.parametrize("weigh", ALL, ids=lambda function: function.__name__)


def tensor(values: list[int] | list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def slow_effective(counts: list[int], beta: float = 0.9999) -> list[float]:
    """Compute weights from the effective number 1 + beta + ... + beta^(n-1) (Cui et al. 2019)."""
    weights = []
    for count in counts:
        number, power = 0.0, 1.0
        for _ in range(count):
            number += power
            power *= beta
        weights.append(1 / number)
    return [weight * len(counts) / sum(weights) for weight in weights]


def slow_inverse(counts: list[int]) -> list[float]:
    return [sum(counts) / len(counts) / count for count in counts]


def slow_sqrt(counts: list[int]) -> list[float]:
    """Scale 1 / sqrt(n) so that the mean over the images, one by one, is 1."""
    raw = [1 / math.sqrt(count) for count in counts]
    images = [raw[c] for c, count in enumerate(counts) for _ in range(count)]
    return [value * len(images) / sum(images) for value in raw]


def slow_log(counts: list[int]) -> list[float]:
    return [1 - math.log(count / max(counts)) for count in counts]


SLOW = dict(zip(ALL, (slow_effective, slow_inverse, slow_sqrt, slow_log), strict=True))


@every_kind
def test_weights_equal_the_loop(weigh):
    torch.testing.assert_close(
        weigh(tensor(COUNTS)), tensor(SLOW[weigh](COUNTS)), rtol=1e-9, atol=0
    )


@pytest.mark.parametrize("beta", BETAS)
def test_effective_number_weights_equal_the_loop_and_sum_to_the_classes(beta):
    weights = effective_number_weights(tensor(COUNTS), beta)

    torch.testing.assert_close(weights, tensor(slow_effective(COUNTS, beta)), rtol=1e-9, atol=0)
    assert weights.sum().item() == pytest.approx(len(COUNTS), rel=1e-12)


# Numbers 1, 1 + 1/2 and 1 + 1/2 + 1/4: weights 1, 2/3, 4/7 of sum 47/21; 3 * 21/47 = 63/47.
# Ten images of two classes; roots 1 and 3, of sum 4, so that 1 * 10/4 + 9 * (10/4)/3 = 10.
BY_HAND = {
    "effective": (
        lambda n: effective_number_weights(n, 0.5),
        [1, 2, 3],
        [63 / 47, 42 / 47, 36 / 47],
    ),
    "inverse": (inverse_weights, [1, 9], [5, 5 / 9]),
    "sqrt": (sqrt_weights, [1, 9], [2.5, 2.5 / 3]),
    "log": (log_weights, [1, 9], [1 + math.log(9), 1]),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_weights_worked_by_hand(case):
    weigh, counts, expected = BY_HAND[case]
    torch.testing.assert_close(weigh(tensor(counts)), tensor(expected))


@every_kind
def test_equal_counts_give_weights_of_one(weigh):
    torch.testing.assert_close(weigh(torch.full((7,), 23.0)), torch.ones(7))


def test_beta_0_gives_weights_of_one():
    assert torch.equal(effective_number_weights(tensor(COUNTS).float(), 0.0), torch.ones(7))


def test_beta_near_1_gives_inverse_frequencies():
    inverse = inverse_weights(tensor(COUNTS))

    weights = effective_number_weights(tensor(COUNTS), 1 - 1e-8)

    torch.testing.assert_close(weights, inverse / inverse.mean(), rtol=1e-4, atol=0)


def test_inverse_weights_are_scikit_learns_balanced_ones():
    labels = [c for c, count in enumerate(COUNTS) for _ in range(count)]
    theirs = compute_class_weight("balanced", classes=np.arange(7), y=labels)

    torch.testing.assert_close(inverse_weights(tensor(COUNTS)), torch.from_numpy(theirs))


@pytest.mark.parametrize("weigh", [inverse_weights, sqrt_weights])
def test_the_mean_over_the_images_is_1(weigh):
    assert weigh(tensor(COUNTS)) @ tensor(COUNTS) == pytest.approx(sum(COUNTS))


@every_kind
def test_a_class_without_images_weighs_nothing_and_changes_no_other(weigh):
    weights = weigh(torch.tensor([60.0, 0, 5, 0]))

    assert weights.isfinite().all()
    assert weights[[1, 3]].tolist() == [0, 0]
    assert torch.equal(weights[[0, 2]], weigh(torch.tensor([60.0, 5])))


@every_kind
def test_weights_of_float32_counts_are_float32_with_all_their_digits(weigh):
    # In float32 1 - 0.9999 is wrong in the fourth digit.
    weights = weigh(torch.tensor(COUNTS).float())

    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, torch.tensor(SLOW[weigh](COUNTS)), rtol=1e-6, atol=0)


@every_kind
def test_whole_and_half_numbers_of_images_give_float32_weights(weigh):
    expected = weigh(torch.tensor([500.0, 90, 1]))

    for kind in (torch.int64, torch.float16):
        weights = weigh(torch.tensor([500, 90, 1], dtype=kind))
        assert weights.dtype == torch.float32
        torch.testing.assert_close(weights, expected)


@every_kind
@pytest.mark.parametrize("function", ["cross_entropy", "focal", "ldam", "balanced_softmax"])
@pytest.mark.parametrize("divide_by", ["weights", "images"])
def test_a_module_with_weights_equals_the_loop(weigh, function, divide_by):
    counts, labels = [90, 9, 1], torch.tensor([0, 0, 1, 2, 0])
    scores = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).sin()
    single = getattr(losses, function)(scores, labels, torch.tensor(counts).float())
    total, divisor = 0.0, 0.0
    for loss, label in zip(single.tolist(), labels.tolist(), strict=True):
        total += SLOW[weigh](counts)[label] * loss
        divisor += SLOW[weigh](counts)[label] if divide_by == "weights" else 1

    module = losses.LogitLoss(
        getattr(losses, function), counts, class_weights=weigh, divide_by=divide_by
    )

    assert module(scores, labels).item() == pytest.approx(total / divisor, rel=1e-5)
    assert not module.state_dict()


def test_weighted_cross_entropy_is_that_of_torch():
    counts, labels = [90, 9, 1], torch.tensor([0, 0, 1, 2, 0])
    scores = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    module = losses.LogitLoss(losses.cross_entropy, counts, class_weights=inverse_weights)
    theirs = torch.nn.CrossEntropyLoss(weight=inverse_weights(torch.tensor(counts)))

    torch.testing.assert_close(module(scores, labels), theirs(scores, labels))
