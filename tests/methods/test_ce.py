"""CE: cross-entropy on one view of an image."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from aduni.batch import Batch
from aduni.methods.base import Task
from aduni.methods.ce import CE


class Pixels(nn.Module):
    """The first three pixels are the features."""

    features = 3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :3].float()


def make_method(dropout: float = 0.0) -> CE:
    """Logits are the first three pixels."""
    encoder: Any = Pixels()
    method = CE(
        encoder, Task(torch.tensor([8, 1, 1]), torch.full((4, 3), 1 / 3), 4), dropout=dropout
    )
    linear: Any = method.classifier[1]
    nn.init.eye_(linear.weight)
    nn.init.zeros_(linear.bias)
    return method


def make_batch() -> Batch:
    views = torch.zeros(1, 2, 3, 2, 2, dtype=torch.uint8)
    views.flatten(2)[0, :, :3] = torch.tensor([[2, 0, 0], [1, 1, 3]])
    return Batch(views, torch.tensor([0, 1]), torch.tensor([5, 6]))


def test_loss_is_the_mean_cross_entropy_without_prior():
    e = math.e
    first = -math.log(e**2 / (e**2 + 2))
    second = -math.log(e / (2 * e + e**3))

    terms = make_method().loss(make_batch(), 0)

    assert terms.keys() == {"loss"}
    assert terms["loss"].item() == pytest.approx((first + second) / 2)


def test_forward_gives_the_logits():
    assert make_method(dropout=0.9).eval()(make_batch().views[0]).tolist() == [[2, 0, 0], [1, 1, 3]]


def test_dropout_is_on_in_training():
    torch.manual_seed(0)
    method = make_method(dropout=0.5).train()

    # A kept feature is scaled by 2.
    assert {method(make_batch().views[0])[0, 0].item() for _ in range(40)} == {0.0, 4.0}


def test_one_stage_trains_everything_on_one_view():
    (stage,) = make_method().stages

    assert (stage.name, stage.views, stage.epochs, stage.trainable) == ("train", 1, 4, ())
