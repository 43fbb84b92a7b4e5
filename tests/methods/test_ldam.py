"""Compare the loss of LDAM with a loop over images, with and without class weights."""

import math
from functools import partial

import pytest
import torch
from torch.nn import functional

from aduni.batch import Batch
from aduni.losses.weights import effective_number_weights
from aduni.methods.base import DataInfo
from aduni.methods.class_weights import ClassWeights
from aduni.methods.ldam import LDAM
from composing import settings_of
from tiny_encoder import TinyEncoder

COUNTS = [400.0, 60.0, 5.0]
BETA = 0.99


@pytest.fixture
def make():
    def call(epochs: int = 200, **options) -> LDAM:
        torch.manual_seed(0)
        counts = torch.tensor(COUNTS)
        info = DataInfo(counts, (counts / counts.sum()).repeat(epochs, 1), epochs)
        return LDAM(TinyEncoder(), info, **options)

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


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_loop_with_and_without_class_weights(make, batch, weighted):
    given = partial(effective_number_weights, beta=BETA) if weighted else None
    method = make(class_weights=ClassWeights(given))
    weights = _weights() if weighted else [1.0] * 3

    loss = method.loss(batch, 0)["loss"].detach()
    assert float(loss) == pytest.approx(_loss(method, batch, weights), rel=1e-5)


def test_the_weights_change_the_loss(make, batch):
    """Weights must change the loss, or the test above would prove nothing."""
    method = make()

    assert _loss(method, batch, _weights()) > 1.1 * _loss(method, batch, [1.0] * 3)


def test_the_option_has_the_papers_weights_in_the_last_fifth_of_the_epochs():
    settings = settings_of("method=ldam")

    own = settings.method["class_weights"]
    assert own == settings.class_weights
    assert own["weights"] == {
        "_target_": "aduni.losses.effective_number_weights",
        **{"_partial_": True, "beta": 0.9999},
    }
    assert (own["deferred"], own["divide_by"]) == (0.8, "weights")
    assert settings.names.class_weights == "effective"
