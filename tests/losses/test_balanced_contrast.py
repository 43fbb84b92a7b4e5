"""Compare the balanced contrastive loss with a loop, worked examples and its limits."""

import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional

from aduni.losses.balanced_contrast import balanced_contrastive, with_prototypes
from aduni.losses.contrastive import Contrasts, supervised_contrastive

CLASSES = 4
HALVING = 1 / math.log(2)  # a temperature at which a sample entry is 2^product


class Inputs(NamedTuple):
    features: Tensor
    labels: Tensor
    contrasts: Contrasts


def unit(rows: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(rows, 5, generator=generator, dtype=dtype))


def in_batch(features: Tensor, labels: list[int], prototypes: Tensor | None = None) -> Inputs:
    """Make inputs in which every sample is an anchor, with one prototype a class or none."""
    numbers = torch.tensor(labels)
    contrasts = Contrasts(features, numbers, torch.arange(len(labels)))
    if prototypes is not None:
        contrasts = with_prototypes(contrasts, prototypes, torch.arange(len(prototypes)))
    return Inputs(features, numbers, contrasts)


def some_anchors(prototypes: Tensor) -> Inputs:
    """Make 4 anchors among 9 samples in any order, as on one of several ranks."""
    everyone = in_batch(unit(9, 5), [0, 1, 1, 2, 0, 0, 3, 1, 0], prototypes)
    own = torch.tensor([7, 2, 6, 0])  # the only sample of class 3 is number 6
    contrasts = everyone.contrasts._replace(own=own)
    return Inputs(everyone.features[own], everyone.labels[own], contrasts)


PROTOTYPES = unit(CLASSES, 9)
LABELS = {
    "mixed": [0, 1, 0, 2, 1, 0, 3],
    "absent classes": [0, 1, 0, 1, 0],
    "one image of a class in two views": [0, 0, 3, 1, 0, 0, 3, 1],
    "no two of a class": [0, 1, 2, 3],
    "all of one class": [1, 1, 1],
    "one sample": [2],
}
CASES = {
    **{name: in_batch(unit(len(y), 1), y) for name, y in LABELS.items()},
    **{
        f"{name}, prototypes": in_batch(unit(len(y), 1), y, PROTOTYPES)
        for name, y in LABELS.items()
    },
    "contrasts beyond the anchors": some_anchors(PROTOTYPES),
}


def slow_loss(inputs: Inputs, temperature: float = 0.07) -> Tensor:
    """Loop over anchors, classes and members, as the formula is written."""
    losses = []
    features, labels, (others, other_labels, own) = inputs
    for i in range(len(labels)):
        members: dict[int, list[Tensor]] = {c: [] for c in range(CLASSES)}
        for k in range(len(others)):
            if k != int(own[i]):
                product = (features[i] * others[k]).sum() / temperature
                members[int(other_labels[k])].append(product)
        total = sum(
            sum(torch.exp(product) for product in products) / len(products)
            for products in members.values()
            if products
        )
        positives = members[int(labels[i])]
        terms = [torch.log(torch.exp(product) / total) for product in positives]
        losses.append(-sum(terms) / len(terms) if terms else 0 * features[i].sum())
    return torch.stack(losses)


def leaf(inputs: Inputs) -> tuple[Inputs, Tensor]:
    """Return the inputs as functions of one leaf: the features of all contrasts."""
    everyone = inputs.contrasts.features.clone().requires_grad_()
    contrasts = inputs.contrasts._replace(features=everyone)
    return Inputs(everyone[inputs.contrasts.own], inputs.labels, contrasts), everyone


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_the_loss_and_its_gradient_equal_the_loop(case, temperature):
    weights = torch.linspace(0.5, 2.0, len(CASES[case].labels), dtype=torch.float64)
    found, features = leaf(CASES[case])
    losses = balanced_contrastive(*found, classes=CLASSES, temperature=temperature)
    (gradient,) = torch.autograd.grad(losses @ weights, features)
    expected, features = leaf(CASES[case])
    slow = slow_loss(expected, temperature)
    (slow_gradient,) = torch.autograd.grad(slow @ weights, features)

    assert losses.dtype == torch.float64
    torch.testing.assert_close(losses, slow, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradient, slow_gradient, rtol=1e-8, atol=1e-10)


