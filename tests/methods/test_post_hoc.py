"""Test post-hoc logit adjustment: trained as CE, with the prior subtracted in predictions."""

from typing import Any

import pytest
import torch
from torch import nn

from aduni.batch import Batch
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import DataInfo
from aduni.methods.post_hoc import PostHoc
from aduni.methods.softmax import Softmax

LOGITS = torch.tensor([[2.0, 0, 0], [1, 1, 3]])
COUNTS = [8.0, 1.0, 1.0]


class Pixels(nn.Module):
    """Encoder whose features are the first three pixels."""

    features = 3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :3].float()


def make_method(kind: Any = PostHoc, counts: list[float] = COUNTS, **options: Any) -> Any:
    """Make a method whose logits, before the adjustment, are the first three pixels."""
    info = DataInfo(torch.tensor(counts), torch.full((4, 3), 1 / 3), 4)
    method = kind(Pixels(), info, loss=cross_entropy, dropout=0.0, **options)
    nn.init.eye_(method.classifier.linear.weight)
    nn.init.zeros_(method.classifier.linear.bias)
    return method


def make_batch() -> Batch:
    views = torch.zeros(1, 2, 3, 2, 2, dtype=torch.uint8)
    views.flatten(2)[0, :, :3] = LOGITS.byte()
    return Batch(views, torch.tensor([0, 1]), torch.tensor([5, 6]))


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_tau_times_the_log_of_the_prior_leaves_the_logits(tau):
    prior = torch.tensor([0.8, 0.1, 0.1])

    found = make_method(tau=tau)(make_batch().views[0])

    torch.testing.assert_close(found, LOGITS - tau * prior.log())


def test_the_loss_is_that_of_the_plain_softmax():
    losses = [make_method(kind).loss(make_batch(), 0)["loss"] for kind in (PostHoc, Softmax)]

    assert losses[0] > 0
    assert torch.equal(*losses)


def test_a_uniform_prior_adjusts_nothing_but_a_constant():
    logits = make_method(counts=[5.0, 5.0, 5.0])(make_batch().views[0])

    torch.testing.assert_close(logits.softmax(1), LOGITS.softmax(1))


def test_its_first_stage_serves_where_a_plain_one_does():
    (adjusted,), (plain,) = make_method().stages, make_method(Softmax).stages

    assert adjusted.loss_id == plain.loss_id == {"loss": "cross_entropy", "mixup": 0.0}
