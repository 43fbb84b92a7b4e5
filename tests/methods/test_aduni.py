"""Compare AdUni's loss with a loop written from the definitions."""

from typing import Any

import pytest
import torch
from torch import Tensor

from aduni import schedules
from aduni.batch import Batch
from aduni.methods.aduni import AdUni
from aduni.methods.base import DataInfo
from aduni.schedules import LossWeights
from tiny_encoder import TinyEncoder

COUNTS = [6, 3, 1]
SAMPLED = [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]
PRIORS = {
    "dataset": [[0.6, 0.3, 0.1]] * 2,  # by epoch
    "sampled": SAMPLED,
    "none": [[1.0, 1.0, 1.0]] * 2,
}
LABELS = [0, 1, 0, 2]


def make_method(alpha: Any = schedules.constant, **options: Any) -> AdUni:
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    info = DataInfo(torch.tensor(COUNTS), torch.tensor(SAMPLED), epochs=2)
    return AdUni(encoder, info, alpha, **{"hidden": 5, "embedding": 4, "dropout": 0.0} | options)


def make_batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (2, 4, 3, 2, 2), generator=generator).byte()
    return Batch(views, torch.tensor(LABELS), torch.arange(4))


def projected(method: AdUni, features: Tensor) -> Tensor:
    """Return unit vectors of the projector's two layers, or of the features without projector."""
    if len(method.projector) > 0:
        first, _, last = method.projector
        features = last(torch.clamp(first(features), min=0))
    return features / features.norm(dim=1, keepdim=True)


def expected_loss(method: AdUni, alpha: float, beta: float, prior: list[float]) -> Tensor:
    """Loop over samples with released weighting; sample v * 4 + b is view v of image b."""
    images = make_batch().views
    features = method.encoder(torch.stack([images[v, b] for v in range(2) for b in range(4)]))
    classes = torch.exp(method.classifier(features)) * torch.tensor(prior)
    embeddings = projected(method, features)
    products = torch.exp(embeddings @ embeddings.T / 0.1)
    labels = LABELS + LABELS
    losses = []
    for i in range(8):
        others = [k for k in range(8) if k != i]
        total = classes[i].sum() + products[i, others].sum()
        positives = [k for k in others if labels[k] == labels[i]]
        terms = [alpha * torch.log(products[i, k] / total) for k in positives]
        terms.append(beta * torch.log(classes[i, labels[i]] / total))
        losses.append(-torch.stack(terms).sum() / (alpha * len(positives) + beta) / 0.7)
    return torch.stack(losses).mean()


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("adjustment", PRIORS)
def test_logit_adjustment_names_the_prior_of_the_loss(adjustment, epoch):
    method = make_method(logit_adjustment=adjustment)

    terms = method.loss(make_batch(), epoch)

    expected = expected_loss(method, 0.01, 1.0, PRIORS[adjustment][epoch])
    torch.testing.assert_close(terms["loss"], expected, rtol=1e-5, atol=0)


def test_encoder_and_both_heads_learn_from_both_terms():
    method = make_method(lambda epoch, epochs: LossWeights(alpha=0.5))
    parameters = list(method.parameters())

    gradients = torch.autograd.grad(method.loss(make_batch(), 0)["loss"], parameters)

    expected = torch.autograd.grad(expected_loss(method, 0.5, 1.0, [0.6, 0.3, 0.1]), parameters)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-6)


def test_without_an_embedding_the_features_themselves_are_contrasted():
    method = make_method(embedding=None)
    parameters = list(method.parameters())

    loss = method.loss(make_batch(), 0)["loss"]

    assert len(parameters) == 4  # a linear layer of the encoder, and the classifier's
    expected = expected_loss(method, 0.01, 1.0, PRIORS["dataset"][0])
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)
    pairs = [torch.autograd.grad(each, parameters) for each in (loss, expected)]
    for gradient, other in zip(*pairs, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-6)


def test_the_default_prior_is_the_data_sets():
    method, named = make_method(), make_method(logit_adjustment="dataset")

    assert torch.equal(method.loss(make_batch(), 1)["loss"], named.loss(make_batch(), 1)["loss"])


def test_the_schedule_gives_both_weights_and_beta_multiplies_its_own():
    asked = []

    def schedule(epoch: int, epochs: int) -> LossWeights:
        asked.append((epoch, epochs))
        return LossWeights(alpha=0.25, beta=0.5)

    method = make_method(schedule, beta=0.8)

    terms = method.loss(make_batch(), 1)

    assert asked == [(1, 2)]
    expected = expected_loss(method, 0.25, 0.4, PRIORS["dataset"][1])
    torch.testing.assert_close(terms["loss"], expected, rtol=1e-5, atol=0)
    assert terms["alpha"].item() == 0.25


@pytest.mark.parametrize(
    "option",
    [
        {"temperature": 0.2},
        {"class_temperature": 0.1},
        {"base_temperature": 0.1},
        {"weighting": "printed"},
    ],
)
def test_every_setting_reaches_the_loss(option):
    plain = make_method().loss(make_batch(), 0)["loss"]

    assert not torch.isclose(make_method(**option).loss(make_batch(), 0)["loss"], plain)


def test_forward_has_no_logit_adjustment_and_no_dropout():
    images = make_batch().views[0]
    method = make_method(dropout=0.9).eval()
    linear: Any = method.classifier[1]

    expected = method.encoder(images) @ linear.weight.T + linear.bias

    torch.testing.assert_close(method(images), expected)
    for adjustment in ("sampled", "none"):
        other = make_method(logit_adjustment=adjustment, dropout=0.9).eval()
        assert torch.equal(other(images), method(images))


def test_one_stage_trains_everything_on_two_views():
    method = make_method()
    (stage,) = method.stages

    assert (stage.name, stage.views, stage.epochs) == ("train", 2, 2)
    assert stage.trainable == ()
    stage.loss(make_batch(), 0)["loss"].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.parameters())


def test_heads_have_the_papers_sizes():
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    method = AdUni(
        encoder, DataInfo(torch.tensor(COUNTS), torch.tensor(SAMPLED), 2), schedules.released
    )

    sizes = [list(module.weight.shape) for module in method.projector if hasattr(module, "weight")]

    assert sizes == [[512, 6], [128, 512]]
    assert method.classifier[0].p == 0.5
