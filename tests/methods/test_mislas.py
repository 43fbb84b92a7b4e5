"""Test MiSLAS's second stage: its loss, what learns at which rate, and the moving statistics."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aduni.batch import Batch
from aduni.losses.smoothing import label_aware_smoothing
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import DataInfo
from aduni.methods.mislas import MiSLAS
from aduni.methods.mixing import Mixing
from aduni.methods.softmax import Softmax
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from aduni.training.optimizers import sgd
from tiny_encoder import TinyEncoder

COUNTS = torch.tensor([9.0, 4.0, 1.0])


class Normed(nn.Module):
    """Encoder of six pixels with a batch norm and dropout."""

    features = 6
    is_frozen = False

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.dropout(self.norm(images.flatten(1)[:, :6].float()))
        return features


def info() -> DataInfo:
    return DataInfo(COUNTS, torch.full((20, 3), 1 / 3), 20)


def make_method(kind: Any = MiSLAS, encoder: Any = TinyEncoder, **options: Any) -> Any:
    torch.manual_seed(0)
    return kind(encoder(), info(), **{"loss": cross_entropy, "dropout": 0.0} | options)


def make_batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (1, 5, 3, 2, 2), generator=generator).byte()
    return Batch(views, torch.tensor([0, 2, 1, 0, 1]), torch.arange(5))


def second_stage(method: MiSLAS) -> StageModule:
    optimisation = Optimisation(partial(sgd, momentum=0.0, weight_decay=0.0), 0.1, 0.001, 0)
    _, stage = method.stages
    return StageModule(method, stage, optimisation, 3, (0, 1), {}, learnable(method)).train()


def test_the_second_stage_smooths_labels_by_class_whatever_the_first_stages_loss():
    method = make_method(loss=lambda *_: None, smooth_head=0.5, smooth_tail=0.1)
    with torch.no_grad():
        method.scale.factors.copy_(torch.tensor([1.0, 2.0, 0.5]))
    batch = make_batch()
    linear = method.classifier.linear
    logits = (method.encoder(batch.views[0]) @ linear.weight.T + linear.bias) * torch.tensor(
        [1.0, 2.0, 0.5]
    )
    expected = label_aware_smoothing(logits, batch.labels, COUNTS, head=0.5, tail=0.1).mean()

    torch.testing.assert_close(method.stages[1].loss(batch, 0)["loss"], expected)
    torch.testing.assert_close(method(batch.views[0]), logits)


def test_the_second_stage_starts_from_the_first_ones_classifier():
    _, stage = make_method(classifier_sampler="balanced").stages

    assert stage.on_start is None
    assert (stage.epochs, stage.sampler) == (2, "balanced")


def test_the_classifier_learns_at_a_share_of_the_factors_rate():
    method = make_method(rate_factor=0.25)
    module = second_stage(method)
    optimiser = module.configure_optimizers()
    before = {name: value.detach().clone() for name, value in method.named_parameters()}

    for group in optimiser.param_groups:  # as the start of an epoch does
        group["lr"] = 0.1 * group.get("lr_factor", 1.0)
    module.method.stages[1].loss(make_batch(), 0)["loss"].backward()
    optimiser.step()

    steps = {
        "classifier.1.weight": 0.025,
        "classifier.1.bias": 0.025,
        "scale.factors": 0.1,
    }
    for name, value in method.named_parameters():
        expected = before[name] - steps[name] * value.grad if name in steps else before[name]
        torch.testing.assert_close(value.detach(), expected)
    assert all(method.get_parameter(name).grad.abs().sum() > 0 for name in steps)


@pytest.mark.parametrize("shift", [True, False])
def test_batch_norm_statistics_move_in_the_second_stage_and_weights_do_not(shift):
    method = make_method(encoder=Normed, shift_statistics=shift)
    second_stage(method)
    norm, batch = method.encoder.norm, make_batch()
    pixels = batch.views[0].flatten(1)[:, :6].float()

    features = method.encoder(batch.views[0])

    assert not method.encoder.dropout.training  # frozen but for the statistics
    assert not any(value.requires_grad for value in norm.parameters())
    if shift:
        torch.testing.assert_close(norm.running_mean, 0.1 * pixels.mean(dim=0))
        torch.testing.assert_close(features.mean(dim=0), torch.zeros(6), atol=1e-5, rtol=0)
    else:
        assert norm.running_mean.eq(0).all()
        torch.testing.assert_close(features, pixels / (1 + 1e-5) ** 0.5)


def test_statistics_stay_in_evaluation():
    method = make_method(encoder=Normed)
    second_stage(method).eval()

    method(make_batch().views[0])

    assert method.encoder.norm.running_mean.eq(0).all()


def test_the_first_stage_is_that_of_cross_entropy_with_the_same_mixup():
    of = {kind: make_method(mixing=Mixing(kind)).stages[0] for kind in ("none", "mixup")}
    (ce,) = make_method(Softmax, mixing=Mixing("mixup")).stages

    assert of["mixup"].loss_id == ce.loss_id
    assert of["none"].loss_id != ce.loss_id
    assert not make_method().stages[1].loss_id  # no other run can take it


def test_a_frozen_encoder_keeps_its_statistics(refusal):
    class Frozen(TinyEncoder):
        is_frozen = True

    assert make_method(encoder=Frozen).stages[1].moving_statistics == ()
    refusal(lambda: make_method(encoder=Frozen, mixing=Mixing("mixup")), "method.mixing.kind=none")
