"""Test methods with a loss on the logits of one view, with mixup."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from aduni.batch import Batch
from aduni.losses.softmax import balanced_softmax, cross_entropy
from aduni.methods.base import DataInfo
from aduni.methods.mixing import Mixing
from aduni.methods.softmax import Softmax


class Pixels(nn.Module):
    """Encoder whose features are the first three pixels."""

    features = 3
    is_frozen = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :3].float()


def make_method(**options: Any) -> Softmax:
    """Make a method whose logits are the first three pixels."""
    encoder: Any = Pixels()
    info = DataInfo(torch.tensor([8.0, 1.0, 1.0]), torch.full((4, 3), 1 / 3), 4)
    method = Softmax(encoder, info, **{"loss": cross_entropy, "dropout": 0.0} | options)
    nn.init.eye_(method.classifier.linear.weight)
    nn.init.zeros_(method.classifier.linear.bias)
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


def test_the_loss_knows_the_class_counts():
    expected = balanced_softmax(
        torch.tensor([[2.0, 0, 0], [1, 1, 3]]), torch.tensor([0, 1]), torch.tensor([8.0, 1, 1])
    )

    terms = make_method(loss=balanced_softmax).loss(make_batch(), 0)

    torch.testing.assert_close(terms["loss"], expected.mean())


def test_mixup_mixes_images_and_losses_alike(monkeypatch):
    monkeypatch.setattr(torch, "randperm", lambda n, device: torch.arange(n).flip(0))
    monkeypatch.setattr(torch.distributions.Beta, "sample", lambda self: torch.tensor(0.25))
    images = torch.tensor([[2.0, 0, 0], [1, 1, 3]])
    mixed = 0.25 * images + 0.75 * images.flip(0)
    labels = torch.tensor([0, 1])
    expected = 0.25 * nn.functional.cross_entropy(mixed, labels)
    expected += 0.75 * nn.functional.cross_entropy(mixed, labels.flip(0))

    terms = make_method(mixing=Mixing("mixup")).loss(make_batch(), 0)

    torch.testing.assert_close(terms["loss"], expected)


def test_mixing_factors_follow_the_beta_distribution(monkeypatch):
    seen = []

    class Beta:
        def __init__(self, *parameters):
            seen.append(parameters)

        def sample(self):
            return torch.tensor(1.0)

    monkeypatch.setattr(torch.distributions, "Beta", Beta)
    loss = make_method(mixing=Mixing("mixup", a=0.4)).loss(make_batch(), 0)["loss"]

    assert seen == [(0.4, 0.4)]
    torch.testing.assert_close(loss, make_method().loss(make_batch(), 0)["loss"])
