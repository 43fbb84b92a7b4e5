"""Test the margins of LDAM and the effective numbers of the class-balanced loss."""

import math

import pytest
import torch
from torch import Tensor

from aduni.losses.softmax import effective_number_weights, ldam

COUNTS = [6705, 1113, 514, 327, 142, 115, 1]
BETAS = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999]


def margins(counts: list[int], max_margin: float) -> Tensor:
    """Derive the margins from losses: equal cosines at scale 1 give log(1 + (C - 1) e^margin)."""
    classes = len(counts)
    cosines = torch.zeros(classes, classes, dtype=torch.float64)
    losses = ldam(
        cosines,
        torch.arange(classes),
        torch.tensor(counts, dtype=torch.float64),
        max_margin=max_margin,
        scale=1.0,
    )
    return torch.log(torch.expm1(losses) / (classes - 1))


@pytest.mark.parametrize("counts", [COUNTS, [81, 16], [3, 5, 5]], ids=str)
@pytest.mark.parametrize("max_margin", [0.5, 0.1])
def test_margins_are_the_counts_fourth_root_and_the_rarest_class_has_the_largest(
    counts, max_margin
):
    found = margins(counts, max_margin)

    assert found[counts.index(min(counts))].item() == pytest.approx(max_margin, rel=1e-12)
    assert found.max().item() == pytest.approx(max_margin, rel=1e-12)
    for i, one in enumerate(counts):
        for j, other in enumerate(counts):
            ratio = math.sqrt(math.sqrt(other / one))
            assert (found[i] / found[j]).item() == pytest.approx(ratio, rel=1e-12)


def test_margins_worked_by_hand():
    # 81^(1/4) = 3 and 16^(1/4) = 2: margins 1/3 : 1/2 : 1 of 0.6.
    expected = torch.tensor([0.2, 0.3, 0.6], dtype=torch.float64)

    torch.testing.assert_close(margins([81, 16, 1], 0.6), expected)


def test_a_margin_is_subtracted_from_the_true_class_alone():
    cosines = torch.tensor([[0.3, -0.2, 0.7]], dtype=torch.float64, requires_grad=True)
    counts = torch.tensor([1.0, 16, 81], dtype=torch.float64)
    moved = torch.tensor([[0.3, -0.45, 0.7]], dtype=torch.float64)  # 1/4 less

    loss = ldam(cosines, torch.tensor([1]), counts)
    (gradient,) = torch.autograd.grad(loss.sum(), cosines)

    torch.testing.assert_close(loss, -torch.log_softmax(30 * moved, 1)[:, 1])
    p = torch.softmax(30 * moved, 1)
    torch.testing.assert_close(gradient, 30 * (p - torch.tensor([[0.0, 1, 0]])))


def slow_weights(counts: list[int], beta: float) -> list[float]:
    """Compute weights from the effective number 1 + beta + ... + beta^(n-1) (Cui et al. 2019)."""
    weights = []
    for count in counts:
        number, power = 0.0, 1.0
        for _ in range(count):
            number += power
            power *= beta
        weights.append(1 / number)
    return [weight * len(counts) / sum(weights) for weight in weights]


@pytest.mark.parametrize("beta", BETAS)
def test_effective_number_weights_equal_the_loop_and_sum_to_the_classes(beta):
    weights = effective_number_weights(torch.tensor(COUNTS, dtype=torch.float64), beta)

    expected = torch.tensor(slow_weights(COUNTS, beta), dtype=torch.float64)
    torch.testing.assert_close(weights, expected, rtol=1e-9, atol=0)
    assert weights.sum().item() == pytest.approx(len(COUNTS), rel=1e-12)


def test_effective_number_weights_worked_by_hand():
    # Numbers 1, 1 + 1/2 and 1 + 1/2 + 1/4: weights 1, 2/3, 4/7 of sum 47/21; 3 * 21/47 = 63/47.
    expected = torch.tensor([63 / 47, 42 / 47, 36 / 47])

    torch.testing.assert_close(effective_number_weights(torch.tensor([1.0, 2, 3]), 0.5), expected)


@pytest.mark.parametrize("beta", BETAS)
def test_equal_counts_give_weights_of_one(beta):
    weights = effective_number_weights(torch.full((7,), 23.0), beta)

    torch.testing.assert_close(weights, torch.ones(7))


def test_beta_0_gives_weights_of_one():
    assert torch.equal(effective_number_weights(torch.tensor(COUNTS).float(), 0.0), torch.ones(7))


def test_beta_near_1_gives_inverse_frequencies():
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    inverse = 7 / counts / (1 / counts).sum()

    weights = effective_number_weights(counts, 1 - 1e-8)

    torch.testing.assert_close(weights, inverse, rtol=1e-4, atol=0)


def test_weights_of_float32_counts_are_float32_with_all_their_digits():
    # In float32 1 - 0.9999 is wrong in the fourth digit.
    weights = effective_number_weights(torch.tensor(COUNTS).float(), 0.9999)

    assert weights.dtype == torch.float32
    torch.testing.assert_close(
        weights, torch.tensor(slow_weights(COUNTS, 0.9999)), rtol=1e-6, atol=0
    )


def test_whole_numbers_of_images_give_fractional_weights():
    counts = torch.tensor([500, 90, 1])

    weights = effective_number_weights(counts, 0.9999)

    torch.testing.assert_close(weights, effective_number_weights(counts.float(), 0.9999))
    assert (weights > 0).all()
