"""Test label over-smoothing's second stage."""

from typing import Any

import torch
from torch.nn import functional

from aduni.batch import Batch
from aduni.losses.softmax import cross_entropy
from aduni.methods.base import DataInfo
from aduni.methods.label_over_smoothing import LabelOverSmoothing
from aduni.methods.mixing import Mixing
from aduni.methods.softmax import Softmax
from tiny_encoder import TinyEncoder


def make_method(kind: Any = LabelOverSmoothing, **options: Any) -> Any:
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    info = DataInfo(torch.tensor([9.0, 4.0, 1.0]), torch.full((20, 3), 1 / 3), 20)
    return kind(encoder, info, **{"loss": cross_entropy, "dropout": 0.0} | options)


def test_the_second_stage_is_smoothed_cross_entropy_on_the_first_ones_classifier():
    method = make_method(smoothing=0.9, loss=lambda *_: None)
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (1, 4, 3, 2, 2), generator=generator).byte()
    batch = Batch(views, torch.tensor([0, 2, 1, 0]), torch.arange(4))
    expected = functional.cross_entropy(method(views[0]), batch.labels, label_smoothing=0.9)
    _, stage = method.stages

    torch.testing.assert_close(stage.loss(batch, 0)["loss"], expected)
    assert (stage.epochs, stage.trainable) == (2, ("classifier",))
    assert (stage.sampler, stage.on_start) == (None, None)
    assert stage.moving_statistics == ()


def test_the_default_is_a_smoothing_of_098_at_a_twentieth_of_the_rate():
    method = make_method()

    assert method.smoothing == 0.98
    assert method.stages[1].rate_factors == {"classifier": 0.05}


def test_any_run_of_the_same_loss_can_be_its_first_stage():
    (ce,) = make_method(Softmax).stages

    assert make_method().stages[0].loss_id == ce.loss_id
    assert make_method(mixing=Mixing("mixup")).stages[0].loss_id != ce.loss_id
