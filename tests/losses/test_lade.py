"""Compare LADE's regulariser with loops over classes and images, hand numbers and its limits."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from aduni.losses.label_distribution import lade, lade_regulariser
from aduni.losses.softmax import balanced_softmax

COUNTS = [500.0, 90.0, 17.0, 6.0, 1.0]
LABELS = torch.tensor([0, 4, 2, 2, 1, 0])  # none of class 3
LOGITS = 2 * torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def counts(values: list[float] | None = None) -> Tensor:
    return torch.tensor(values or COUNTS, dtype=torch.float64)


def slow_regulariser(
    logits: list[list[float]], labels: list[int], own: list[float], quadratic: float = 0.1
) -> float:
    total, classes, images = 0.0, len(own), len(logits)
    for c in range(classes):
        prior = own[c] / sum(own)
        of_class = [row[c] for row, y in zip(logits, labels, strict=True) if y == c]
        first = sum(of_class) / len(of_class) if of_class else 0.0
        exponentials = [
            math.exp(row[c] - math.log(prior) + math.log(1 / classes)) for row in logits
        ]
        second = math.log(sum(exponentials) / images)
        total += prior * (first - second - quadratic * second**2)
    return -total


@pytest.mark.parametrize("quadratic", [0.0, 0.1, 1.0])
def test_the_regulariser_equals_the_loop_in_float64(quadratic):
    expected = slow_regulariser(LOGITS.tolist(), LABELS.tolist(), COUNTS, quadratic)

    found = lade_regulariser(LOGITS, LABELS, counts(), quadratic=quadratic)

    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_a_regulariser_worked_by_hand():
    # pi = 1/2 each, so that S is the log of the mean exponential: (3 + 1)/2 and (1 + 7)/2.
    logits = torch.tensor([[math.log(3), 0.0], [0.0, math.log(7)]])
    first = math.log(3) - math.log(2) - math.log(2) ** 2 / 10
    second = math.log(7) - math.log(4) - math.log(4) ** 2 / 10

    found = lade_regulariser(logits, torch.tensor([0, 1]), torch.tensor([5.0, 5]))

    assert found.item() == pytest.approx(-(first + second) / 2)


def test_a_class_that_the_batch_lacks_pays_for_its_logits_alone():
    logits = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(lade_regulariser(logits, LABELS, counts()), logits)

    assert (gradient[:, 3] != 0).all()
    shares = LOGITS[:, 3].softmax(dim=0)
    torch.testing.assert_close(gradient[:, 3] / gradient[:, 3].sum(), shares)


def test_the_bound_is_maximised_where_logits_are_the_log_ratio():
    """The minimum over constant logits of each class: 1 / (2 q) is where the square has its own."""
    moved = lade_regulariser(torch.zeros(8, 2), torch.tensor([0, 1] * 4), torch.tensor([5.0, 5]))
    for change in (-0.1, 0.1):
        logits = torch.full((8, 2), change)
        other = lade_regulariser(logits, torch.tensor([0, 1] * 4), torch.tensor([5.0, 5]))
        assert other > moved  # without the square all constants would be equal
        plain = lade_regulariser(
            logits, torch.tensor([0, 1] * 4), torch.tensor([5.0, 5]), quadratic=0.0
        )
        assert plain.item() == pytest.approx(0, abs=1e-6)


def test_larger_logits_of_the_true_classes_lower_it():
    right = torch.nn.functional.one_hot(LABELS, 5).double()

    values = [lade_regulariser(LOGITS + step * right, LABELS, counts()) for step in (0.0, 0.1)]

    assert values[1] < values[0]


def test_weight_0_is_balanced_softmax():
    torch.testing.assert_close(
        lade(LOGITS, LABELS, counts(), weight=0.0), balanced_softmax(LOGITS, LABELS, counts())
    )


def test_the_mean_of_the_loss_has_the_regulariser_once():
    expected = balanced_softmax(LOGITS, LABELS, counts()).mean()
    expected = expected + 0.3 * lade_regulariser(LOGITS, LABELS, counts(), quadratic=0.2)

    found = lade(LOGITS, LABELS, counts(), weight=0.3, quadratic=0.2)

    assert found.shape == (6,)
    torch.testing.assert_close(found.mean(), expected)


def test_it_passes_gradcheck():
    logits = LOGITS.clone().requires_grad_()

    assert gradcheck(lambda each: lade_regulariser(each, LABELS, counts()), (logits,))
    assert gradcheck(lambda each: lade(each, LABELS, counts(), weight=2.0), (logits,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_whose_exponentials_overflow_are_finite(dtype):
    logits = (40 * LOGITS).to(dtype).requires_grad_()  # e^12 is above float16's largest number

    found = lade_regulariser(logits, LABELS, counts().float())
    found.backward()

    assert found.dtype == torch.float32
    assert torch.equal(found, lade_regulariser(logits.float(), LABELS, counts().float()))
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_extreme_logits_keep_value_and_gradient_finite():
    for lead in (-1e4, -90.0, 90.0, 1e4):
        logits = torch.zeros(6, 5).scatter(1, LABELS[:, None], lead).requires_grad_()
        found = lade_regulariser(logits, LABELS, counts().float())
        (gradient,) = torch.autograd.grad(found, logits)
        assert found.isfinite()
        assert gradient.isfinite().all()


def test_a_class_without_training_images_has_no_term():
    without = [500.0, 90, 17, 0, 1]
    logits = LOGITS.clone().requires_grad_()
    found = lade_regulariser(logits, LABELS, counts(without))
    (gradient,) = torch.autograd.grad(found, logits)

    assert found.isfinite()
    assert (gradient[:, 3] == 0).all()
    assert lade(LOGITS, LABELS, counts(without)).isfinite().all()


def test_one_image_and_one_of_each_class_are_enough():
    for labels in ([2], [0, 1, 2, 3, 4]):
        own = torch.tensor(labels)
        expected = slow_regulariser(LOGITS[: len(labels)].tolist(), labels, COUNTS)
        found = lade_regulariser(LOGITS[: len(labels)], own, counts())
        assert found.item() == pytest.approx(expected)
