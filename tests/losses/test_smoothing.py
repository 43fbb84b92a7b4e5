"""Compare the smoothed cross-entropies with loops, torch's own and worked examples."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional

from aduni.losses.smoothing import class_smoothing, label_aware_smoothing, label_smoothing
from aduni.losses.softmax import cross_entropy

COUNTS = torch.tensor([500.0, 90.0, 17.0, 6.0, 1.0], dtype=torch.float64)
EQUAL = torch.full((5,), 8.0, dtype=torch.float64)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])


def logits(seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(6, 5, generator=generator, dtype=dtype)


def slow_smoothing(count: float, counts: list[float], head: float, tail: float) -> float:
    """Zhong et al. 2021: a quarter of a sine wave from the rarest class to the most frequent."""
    angle = (count - min(counts)) * math.pi / (2 * (max(counts) - min(counts)))
    return tail + (head - tail) * math.sin(angle)


def slow_loss(row: list[float], y: int, smoothing: float) -> float:
    """Return the cross-entropy with the targets 1 - e + e / C and e / C."""
    total = sum(math.exp(z) for z in row)
    loss = 0.0
    for c, z in enumerate(row):
        target = smoothing / len(row) + (1 - smoothing if c == y else 0)
        loss -= target * math.log(math.exp(z) / total)
    return loss


@pytest.mark.parametrize(("head", "tail"), [(0.3, 0.0), (0.4, 0.1), (0.0, 0.2), (1.0, 0.0)])
def test_label_aware_smoothing_equals_the_loop(head, tail):
    rows, counts = logits(), COUNTS.tolist()
    expected = [
        slow_loss(row, y, slow_smoothing(counts[y], counts, head, tail))
        for row, y in zip(rows.tolist(), LABELS.tolist(), strict=True)
    ]

    losses = label_aware_smoothing(rows, LABELS, COUNTS, head=head, tail=tail)

    torch.testing.assert_close(losses, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 0.98, 1.0])
def test_label_smoothing_is_that_of_torch_and_of_the_loop(smoothing):
    rows = logits()
    expected = functional.cross_entropy(rows, LABELS, label_smoothing=smoothing, reduction="none")
    by_hand = [slow_loss(r, y, smoothing) for r, y in zip(rows.tolist(), LABELS, strict=True)]

    losses = label_smoothing(rows, LABELS, COUNTS, smoothing=smoothing)

    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(losses, torch.tensor(by_hand, dtype=torch.float64))


def test_smoothing_worked_by_hand():
    # A third of the way from the rarest class to the most frequent: sin 30 degrees = 1/2.
    counts = torch.tensor([10.0, 4.0, 1.0], dtype=torch.float64)

    found = class_smoothing(counts, head=0.3, tail=0.1)

    assert found.tolist() == pytest.approx([0.3, 0.2, 0.1])


def test_the_loss_worked_by_hand():
    # Probabilities 1/2, 1/4, 1/4. The head class, e = 0.3: 0.7 log 2 + 0.3 (5/3) log 2; the rarest
    # class has plain cross-entropy, log 4.
    row = torch.log(torch.tensor([[2.0, 1.0, 1.0]] * 2, dtype=torch.float64))
    counts = torch.tensor([10.0, 4.0, 1.0], dtype=torch.float64)

    losses = label_aware_smoothing(row, torch.tensor([0, 2]), counts)

    assert losses.tolist() == pytest.approx([1.2 * math.log(2), math.log(4)])


def test_over_smoothing_of_five_classes_leaves_a_margin_of_a_fiftieth():
    # Equal logits but one: the gradient is p - target, so the targets are 1/5 - gradient.
    rows = torch.zeros(1, 5, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(label_smoothing(rows, LABELS[:1], COUNTS).sum(), rows)

    assert (0.2 - gradient).tolist()[0] == pytest.approx([0.216, *[0.196] * 4])


def test_equal_counts_give_label_smoothing_of_the_head():
    found = label_aware_smoothing(logits(), LABELS, EQUAL, head=0.3, tail=0.1)

    torch.testing.assert_close(found, label_smoothing(logits(), LABELS, EQUAL, smoothing=0.3))


def test_without_smoothing_it_is_cross_entropy():
    found = label_aware_smoothing(logits(), LABELS, COUNTS, head=0.0, tail=0.0)

    torch.testing.assert_close(found, cross_entropy(logits(), LABELS, COUNTS))


@pytest.mark.parametrize("counts", [COUNTS, EQUAL], ids=["imbalanced", "equal"])
def test_gradcheck(counts):
    leaf = logits().requires_grad_()
    assert gradcheck(lambda z: label_aware_smoothing(z, LABELS, counts), leaf)
    assert gradcheck(lambda z: label_smoothing(z, LABELS, counts), leaf)


def test_the_gradient_is_finite_at_equal_counts_that_ask_for_one():
    counts = EQUAL.clone().requires_grad_()
    class_smoothing(counts, 0.3, 0.0).sum().backward()
    assert counts.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("loss", [label_smoothing, label_aware_smoothing])
def test_half_types_give_float32_losses_of_the_rounded_logits(loss, dtype):
    rows = (20 * logits(dtype=torch.float32)).to(dtype)
    counts = COUNTS.float()

    found = loss(rows, LABELS, counts)

    assert found.dtype == torch.float32
    assert found.isfinite().all()
    torch.testing.assert_close(found, loss(rows.float(), LABELS, counts))
