"""Test GCL and LADE as methods: what they predict from, and what their losses are made of."""

from typing import Any

import pytest
import torch

from aduni.batch import Batch
from aduni.losses.label_distribution import lade_regulariser
from aduni.losses.softmax import balanced_softmax, cross_entropy, gcl
from aduni.losses.weights import inverse_weights
from aduni.methods.base import DataInfo
from aduni.methods.class_weights import ClassWeights
from aduni.methods.gcl import GCL
from aduni.methods.lade import LADE
from aduni.methods.ldam import LDAM
from tiny_encoder import TinyEncoder

COUNTS = torch.tensor([400.0, 60.0, 5.0])
LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2])


def make(kind: Any, **options: Any) -> Any:
    torch.manual_seed(0)
    return kind(TinyEncoder(), DataInfo(COUNTS, COUNTS.repeat(4, 1) / 465, 4), **options)


def make_lade(**options: Any) -> LADE:
    return make(LADE, loss=balanced_softmax, dropout=0.0, **options)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (1, 9, 3, 2, 2), dtype=torch.uint8, generator=generator)
    return Batch(views, LABELS, torch.arange(9))


@torch.no_grad()
def test_gcl_trains_on_clouded_cosines_and_predicts_from_plain_ones(batch):
    method = make(GCL, cloud=0.7, margin=0.1, scale=9.0)
    cosines = method.classifier(method.encoder(batch.views[0]))
    torch.manual_seed(5)
    expected = gcl(cosines, LABELS, COUNTS, cloud=0.7, margin=0.1, scale=9.0).mean()

    torch.manual_seed(5)
    torch.testing.assert_close(method.loss(batch, 0)["loss"], expected)
    torch.testing.assert_close(method(batch.views[0]), 9 * cosines)
    assert not torch.equal(method.loss(batch, 0)["loss"], method.loss(batch, 0)["loss"])
    assert torch.equal(method(batch.views[0]), method(batch.views[0]))


@torch.no_grad()
def test_without_noise_and_margins_gcl_and_ldam_are_cosine_cross_entropy(batch):
    methods = make(GCL, cloud=0.0), make(LDAM, max_margin=0.0)
    losses = [method.loss(batch, 0)["loss"] for method in methods]

    expected = cross_entropy(methods[0](batch.views[0]), LABELS, COUNTS).mean()
    for loss in losses:
        torch.testing.assert_close(loss, expected)


@torch.no_grad()
def test_lade_adds_the_regulariser_of_the_batch_once(batch):
    method = make_lade(weight=0.3, quadratic=0.2)
    logits = method(batch.views[0])

    expected = balanced_softmax(logits, LABELS, COUNTS).mean()
    expected += 0.3 * lade_regulariser(logits, LABELS, COUNTS, quadratic=0.2)
    torch.testing.assert_close(method.loss(batch, 0)["loss"], expected)


@torch.no_grad()
def test_lade_of_weight_0_is_balanced_softmax(batch):
    method = make_lade(weight=0.0)

    expected = balanced_softmax(method(batch.views[0]), LABELS, COUNTS).mean()
    assert torch.equal(method.loss(batch, 0)["loss"], expected)


@torch.no_grad()
def test_class_weights_leave_lades_regulariser_alone(batch):
    method = make_lade(weight=1.0, class_weights=ClassWeights(inverse_weights))
    logits, weights = method(batch.views[0]), inverse_weights(COUNTS)[LABELS]

    expected = (balanced_softmax(logits, LABELS, COUNTS) * weights).sum() / weights.sum()
    expected += lade_regulariser(logits, LABELS, COUNTS)
    torch.testing.assert_close(method.loss(batch, 0)["loss"], expected)


def test_lade_tells_its_loss_apart_from_balanced_softmax():
    assert make_lade().loss_id != make_lade(weight=0.2).loss_id
