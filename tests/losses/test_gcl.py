"""Compare the GCL loss with a loop, hand numbers, LDAM-like limits and its distribution."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from aduni.losses.softmax import cross_entropy, gcl

COUNTS = torch.tensor([500.0, 90.0, 17.0, 6.0, 1.0], dtype=torch.float64)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])
DRAWS = torch.Generator().manual_seed(0)
COSINES = torch.randn(6, 5, generator=DRAWS, dtype=torch.float64).sin()
NOISE = torch.randn(6, 5, generator=DRAWS, dtype=torch.float64).clamp(-1, 1)


def slow_gcl(
    row: list[float], y: int, noise: list[float], cloud: float, margin: float, scale: float
) -> float:
    """Li et al. 2022, as their released code normalises the differences of the log counts."""
    counts = COUNTS.tolist()
    differences = [math.log(max(counts)) - math.log(count) for count in counts]
    entries = []
    for c, cosine in enumerate(row):
        lowered = cosine - cloud * abs(noise[c]) * differences[c] / max(differences)
        entries.append(math.exp(scale * (lowered - (margin if c == y else 0))))
    return -math.log(entries[y] / sum(entries))


@pytest.mark.parametrize("cloud", [0.5, 1.0])
@pytest.mark.parametrize("margin", [0.0, 0.1])
@pytest.mark.parametrize("scale", [7.0, 30.0])
def test_losses_equal_the_loop_in_float64(cloud, margin, scale):
    rows = zip(COSINES.tolist(), LABELS.tolist(), NOISE.tolist(), strict=True)
    expected = [slow_gcl(row, y, e, cloud, margin, scale) for row, y, e in rows]

    losses = gcl(COSINES, LABELS, COUNTS, cloud=cloud, margin=margin, scale=scale, noise=NOISE)

    torch.testing.assert_close(losses, torch.tensor(expected, dtype=torch.float64))


def test_a_loss_worked_by_hand():
    # The rarer class is lowered by 1/2 * 1/2: 16^(1/4 - 1/4) = 1 against 16^(1/2) = 4.
    cosines = torch.tensor([[0.5, 0.25]] * 2)
    noise = torch.tensor([[1.0, -0.5]] * 2)

    losses = gcl(
        cosines, torch.tensor([0, 1]), torch.tensor([16.0, 1]), scale=4 * math.log(2), noise=noise
    )

    torch.testing.assert_close(losses, torch.tensor([math.log(5 / 4), math.log(5)]))


@pytest.mark.parametrize("own", [partial(gcl, cloud=0.0), partial(gcl, noise=torch.zeros(6, 5))])
def test_without_noise_and_margin_it_is_cosine_cross_entropy(own):
    torch.testing.assert_close(
        own(COSINES, LABELS, COUNTS), cross_entropy(30 * COSINES, LABELS, COUNTS)
    )


def test_equal_counts_have_no_noise():
    losses = gcl(COSINES, LABELS, torch.full((5,), 8.0, dtype=torch.float64))

    torch.testing.assert_close(losses, cross_entropy(30 * COSINES, LABELS, COUNTS))


def test_noise_lowers_all_cosines_but_those_of_the_most_frequent_class():
    """Weights of log-probabilities by class come from the gradient with respect to the noise."""
    noise = NOISE.clone().requires_grad_()
    loss = gcl(COSINES, LABELS, COUNTS, noise=noise, scale=3.0).sum()
    (gradient,) = torch.autograd.grad(loss, noise)

    assert (gradient[:, 0] == 0).all()
    assert (gradient[:, 1:] != 0).all()
    true = torch.nn.functional.one_hot(LABELS, 5).bool()
    # More of the true class's noise raises the loss, more of another class's lowers it.
    pulls = gradient * NOISE.sign()
    assert (pulls[true][1:] > 0).all()
    assert (pulls[~true & (torch.arange(5) > 0)] < 0).all()


def lowered(count: int = 20_000) -> Tensor:
    """Draw what is subtracted from the cosine of the rarest of two classes, by its log odds."""
    torch.manual_seed(0)
    counts = torch.tensor([100.0, 1], dtype=torch.float64)
    losses = gcl(
        torch.zeros(count, 2, dtype=torch.float64),
        torch.ones(count, dtype=torch.int64),
        counts,
        cloud=1.0,
        scale=1.0,
    )
    return losses.expm1().log()


def test_noise_is_the_absolute_of_a_clipped_normal_of_deviation_a_third():
    drawn = lowered()

    assert drawn.min() >= 0
    assert drawn.max() <= 1 + 1e-9
    # P(|e| < 1/3) = 0.683, P(|e| >= 1) = 0.0027 for a normal distribution at 1 and 3 deviations.
    assert (drawn < 1 / 3).double().mean().item() == pytest.approx(0.6827, abs=0.01)
    assert (drawn > 1 - 1e-9).double().mean().item() == pytest.approx(0.0027, abs=0.0015)


def test_every_call_draws_anew_and_seeds_decide():
    first, second = (gcl(COSINES, LABELS, COUNTS) for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    one = gcl(COSINES, LABELS, COUNTS)
    torch.manual_seed(3)
    assert torch.equal(one, gcl(COSINES, LABELS, COUNTS))


def test_losses_pass_gradcheck():
    cosines = COSINES.clone().requires_grad_()

    assert gradcheck(lambda each: gcl(each, LABELS, COUNTS, noise=NOISE, margin=0.1), (cosines,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_give_the_float32_loss_of_the_rounded_cosines(dtype):
    cosines, noise = COSINES.to(dtype), NOISE.float()

    losses = gcl(cosines, LABELS, COUNTS.float(), noise=noise)

    assert losses.dtype == torch.float32
    assert torch.equal(losses, gcl(cosines.float(), LABELS, COUNTS.float(), noise=noise))


@pytest.mark.parametrize("counts", [[500.0, 90, 17, 6, 0], [1.0] * 5, [9.0, 9, 9, 9, 1]])
def test_rare_and_missing_classes_leave_losses_and_gradients_finite(counts):
    cosines = COSINES.float().requires_grad_()

    losses = gcl(cosines, LABELS, torch.tensor(counts))
    (gradient,) = torch.autograd.grad(losses.sum(), cosines)

    assert losses.isfinite().all()
    assert gradient.isfinite().all()
