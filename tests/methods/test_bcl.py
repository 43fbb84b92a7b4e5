"""Compare BCL's loss with a loop written from the definitions."""

from typing import Any

import pytest
import torch
from torch import Tensor

from aduni.batch import Batch
from aduni.methods.base import DataInfo
from aduni.methods.bcl import BCL
from tiny_encoder import TinyEncoder

COUNTS = [6.0, 3.0, 1.0]
LABELS = [0, 1, 0]  # no image of class 2, one of class 1


def make_method(**options: Any) -> BCL:
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    info = DataInfo(torch.tensor(COUNTS), torch.full((2, 3), 1 / 3), epochs=2)
    return BCL(encoder, info, **{"hidden": 5, "embedding": 4} | options).double()


def make_batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (3, 3, 3, 2, 2), generator=generator).byte()
    return Batch(views, torch.tensor(LABELS), torch.arange(3))


def projected(projector: Any, features: Tensor) -> Tensor:
    first, _, last = projector
    outputs = last(torch.clamp(first(features), min=0))
    return outputs / outputs.norm(dim=1, keepdim=True)


def slow_terms(
    method: BCL, *, temperature: float = 0.07, scale: float = 30.0, prior: list[float] = COUNTS
) -> tuple[Tensor, Tensor]:
    """Loop over images and samples; return the cross-entropy and the contrastive loss."""
    views = make_batch().views
    weight = method.classifier.weight
    directions = weight / weight.norm(dim=1, keepdim=True)
    cross = []
    for b, label in enumerate(LABELS):  # view 0 alone
        feature = method.encoder(views[0, b : b + 1])[0]
        cosines = directions @ (feature / feature.norm())
        adjusted = torch.exp(scale * cosines) * torch.tensor(prior)
        cross.append(-torch.log(adjusted[label] / adjusted.sum()))
    samples = [(v, b) for v in (1, 2) for b in range(3)]
    embeddings = projected(
        method.projector, torch.cat([method.encoder(views[v, b : b + 1]) for v, b in samples])
    )
    prototypes = projected(method.prototype_projector, weight)  # not the directions
    contrastive = []
    for i, (_, image) in enumerate(samples):
        of_class: list[list[Tensor]] = [[prototypes[c]] for c in range(3)]
        for k, (_, other) in enumerate(samples):
            if k != i:
                of_class[LABELS[other]].append(embeddings[k])
        entries = [
            [torch.exp(embeddings[i] @ other / temperature) for other in members]
            for members in of_class
        ]
        total = sum(sum(each) / len(each) for each in entries)
        terms = [torch.log(entry / total) for entry in entries[LABELS[image]]]
        contrastive.append(-sum(terms) / len(terms))
    return torch.stack(cross).mean(), torch.stack(contrastive).mean()


def test_the_loss_and_its_gradient_are_those_of_the_loop():
    method = make_method()
    parameters = list(method.parameters())

    terms = method.loss(make_batch(), 0)

    cross, contrastive = slow_terms(method)
    torch.testing.assert_close(terms["cross_entropy"], cross)
    torch.testing.assert_close(terms["contrastive"], contrastive)
    torch.testing.assert_close(terms["loss"], cross + 0.35 * contrastive)
    found = torch.autograd.grad(terms["loss"], parameters)
    expected = torch.autograd.grad(cross + 0.35 * contrastive, parameters)
    for gradient, other in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "of_loop"),
    [
        ({"temperature": 0.2}, {"temperature": 0.2}),
        ({"scale": 5.0}, {"scale": 5.0}),
        ({"logit_adjustment": "none"}, {"prior": [1.0, 1.0, 1.0]}),
    ],
    ids=str,
)
def test_every_setting_reaches_the_loss(options, of_loop):
    method = make_method(class_weight=0.5, contrast_weight=2.0, **options)
    cross, contrastive = slow_terms(method, **of_loop)

    found = method.loss(make_batch(), 0)["loss"]

    torch.testing.assert_close(found, 0.5 * cross + 2 * contrastive)


def test_class_weights_learn_through_their_prototypes():
    method = make_method(class_weight=0.0)

    method.loss(make_batch(), 0)["loss"].backward()

    assert all(value.grad.abs().sum() > 0 for value in method.parameters())


def test_equal_counts_make_the_prior_irrelevant():
    method, plain = make_method(), make_method(logit_adjustment="none")
    method.class_counts.fill_(4.0)

    torch.testing.assert_close(
        method.loss(make_batch(), 0)["loss"], plain.loss(make_batch(), 0)["loss"]
    )


def test_predictions_are_scaled_cosines_without_the_prior():
    method = make_method(scale=7.0)
    images = make_batch().views[0]
    features = torch.nn.functional.normalize(method.encoder(images))
    expected = 7 * features @ torch.nn.functional.normalize(method.classifier.weight).T

    torch.testing.assert_close(method(images), expected)
    assert torch.equal(make_method(scale=7.0, logit_adjustment="none")(images), method(images))


def test_one_stage_trains_everything_on_three_views():
    (stage,) = make_method().stages

    assert (stage.name, stage.views, stage.epochs, stage.trainable) == ("train", 3, 2, ())
