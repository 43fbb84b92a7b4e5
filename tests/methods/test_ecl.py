"""Compare ECL's loss with a loop written from the definitions; test proxies and curriculum."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from aduni.batch import Batch
from aduni.losses.balanced_contrast import balanced_contrastive
from aduni.losses.contrastive import Contrasts
from aduni.methods.base import DataInfo
from aduni.methods.ecl import ECL, proxies_per_class
from aduni.models.memory import ClassF1
from tiny_encoder import TinyEncoder

COUNTS = [44.0, 2.0, 4.0, 44.0]  # 1, 4, 3 and 1 proxies
PROXIES = [0, 1, 1, 1, 1, 2, 2, 2, 3]
LABELS = [0, 1, 0]  # no image of the classes 2 and 3, of which the latter has one proxy


def make_method(counts: list[float] = COUNTS, epochs: int = 10, **options: Any) -> ECL:
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    classes = len(counts)
    info = DataInfo(torch.tensor(counts), torch.full((epochs, classes), 1 / classes), epochs)
    return ECL(encoder, info, **{"hidden": 5, "embedding": 4, "dropout": 0.0} | options).double()


def make_batch(labels: list[int] = LABELS) -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (2, len(labels), 3, 2, 2), generator=generator).byte()
    return Batch(views, torch.tensor(labels), torch.arange(len(labels)))


def unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=1, keepdim=True)


def slow_terms(method: ECL, weights: list[float], temperature: float = 0.1) -> list[Tensor]:
    """Loop over images, samples and proxies; return the cross-entropy and the contrastive loss."""
    views, linear = make_batch().views, method.classifier.linear
    cross, total = 0.0, 0.0
    for b, label in enumerate(LABELS):  # view 0 alone, a mean by the weights of the batch
        entries = torch.exp(linear.weight @ method.encoder(views[0, b : b + 1])[0] + linear.bias)
        cross = cross - weights[label] * torch.log(entries[label] / entries.sum())
        total += weights[label]
    first, _, last = method.projector
    features = method.encoder(views.flatten(0, 1))
    vectors = [*unit(last(torch.clamp(first(features), min=0))), *unit(method.proxies.weight)]
    labels = LABELS + LABELS + PROXIES
    losses = []
    for i, label in enumerate(labels):
        members: list[list[Tensor]] = [[], [], [], []]
        for k, other in enumerate(labels):
            if k != i:
                members[other].append(torch.exp(vectors[i] @ vectors[k] / temperature))
        if not members[label]:
            continue  # the only proxy of a class that has no image in the batch
        below = sum(sum(each) / len(each) for each in members if each)
        terms = [-torch.log(entry / below) for entry in members[label]]
        losses.append(sum(terms) / len(terms))
    assert len(losses) == len(labels) - 1
    return [cross / total, sum(losses) / len(losses)]


def inverse(values: list[float], power: float) -> list[float]:
    """Return weights 1 / v, scaled to the sum C, to a power."""
    total = sum(1 / value for value in values)
    return [(len(values) / value / total) ** power for value in values]


@pytest.mark.parametrize("epoch", [0, 3])
def test_the_loss_and_its_gradient_are_those_of_the_loop(epoch):
    method = make_method()
    weights = [1.0] * 4 if epoch == 0 else inverse(COUNTS, 2 / 3)  # (4 - 2) / (5 - 2)
    parameters = list(method.parameters())
    cross, contrastive = slow_terms(method, weights)
    expected = torch.autograd.grad(2 * cross + contrastive, parameters)

    terms = method.loss(make_batch(), epoch)

    torch.testing.assert_close(terms["cross_entropy"], cross)
    torch.testing.assert_close(terms["contrastive"], contrastive)
    torch.testing.assert_close(terms["loss"], 2 * cross + contrastive)
    found = torch.autograd.grad(terms["loss"], parameters)
    for gradient, other in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-7, atol=1e-9)


def test_every_setting_reaches_the_loss():
    method = make_method(class_weight=0.5, contrast_weight=3.0, temperature=0.4)
    cross, contrastive = slow_terms(method, [1.0] * 4, temperature=0.4)

    found = method.loss(make_batch(), 0)["loss"]

    torch.testing.assert_close(found, 0.5 * cross + 3 * contrastive)


def test_proxies_of_isic_2018_are_those_of_the_released_code():
    counts = torch.tensor([84, 195, 69, 4023, 308, 659, 667])

    assert proxies_per_class(counts).tolist() == [6, 4, 7, 1, 3, 2, 2]


def test_classes_that_are_equally_frequent_have_one_proxy_each():
    assert proxies_per_class(torch.tensor([8.0, 8.0, 8.0])).tolist() == [1, 1, 1]
    assert proxies_per_class(torch.tensor([100.0, 100.0, 10.0])).tolist() == [1, 1, 3]


def test_with_equal_counts_it_is_the_loss_of_bcl_with_prototypes_as_anchors():
    method = make_method(counts=[5.0, 5.0, 5.0])
    batch = make_batch([0, 1, 2])
    embeddings = method.projector(method.encoder(batch.views.flatten(0, 1)))
    everyone = torch.cat([embeddings, unit(method.proxies.weight)])
    labels = torch.arange(3).repeat(3)
    contrasts = Contrasts(everyone, labels, torch.arange(9))
    expected = balanced_contrastive(everyone, labels, contrasts, classes=3, temperature=0.1)

    torch.testing.assert_close(method.loss(batch, 0)["contrastive"], expected.mean())
    assert method.weights(4).tolist() == pytest.approx([1, 1, 1])


def test_weights_go_from_one_to_inverse_frequencies_then_to_the_inverse_f1():
    method = make_method()
    f1 = [0.5, 0.0, 0.25, 1.0]
    guarded = [0.5, 0.05, 0.25, 1.0]
    expected = {
        **dict.fromkeys((0, 1), [1.0] * 4),
        2: inverse(COUNTS, 1 / 3),
        4: inverse(COUNTS, 1.0),
        5: inverse(guarded, 1 / 5),
        9: inverse(guarded, 1.0),
    }

    for epoch, weights in expected.items():
        method.f1.epoch = epoch
        method.f1.values.copy_(torch.tensor(f1))
        assert method.weights(epoch).tolist() == pytest.approx(weights), epoch


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)], ids=str)
@pytest.mark.parametrize("epochs", [1, 3])
def test_weights_are_finite_whatever_the_lengths_of_the_phases(shares, epochs):
    method = make_method(epochs=epochs, plain_until=shares[0], frequency_until=shares[1])

    for epoch in range(epochs):
        assert method.weights(epoch).isfinite().all()


def test_phases_in_the_wrong_order_are_refused(refusal):
    refusal(lambda: make_method(plain_until=0.6, frequency_until=0.5), "method.plain_until=0.6")


def test_f1_is_that_of_the_training_batches_of_the_epoch_before():
    method = make_method(epochs=4, plain_until=0.0, frequency_until=0.0)
    batch = make_batch()
    with torch.no_grad():
        method.classifier.linear.weight.zero_()
        method.classifier.linear.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))  # predicts 0

    first = method.weights(0)
    for _ in range(2):
        method.loss(batch, 0)
    second = method.weights(1)

    # Two of three right: precision 2/3, recall 1, F1 4/5; class 1 has 0, and so have the others.
    assert first.tolist() == [1.0] * 4
    assert method.f1.values.tolist() == pytest.approx([0.8, 0, 0, 0])
    assert second.tolist() == pytest.approx(inverse([0.8, 0.05, 0.05, 0.05], 0.5))
    assert method.f1.counts.sum() == 0


def test_the_counted_f1_is_scikit_learns():
    from sklearn.metrics import f1_score

    generator = torch.Generator().manual_seed(0)
    predicted, labels = torch.randint(0, 4, (2, 60), generator=generator)
    memory = ClassF1(5)  # class 4 is never seen
    for part in range(0, 60, 20):
        memory.add(predicted[part : part + 20], labels[part : part + 20])
    expected = f1_score(labels, predicted, labels=range(5), average=None, zero_division=0)

    assert memory.begin(0).tolist() == [1.0] * 5
    assert memory.begin(1).tolist() == pytest.approx(expected.tolist())
    assert memory.begin(1).tolist() == pytest.approx(expected.tolist())  # a second batch


def test_one_image_of_a_class_and_half_precision_are_finite():
    method = make_method().float()
    batch = make_batch([1])
    with torch.autocast("cpu", torch.bfloat16):
        loss = method.loss(batch, 9)["loss"]
    loss.backward()

    assert math.isfinite(loss.item())
    assert all(p.grad.isfinite().all() for p in method.parameters())
