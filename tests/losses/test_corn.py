"""Compare CORN with loops over tasks, published numbers, hand numbers and logistic regression."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional

from aduni.losses.grades import corn, corn_log_probabilities, corn_tasks

COUNTS = torch.tensor([500.0, 90.0, 17.0, 6.0, 1.0], dtype=torch.float64)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])
LOGITS = 2 * torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def slow_batch_loss(logits: list[list[float]], labels: list[int], classes: int) -> float:
    """Shi et al. 2023: each task is trained on the images that have reached its grade."""
    total, pairs = 0.0, 0
    for task in range(classes - 1):
        for row, y in zip(logits, labels, strict=True):
            if y >= task:
                p = sigmoid(row[task])
                total -= math.log(p) if y > task else math.log(1 - p)
                pairs += 1
    return total / pairs


def slow_probabilities(row: list[float]) -> list[float]:
    """Differences of P(y > k), the products of the conditional probabilities."""
    above = [1.0]
    for value in row:
        above.append(above[-1] * sigmoid(value))
    return [one - other for one, other in zip(above, [*above[1:], 0.0], strict=True)]


def batch_loss(logits: Tensor, labels: Tensor) -> Tensor:
    tasks = corn_tasks(labels, logits.shape[1] + 1)
    return corn(logits, labels, COUNTS).sum() / tasks.sum()


def test_the_batch_loss_equals_the_loop_over_tasks():
    expected = slow_batch_loss(LOGITS.tolist(), LABELS.tolist(), 5)

    assert batch_loss(LOGITS, LABELS).item() == pytest.approx(expected, rel=1e-12)


def test_the_example_of_the_authors_library_has_its_number():
    """Docstring of coral_pytorch.losses.corn_loss: tensor(0.7127)."""
    torch.manual_seed(123)
    images = torch.rand(8, 99)
    head = torch.nn.Linear(99, 4)

    loss = batch_loss(head(images), torch.tensor([0, 1, 2, 2, 2, 3, 4, 4]))

    assert loss.item() == pytest.approx(0.7127, abs=5e-5)


def test_probabilities_equal_the_differences_of_products():
    expected = torch.tensor([*map(slow_probabilities, LOGITS.tolist())], dtype=torch.float64)

    torch.testing.assert_close(corn_log_probabilities(LOGITS).exp(), expected)


def test_a_loss_worked_by_hand():
    # Conditional probabilities 3/4 and 1/3: P = 1/4, 3/4 * 2/3 = 1/2 and 3/4 * 1/3 = 1/4.
    logits = torch.tensor([[math.log(3), math.log(1 / 2)]] * 3)
    labels = torch.arange(3)

    torch.testing.assert_close(
        corn_log_probabilities(logits)[0].exp(), torch.tensor([1 / 4, 1 / 2, 1 / 4])
    )
    torch.testing.assert_close(
        corn(logits, labels, torch.ones(3)), torch.tensor([4.0, 2.0, 4.0]).log()
    )
    assert corn_tasks(labels, 3).tolist() == [1, 2, 2]


def test_two_classes_are_logistic_regression():
    logits, labels = LOGITS[:, :1], torch.tensor([0, 1, 1, 0, 1, 0])

    own = corn(logits, labels, COUNTS[:2])

    logistic = functional.binary_cross_entropy_with_logits(
        logits.squeeze(1), labels.double(), reduction="none"
    )
    torch.testing.assert_close(own, logistic)
    torch.testing.assert_close(batch_loss(logits, labels), logistic.mean())
    as_softmax = torch.cat([torch.zeros_like(logits), logits], dim=1).log_softmax(dim=1)
    torch.testing.assert_close(corn_log_probabilities(logits), as_softmax)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 1e3])
def test_probabilities_are_probabilities_and_consistent_in_rank(scale):
    log_p = corn_log_probabilities((scale * LOGITS).float())

    assert log_p.isfinite().all()
    torch.testing.assert_close(log_p.logsumexp(dim=1), torch.zeros(6), atol=1e-5, rtol=0)
    at_least = log_p.exp().flip(1).cumsum(1).flip(1)
    assert (at_least.diff(dim=1) <= 1e-6).all()


def test_they_are_their_own_softmax():
    """The rest of the project takes the softmax of what `forward` returns."""
    log_p = corn_log_probabilities(LOGITS)

    torch.testing.assert_close(log_p.softmax(dim=1), log_p.exp())


def test_losses_pass_gradcheck():
    logits = LOGITS.clone().requires_grad_()

    assert gradcheck(lambda each: corn(each, LABELS, COUNTS), (logits,))
    assert gradcheck(corn_log_probabilities, (logits,))


def test_logits_of_tasks_that_an_image_is_not_in_have_no_gradient():
    logits = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(corn(logits, LABELS, COUNTS).sum(), logits)

    tasks = corn_tasks(LABELS, 5)
    assert torch.equal(gradient != 0, torch.arange(4) < tasks[:, None])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_give_the_float32_loss_of_the_rounded_logits(dtype):
    logits = (30 * LOGITS).to(dtype).requires_grad_()

    losses = corn(logits, LABELS, COUNTS)
    losses.sum().backward()

    assert losses.dtype == torch.float32
    assert torch.equal(losses, corn(logits.float(), LABELS, COUNTS))
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("value", [-1e4, -90.0, 90.0, 1e4])
def test_extreme_logits_keep_value_and_gradient_finite(value):
    logits = torch.full((6, 4), value, requires_grad=True)

    losses = corn(logits, LABELS, COUNTS)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)

    assert losses.isfinite().all()
    assert (losses >= 0).all()
    assert gradient.abs().max() <= 1
