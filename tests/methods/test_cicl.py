"""Compare the loss of CICL's first stage with a loop written from the definition."""

from typing import Any

import torch
from torch import Tensor

from aduni.batch import Batch
from aduni.methods.base import DataInfo
from aduni.methods.cicl import CICL
from tiny_encoder import TinyEncoder

LABELS = [0, 1, 0, 2]


def make_method() -> CICL:
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    info = DataInfo(torch.tensor([6, 3, 1]), torch.full((2, 3), 1 / 3), epochs=2)
    return CICL(encoder, info, hidden=5, embedding=4, dropout=0.0)


def make_batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (2, 4, 3, 2, 2), generator=generator).byte()
    return Batch(views, torch.tensor(LABELS), torch.arange(4))


def expected_loss(method: CICL) -> Tensor:
    """Loop over samples, of which v * 4 + b is view v of image b; temperatures 0.1 over 0.07."""
    images = make_batch().views
    samples = [(v, b) for v in range(2) for b in range(4)]
    first, _, last = method.projector
    features = method.encoder(torch.stack([images[v, b] for v, b in samples]))
    embeddings = last(torch.clamp(first(features), min=0))
    embeddings = embeddings / embeddings.norm(dim=1, keepdim=True)
    products = embeddings @ embeddings.T / 0.1
    losses = []
    for i, (_, image) in enumerate(samples):
        others = [k for k in range(8) if k != i]
        total = products[i, others].exp().sum().log()
        positives = [k for k in others if LABELS[samples[k][1]] == LABELS[image]]
        losses.append(-torch.stack([products[i, k] - total for k in positives]).mean() / 0.7)
    return torch.stack(losses).mean()


def test_the_first_stage_contrasts_all_views_of_images_of_one_class():
    method = make_method()

    loss = method.stages[0].loss(make_batch(), 0)["loss"]

    torch.testing.assert_close(loss, expected_loss(method), rtol=1e-5, atol=0)


def test_the_gradient_of_the_first_stage_is_that_of_the_definition():
    method = make_method()
    parameters = [*method.encoder.parameters(), *method.projector.parameters()]

    found = torch.autograd.grad(method.stages[0].loss(make_batch(), 0)["loss"], parameters)

    expected = torch.autograd.grad(expected_loss(method), parameters)
    for gradient, other in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-6)


def test_on_a_frozen_encoder_the_classifier_alone_is_trained():
    method = make_method()
    method.encoder.is_frozen = True

    assert [stage.name for stage in method.stages] == ["classifier"]
