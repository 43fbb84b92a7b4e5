"""Compare the feature terms with pytorch-metric-learning, an independent implementation.

Its SupConLoss has no base temperature, so temperature and base temperature are equal here. Two
conventions of it differ from ours and are chosen to agree:

- Its default reducer averages the losses above zero, that is over anchors with positives; ours
  counts an anchor without positives as 0. MeanReducer does the same, so that any batch compares.
- Where all samples share a class, or none shares one, it returns 0; the batches here have at
  least two classes and one pair.

It normalises the embeddings itself, so that gradients are compared at the unnormalised ones.
"""

from typing import Any

import pytest
import torch
from pytorch_metric_learning.losses import SupConLoss
from pytorch_metric_learning.reducers import AvgNonZeroReducer, MeanReducer
from torch import Tensor
from torch.nn import functional

from aduni.losses.contrastive import Contrasts, aduc, supervised_contrastive

BATCHES = {
    "two views": [0, 1, 2, 0, 1, 2],
    "imbalanced": [0] * 9 + [1] * 3 + [2],
    "anchors without positives": [3, 0, 1, 0, 2, 4],
    "two samples of a class and one other": [1, 1, 0],
}
TEMPERATURES = [0.07, 0.1, 0.5, 1.0]


def draw(rows: int, seed: int) -> Tensor:
    """Draw embeddings that are not normalised."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 5, generator=generator, dtype=torch.float64)


def per_anchor(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    features = functional.normalize(embeddings)
    contrasts = Contrasts(features, labels, torch.arange(len(labels)))
    options = {"temperature": temperature, "base_temperature": temperature}
    return supervised_contrastive(
        features, labels, contrasts, classes=int(labels.max()) + 1, **options
    )


def assert_equal_with_gradient(loss: Tensor, expected: Tensor, leaf: Tensor) -> None:
    (gradient,) = torch.autograd.grad(loss, leaf)
    (expected_gradient,) = torch.autograd.grad(expected, leaf)
    assert expected.item() > 0
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("batch", BATCHES)
def test_supervised_contrastive_is_the_librarys(batch, temperature, seed):
    embeddings = draw(len(BATCHES[batch]), seed).requires_grad_()
    labels = torch.tensor(BATCHES[batch])
    library = SupConLoss(temperature, reducer=MeanReducer())

    loss = per_anchor(embeddings, labels, temperature).mean()

    assert_equal_with_gradient(loss, library(embeddings, labels), embeddings)


@pytest.mark.parametrize("seed", range(5))
def test_random_batches_agree(seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 6, (20,), generator=generator)
    embeddings = draw(20, seed + 10).requires_grad_()
    library = SupConLoss(0.1, reducer=MeanReducer())

    loss = per_anchor(embeddings, labels, 0.1).mean()

    assert_equal_with_gradient(loss, library(embeddings, labels), embeddings)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_librarys_default_averages_over_anchors_with_positives(batch):
    embeddings = draw(len(BATCHES[batch]), 0).requires_grad_()
    labels = torch.tensor(BATCHES[batch])
    paired = (labels[:, None] == labels).sum(1) > 1

    loss = per_anchor(embeddings, labels, 0.1)[paired].mean()

    assert isinstance(SupConLoss().reducer, AvgNonZeroReducer)
    assert_equal_with_gradient(loss, SupConLoss(0.1)(embeddings, labels), embeddings)


def test_contrasts_beyond_the_anchors_are_the_librarys_reference_embeddings():
    # As with a queue, or on one of several ranks. The library is told every pair but the own ones.
    everyone = draw(9, 3).requires_grad_()
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 2, 0, 1])
    own = torch.tensor([4, 0, 7, 3])
    same = labels[own][:, None] == labels
    other_than_self = torch.arange(9) != own[:, None]
    pairs = (*torch.where(same & other_than_self), *torch.where(~same))
    library = SupConLoss(0.1, reducer=MeanReducer())
    expected = library(everyone[own], indices_tuple=pairs, ref_emb=everyone, ref_labels=labels)
    features = functional.normalize(everyone)
    contrasts = Contrasts(features, labels, own)

    losses = supervised_contrastive(
        features[own],
        labels[own],
        contrasts,
        classes=int(labels.max()) + 1,
        temperature=0.1,
        base_temperature=0.1,
    )

    assert_equal_with_gradient(losses.mean(), expected, everyone)


def aduc_of_pairs(logits: Tensor, embeddings: Tensor, labels: Tensor, **options: Any) -> Tensor:
    """Compute the released AduC without its class term."""
    features = functional.normalize(embeddings)
    contrasts = Contrasts(features, labels, torch.arange(len(labels)))
    return aduc(logits, features, labels, contrasts, beta=0.0, **options)


@pytest.mark.parametrize("alpha", [0.01, 1.0])
@pytest.mark.parametrize("batch", BATCHES)
def test_without_class_term_classes_at_minus_10000_leave_the_librarys_loss(batch, alpha):
    # e^-10000 is 0 in the sum below the line; at -inf the class term would be 0 times infinity.
    labels = torch.tensor(BATCHES[batch])
    embeddings = draw(len(labels), 0).requires_grad_()
    logits = torch.full((len(labels), 5), -1e4, dtype=torch.float64)
    library = SupConLoss(0.1, reducer=MeanReducer())

    loss = aduc_of_pairs(logits, embeddings, labels, alpha=alpha, base_temperature=0.1).mean()

    # The released 1e-12 below the line weighs most where alpha |P| is 0.01.
    (gradient,) = torch.autograd.grad(loss, embeddings)
    expected = library(embeddings, labels)
    (expected_gradient,) = torch.autograd.grad(expected, embeddings)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.01, 1.0])
@pytest.mark.parametrize("batch", BATCHES)
def test_without_class_term_aduc_is_the_mean_over_positives_of_one_joint_softmax(batch, alpha):
    labels = torch.tensor(BATCHES[batch])
    embeddings = draw(len(labels), 0)
    logits = draw(len(labels), 1)
    features = functional.normalize(embeddings)
    expected = []
    for i in range(len(labels)):
        others = torch.arange(len(labels)) != i
        entries = torch.cat([logits[i], features[others] @ features[i] / 0.1])
        log_p = torch.log_softmax(entries, 0)[5:][labels[others] == labels[i]]
        expected.append(-log_p.mean() / 0.7 if len(log_p) else torch.tensor(0.0).double())

    losses = aduc_of_pairs(logits, embeddings, labels, alpha=alpha)

    torch.testing.assert_close(losses, torch.stack(expected), rtol=1e-9, atol=1e-12)


def test_classes_add_the_log_of_their_share_below_the_line():
    # log((classes + samples) / samples), the same for each positive of an anchor.
    labels = torch.tensor(BATCHES["two views"])
    embeddings, logits = draw(6, 0), draw(6, 1)
    features = functional.normalize(embeddings)
    samples = torch.exp(features @ features.T / 0.1).fill_diagonal_(0).sum(1)
    share = torch.log1p(logits.exp().sum(1) / samples)

    losses = aduc_of_pairs(logits, embeddings, labels, alpha=1.0, base_temperature=0.1)

    torch.testing.assert_close(losses, per_anchor(embeddings, labels, 0.1) + share)
