"""Test BALMS: the meta sampler's draws, its second-order gradient and its rates."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aduni.batch import Batch
from aduni.errors import UserError
from aduni.losses.softmax import cross_entropy
from aduni.methods.balms import BALMS, MetaSampler, draw_shares
from aduni.methods.base import DataInfo

COUNTS = torch.tensor([90.0, 10.0])


class Pixels(nn.Module):
    """Encoder whose features are the first two pixels."""

    features = 2

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :2].float()


def make_method(**options: Any) -> BALMS:
    encoder: Any = Pixels()
    info = DataInfo(COUNTS, torch.full((4, 2), 1 / 2), 4)
    method = BALMS(encoder, info, **{"loss": cross_entropy, "dropout": 0.0} | options)
    nn.init.zeros_(method.classifier.linear.weight)
    nn.init.zeros_(method.classifier.linear.bias)
    return method


def make_batch(each: int) -> Batch:
    """Make a batch in mixed order: images of class 0 are (1, 0), of class 1 (0, 1)."""
    labels = torch.arange(2 * each) % 2
    views = torch.zeros(1, 2 * each, 3, 2, 2, dtype=torch.uint8)
    views.flatten(2)[0, torch.arange(2 * each), labels] = 1
    return Batch(views, labels, torch.arange(2 * each))


def gumbel(*size: int) -> Tensor:
    return -(-torch.rand(*size).log()).log()


def test_equal_rates_draw_as_plain_sampling_does():
    torch.manual_seed(0)
    drawn = MetaSampler(COUNTS, 0.01).draw(torch.zeros(2), gumbel(20_000, 2))

    assert drawn.sum(dim=1).tolist() == pytest.approx([1.0] * 20_000)
    assert drawn.mean(dim=0)[1].item() == pytest.approx(0.1, abs=0.01)


def test_a_class_is_drawn_with_its_count_times_its_rate():
    # Rates 1/10 and 9/10: 90 * 0.1 = 9 against 10 * 0.9 = 9.
    torch.manual_seed(0)
    weights = torch.tensor([math.log(1 / 9), math.log(9)])

    drawn = MetaSampler(COUNTS, 0.01).draw(weights, gumbel(20_000, 2))

    assert drawn.mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.01)


def test_draws_are_one_hot_with_the_gradient_of_the_softmax():
    torch.manual_seed(0)
    noise = gumbel(7, 2)
    weights = torch.tensor([0.3, -0.2], requires_grad=True)
    drawn = MetaSampler(COUNTS, 0.01).draw(weights, noise)
    (found,) = torch.autograd.grad(drawn[:, 1].sum(), weights)

    soft = (COUNTS.log() + weights.sigmoid().log() + noise).softmax(dim=1)
    (expected,) = torch.autograd.grad(soft[:, 1].sum(), weights)

    assert set(drawn.detach().round(decimals=6).flatten().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(found, expected)


def test_shares_count_how_often_an_image_was_drawn():
    classes = torch.tensor([[1.0, 0], [1, 0], [0, 1], [1, 0]])
    which = torch.tensor([[2, 0], [2, 1], [0, 1], [0, 0]])  # of both classes; one of them counts

    assert draw_shares(classes, which, 3).tolist() == [[0.25, 0, 0.5], [0, 0.25, 0]]


def expected_meta_loss(share: float, lr: float) -> float:
    """Return the loss after one step of size lr from zero, with this share of class 1, by hand.

    Features are unit vectors, so that a drawn image of class c moves only column c of the weights,
    and the bias. Balanced Softmax starts from the prior (0.9, 0.1).
    """
    pulls = [((1 - share) * 0.1), share * 0.9]  # share of the batch times 1 - p(label)
    bias = [lr * (pulls[0] - pulls[1]), lr * (pulls[1] - pulls[0])]
    total = 0.0
    for c in (0, 1):
        column = [lr * pulls[c] * (1 if k == c else -1) for k in (0, 1)]
        logits = [column[k] + bias[k] for k in (0, 1)]
        total += math.log(sum(math.exp(z) for z in logits)) - logits[c]
    return total / 2


def test_rates_move_to_where_the_meta_loss_is_least():
    lr = 8.0
    grid = [step / 1000 for step in range(1001)]
    best = min(grid, key=lambda share: expected_meta_loss(share, lr))
    assert 0.1 < best < 0.9  # more of the rare class than there is, and not all of it
    torch.manual_seed(0)
    method = make_method(virtual_lr=lr, meta_lr=0.05)
    batch = make_batch(200)

    shares = []
    for _ in range(250):
        method.classifier_loss(batch, 0)
        drawn = COUNTS * method.meta_sampler.rates
        shares.append((drawn / drawn.sum())[1].item())

    assert sum(shares[-50:]) / 50 == pytest.approx(best, abs=0.05)


def test_rates_move_toward_the_rare_class():
    torch.manual_seed(0)
    method = make_method()
    for _ in range(30):
        terms = method.classifier_loss(make_batch(20), 0)

    assert terms["rate_1"] > 0.55
    assert terms["rate_0"] < 0.5


def test_the_meta_gradient_is_that_of_finite_differences(monkeypatch):
    """Differentiate the soft draw, whose gradient the straight-through estimator uses."""
    torch.manual_seed(0)
    method = make_method(virtual_lr=2.0).double()
    monkeypatch.setattr(
        MetaSampler,
        "draw",
        lambda self, weights, noise: (
            self.class_counts.log() + nn.functional.logsigmoid(weights) + noise
        ).softmax(dim=1),
    )
    nn.init.normal_(method.classifier.linear.weight)
    noise, which = gumbel(6, 2).double(), torch.randint(3, (6, 2))
    batch = make_batch(6)
    pool, meta = torch.arange(6).view(3, 2).T, torch.arange(6, 12).view(3, 2).T
    features = method.encoder(batch.views[0]).double()

    def score(weights: Tensor) -> Tensor:
        shares = draw_shares(method.meta_sampler.draw(weights, noise), which, 3)
        return method._meta_loss(features, batch.labels, pool, meta, shares)

    start = torch.tensor([0.2, -0.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(score, start)


def test_rates_and_their_adam_are_restored():
    torch.manual_seed(0)
    method, restored = make_method(), make_method()
    for _ in range(3):
        method.classifier_loss(make_batch(4), 0)
    restored.load_state_dict(method.state_dict())
    for each in (method, restored):
        torch.manual_seed(1)
        each.classifier_loss(make_batch(4), 0)

    assert torch.equal(method.meta_sampler.weights, restored.meta_sampler.weights)
    assert not method.meta_sampler.weights.requires_grad  # not the trainer's to train


def test_a_batch_without_two_images_of_a_class_is_refused():
    with pytest.raises(UserError, match=r"sampler@method\.classifier_sampler=upsample"):
        make_method().classifier_loss(make_batch(1), 0)


def test_every_batch_of_the_second_stage_must_hold_two_images_of_each_class():
    assert [stage.min_per_class for stage in make_method().stages] == [0, 2]


def test_a_new_classifier_without_steps_is_refused(refusal):
    refusal(lambda: make_method(classifier_share=0.0), "method.classifier_share=0")
