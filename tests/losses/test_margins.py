"""Test the margins of LDAM."""

import math

import pytest
import torch
from torch import Tensor

from aduni.losses.softmax import ldam

COUNTS = [6705, 1113, 514, 327, 142, 115, 1]


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