def test_prototypes_count_as_members_worked_by_hand():
    # Features (1, 0), (1, 0), (0, 1) of classes 0, 0, 1: entries 2 for equal ones, 1 for others.
    # Prototypes (0, 1), (0, 1). First anchor: class 0 has 2 and 1, mean 3/2; class 1 has 1 and 1,
    # mean 1; total 5/2. Third: class 0 has 1, 1, 2, mean 4/3; class 1 its prototype, 2; total 10/3.
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    prototypes = torch.tensor([[0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    inputs = in_batch(features, [0, 0, 1], prototypes)
    pair = (math.log(5 / 4) + math.log(5 / 2)) / 2
    expected = torch.tensor([pair, pair, math.log(5 / 3)], dtype=torch.float64)

    loss = balanced_contrastive(*inputs, classes=2, temperature=HALVING)

    torch.testing.assert_close(loss, expected)


def test_the_numbers_of_a_class_average_out_worked_by_hand():
    # A pair among one or among five samples of another class at a right angle: 2 / (2 + 1).
    for others in (1, 5):
        features = torch.tensor([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * others, dtype=torch.float64)
        inputs = in_batch(features, [0, 0] + [1] * others)
        loss = balanced_contrastive(*inputs, classes=2, temperature=HALVING)
        torch.testing.assert_close(loss[0].item(), math.log(3 / 2))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_with_classes_of_one_size_it_is_supervised_contrastive_less_a_constant(size):
    # Without prototypes. The anchor's class has one member more: the anchor itself.
    labels = [0] * (size + 1) + [1] * size + [2] * size + [3] * size
    inputs = in_batch(unit(len(labels), 2), labels)
    of_class_0 = slice(size + 1)

    loss = balanced_contrastive(*inputs, classes=CLASSES, temperature=0.2)

    plain = supervised_contrastive(*inputs, classes=CLASSES, temperature=0.2, base_temperature=0.2)
    expected = (plain - math.log(size))[of_class_0]
    torch.testing.assert_close(loss[of_class_0], expected)


def test_without_prototypes_it_is_supervised_contrastive_with_class_averages():
    # The sum below the line of the supervised loss, class by class, each divided by its members.
    inputs = CASES["mixed"]
    entries = torch.exp(inputs.features @ inputs.features.T / 0.2).fill_diagonal_(0)
    same = inputs.labels[:, None] == inputs.labels
    sizes = same.sum(dim=0) - same.long()
    averages = (entries / sizes.clamp(min=1)).sum(dim=1)
    options: Any = {"temperature": 0.2, "classes": CLASSES}
    plain = supervised_contrastive(*inputs, **options, base_temperature=0.2)
    expected = torch.where(sizes.diagonal() > 0, plain - torch.log(entries.sum(1) / averages), 0)

    torch.testing.assert_close(balanced_contrastive(*inputs, **options), expected)


def test_an_anchor_without_positives_has_no_loss_and_no_gradient():
    inputs, features = leaf(CASES["one sample"])

    loss = balanced_contrastive(*inputs, classes=CLASSES)
    (gradient,) = torch.autograd.grad(loss.sum(), features)

    assert loss.tolist() == [0]
    assert gradient.eq(0).all()


def test_repeating_a_whole_class_of_negatives_changes_nothing():
    labels = [0, 0, 1, 2]
    features = unit(4, 3)
    more = torch.cat([features, features[2:3], features[2:3]])
    one = balanced_contrastive(*in_batch(features, labels, PROTOTYPES[:0]), classes=3)
    other = balanced_contrastive(*in_batch(more, [*labels, 1, 1], PROTOTYPES[:0]), classes=3)

    torch.testing.assert_close(other[:2], one[:2])


def test_gradcheck_of_features_and_prototypes():
    def loss(features: Tensor, prototypes: Tensor) -> Tensor:
        inputs = in_batch(features, LABELS["mixed"], prototypes)
        return balanced_contrastive(*inputs, classes=CLASSES, temperature=0.4)

    leaves = (unit(7, 1).requires_grad_(), PROTOTYPES.clone().requires_grad_())
    assert gradcheck(loss, leaves)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_give_float32_losses_of_the_rounded_inputs(dtype):
    # Nearly equal vectors, whose entries e^(1 / 0.01) overflow float16 and float32.
    generator = torch.Generator().manual_seed(3)
    features = functional.normalize(1 + 0.01 * torch.randn(9, 16, generator=generator))
    prototypes = functional.normalize(1 + 0.01 * torch.randn(4, 16, generator=generator))
    labels = [0, 1, 2, 0, 0, 1, 2, 0, 0]

    def losses(kind: torch.dtype, *, autocast: bool = False) -> list[Tensor]:
        leaves = [each.to(dtype).to(kind).requires_grad_() for each in (features, prototypes)]
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            inputs = in_batch(leaves[0], labels, leaves[1])
            loss = balanced_contrastive(*inputs, classes=4, temperature=0.01)
        return [loss, *torch.autograd.grad(loss.sum(), leaves)]

    half, whole = losses(dtype), losses(torch.float32)
    cast = losses(torch.float32, autocast=True)

    assert half[0].dtype == torch.float32
    assert all(each.isfinite().all() for each in (*half, *whole, *cast))
    torch.testing.assert_close(half[0], whole[0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(cast[0], whole[0], rtol=1e-6, atol=1e-6)
