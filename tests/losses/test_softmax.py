"""Losses on class logits against loops and worked numbers."""

import math

import pytest
import torch

from aduni.losses.softmax import cross_entropy


def test_cross_entropy_worked_by_hand():
    # Entries 3 and 1: p = 3/4 and 1/4.
    logits = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]])

    loss = cross_entropy(logits, torch.tensor([0, 1]), COUNTS)

    torch.testing.assert_close(loss, torch.tensor([math.log(4 / 3), math.log(4)]))


def test_cross_entropy_equals_the_loop_and_keeps_float64():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 5, generator=generator, dtype=torch.float64)
    labels = [0, 4, 2, 2, 1, 3]
    expected = []
    for row, label in zip(logits.tolist(), labels, strict=True):
        total = sum(math.exp(z) for z in row)
        expected.append(-math.log(math.exp(row[label]) / total))

    loss = cross_entropy(logits, torch.tensor(labels))

    torch.testing.assert_close(loss, torch.tensor(expected, dtype=torch.float64))


def test_cross_entropy_pulls_by_probability_less_one_at_the_label():
    logits = torch.log(torch.tensor([[1.0, 2.0, 5.0]])).requires_grad_()

    cross_entropy(logits, torch.tensor([1])).sum().backward()

    torch.testing.assert_close(logits.grad, torch.tensor([[0.125, 0.25 - 1, 0.625]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_give_the_float32_loss(dtype):
    logits = torch.tensor([[60.0, -60.0, 59.0], [1.5, 0.25, -60.0]], dtype=dtype)
    logits.requires_grad_()
    labels = torch.tensor([1, 0])

    loss = cross_entropy(logits, labels)
    loss.sum().backward()

    assert loss.dtype == torch.float32
    assert torch.equal(loss, cross_entropy(logits.float(), labels))
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_autocast_changes_nothing():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0])

    with torch.autocast("cpu", torch.bfloat16):
        inside = cross_entropy(logits, labels)

    assert torch.equal(inside, cross_entropy(logits, labels))
