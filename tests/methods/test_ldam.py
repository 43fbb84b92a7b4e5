"""Test when and how much LDAM's deferred re-weighting weights."""

import math

import pytest
import torch
from torch.nn import functional

from aduni.batch import Batch
from aduni.methods.base import DataInfo
from aduni.methods.ldam import LDAM
from tiny_encoder import TinyEncoder

COUNTS = [400.0, 60.0, 5.0]
BETA = 0.99


@pytest.fixture
def make():
    def call(epochs: int = 200, **options) -> LDAM:
        torch.manual_seed(0)
        counts = torch.tensor(COUNTS)
        info = DataInfo(counts, (counts / counts.sum()).repeat(epochs, 1), epochs)
        return LDAM(TinyEncoder(), info, beta=BETA, **options)

    return call


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (1, 9, 3, 2, 2), dtype=torch.uint8, generator=generator)
    return Batch(views, torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2]), torch.arange(9))


def _weights() -> list[float]:
    """Return (1 - beta) / (1 - beta ** n), scaled to the sum C."""
    raw = [(1 - BETA) / (1 - BETA**count) for count in COUNTS]
    return [len(raw) * value / sum(raw) for value in raw]


@torch.no_grad()
def _loss(method: LDAM, batch: Batch, weights: list[float]) -> float:
    """Loop over images: cosines minus the true class's margin, scaled; return a weighted mean."""
    features = method.encoder(batch.views[0])
    rows = functional.normalize(method.classifier.weight, dim=1)
    largest = max(count**-0.25 for count in COUNTS)
    total, norm = 0.0, 0.0
    for feature, label in zip(features, batch.labels.tolist(), strict=True):
        cosines = [float(feature @ row) / float(feature.norm()) for row in rows]
        cosines[label] -= 0.5 * COUNTS[label] ** -0.25 / largest
        exponentials = [math.exp(30 * cosine) for cosine in cosines]
        total -= weights[label] * math.log(exponentials[label] / sum(exponentials))
        norm += weights[label]
    return total / norm


# The released code re-weights from epoch 160 of 200 on.
@pytest.mark.parametrize(
    ("epoch", "epochs", "weighted"),
    [
        *[(0, 200, False), (159, 200, False), (160, 200, True), (199, 200, True)],
        *[(3, 5, False), (4, 5, True), (7, 10, False), (8, 10, True), (0, 1, False)],
    ],
)
def test_the_last_fifth_of_the_epochs_is_weighted(make, batch, epoch, epochs, weighted):
    method = make(epochs)
    weights = _weights() if weighted else [1.0] * 3

    loss = method.loss(batch, epoch)["loss"].detach()
    assert float(loss) == pytest.approx(_loss(method, batch, weights), rel=1e-5)


def test_the_weights_change_the_loss(make, batch):
    """Weights must change the loss, or the test above would prove nothing."""
    method = make()

    assert _loss(method, batch, _weights()) > 1.1 * _loss(method, batch, [1.0] * 3)


@pytest.mark.parametrize(
    ("options", "first"),
    [({"defer_until": 0.0}, 0), ({"defer_until": 0.5}, 100), ({"reweight": "none"}, 200)],
)
def test_options_say_from_when_on(make, options, first):
    method = make(**options)

    weighted = [not torch.equal(method.class_weights(e), torch.ones(3)) for e in range(200)]
    assert weighted == [epoch >= first for epoch in range(200)]
