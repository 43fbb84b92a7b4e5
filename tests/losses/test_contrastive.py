"""Compare the contrastive losses with loops over anchors and pairs, and with worked examples.

The loops below are written from the definitions: anchor i has one entry for each class and one
for every contrast but itself, p is the softmax over these entries, and P(i) are the contrasts
(itself left out) that have its label.
"""

import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from aduni.losses.contrastive import Contrasts, aduc, supervised_contrastive

WEIGHTINGS = ("released", "printed")
PRIOR = torch.tensor([0.6, 0.25, 0.1, 0.05], dtype=torch.float64)


class Inputs(NamedTuple):
    logits: Tensor
    features: Tensor
    labels: Tensor
    contrasts: Contrasts


def in_batch(logits: Tensor, features: Tensor, labels: Tensor) -> Inputs:
    """Make inputs in which every sample is anchor and contrast, as in one batch without queue."""
    return Inputs(logits, features, labels, Contrasts(features, labels, torch.arange(len(labels))))


def random_inputs(labels: list[int], seed: int = 0) -> Inputs:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(len(labels), len(PRIOR), generator=generator, dtype=torch.float64)
    features = torch.randn(len(labels), 5, generator=generator, dtype=torch.float64)
    features = features / features.norm(dim=1, keepdim=True)
    return in_batch(logits, features, torch.tensor(labels))


def with_more_contrasts(seed: int = 1) -> Inputs:
    """Make 5 anchors among 11 contrasts in any order, as on one of several ranks."""
    everyone = random_inputs([0, 1, 1, 2, 0, 0, 3, 1, 2, 0, 0], seed)
    own = torch.tensor([7, 2, 9, 0, 6])  # the only sample of class 3 is number 6
    contrasts = Contrasts(everyone.features, everyone.labels, own)
    return Inputs(everyone.logits[own], everyone.features[own], everyone.labels[own], contrasts)


CASES = {
    "mixed": random_inputs([0, 1, 0, 2, 1, 0]),
    "a class with one image in two views": random_inputs([0, 0, 3, 1, 0, 0, 3, 1]),
    "anchors without positives": random_inputs([0, 1, 2, 3]),
    "one anchor without positives": random_inputs([0, 0, 0, 2]),
    "all of one class": random_inputs([1, 1, 1, 1, 1]),
    "one sample": random_inputs([2]),
    "two views of one image": random_inputs([2, 2]),
    "contrasts beyond the anchors": with_more_contrasts(),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"alpha": 0.3},
    "prior": {"alpha": 0.3, "prior": PRIOR},
    "a class that is never drawn": {"alpha": 1.0, "prior": torch.tensor([0.5, 0.5, 0.0, 0.0])},
    "alpha 0": {"alpha": 0.0, "prior": PRIOR},
    "alpha 100": {"alpha": 100.0},
    "beta 0": {"alpha": 0.01, "beta": 0.0},
    "beta": {"alpha": 0.3, "beta": 0.4, "prior": PRIOR},
    "alpha and beta 0": {"alpha": 0.0, "beta": 0.0},
    "class temperature": {"alpha": 0.05, "class_temperature": 0.2, "prior": PRIOR},
    "temperatures": {"alpha": 0.05, "temperature": 0.5, "base_temperature": 0.2},
}


def sample_entries(inputs: Inputs, i: int, temperature: float) -> dict[int, Tensor]:
    """Return e^{f_i.f_k / tau} of every contrast k but the anchor itself."""
    entries = {}
    for k in range(len(inputs.contrasts.features)):
        if k != int(inputs.contrasts.own[i]):
            product = (inputs.features[i] * inputs.contrasts.features[k]).sum()
            entries[k] = torch.exp(product / temperature)
    return entries


def class_entries(
    inputs: Inputs, i: int, prior: Tensor | None, class_temperature: float
) -> list[Tensor]:
    """Return e^{(z_i,c + log pi_c) / tau_class} of every class c."""
    entries = []
    for c in range(inputs.logits.shape[1]):
        adjustment = 0.0 if prior is None else math.log(float(prior[c]) + 1e-9)
        entries.append(torch.exp((inputs.logits[i, c] + adjustment) / class_temperature))
    return entries


def positives(inputs: Inputs, i: int) -> list[int]:
    label, own = int(inputs.labels[i]), int(inputs.contrasts.own[i])
    return [k for k, other in enumerate(inputs.contrasts.labels) if other == label and k != own]


def slow_aduc(
    inputs: Inputs,
    *,
    alpha: float,
    beta: float = 1.0,
    prior: Tensor | None = None,
    temperature: float = 0.1,
    class_temperature: float = 1.0,
    base_temperature: float = 0.07,
    weighting: str = "released",
) -> Tensor:
    losses = []
    for i in range(len(inputs.labels)):
        classes = class_entries(inputs, i, prior, class_temperature)
        samples = sample_entries(inputs, i, temperature)
        total = sum(classes) + sum(samples.values())
        class_term = torch.log(classes[int(inputs.labels[i])] / total)
        pair_terms = [torch.log(samples[p] / total) for p in positives(inputs, i)]
        if weighting == "released":
            weighted = beta * class_term + sum(alpha * term for term in pair_terms)
            weights = beta + alpha * len(pair_terms) + 1e-12
            losses.append(-temperature / base_temperature * weighted / weights)
        else:
            terms = [alpha * term + beta * class_term for term in pair_terms]
            losses.append(-sum(terms) / len(terms) if terms else 0 * class_term)
    return torch.stack(losses)


def slow_supervised_contrastive(
    inputs: Inputs, *, temperature: float = 0.1, base_temperature: float = 0.07
) -> Tensor:
    losses = []
    for i in range(len(inputs.labels)):
        samples = sample_entries(inputs, i, temperature)
        total = sum(samples.values())
        terms = [torch.log(samples[p] / total) for p in positives(inputs, i)]
        mean = sum(terms) / len(terms) if terms else 0 * inputs.features[i].sum()
        losses.append(-temperature / base_temperature * mean)
    return torch.stack(losses)


def with_gradients(inputs: Inputs) -> tuple[Inputs, list[Tensor]]:
    """Return the inputs and the leaves of their gradient: logits and features of all contrasts."""
    logits = inputs.logits.clone().requires_grad_()
    everyone = inputs.contrasts.features.clone().requires_grad_()
    contrasts = inputs.contrasts._replace(features=everyone)
    features = everyone[inputs.contrasts.own]
    return Inputs(logits, features, inputs.labels, contrasts), [logits, everyone]


def assert_same_value_and_gradient(fast: Any, slow: Any, inputs: Inputs) -> None:
    """Compare sums weighted differently per anchor, so that errors cannot cancel."""
    weights = torch.linspace(0.5, 2.0, len(inputs.labels), dtype=torch.float64)
    found, leaves = with_gradients(inputs)
    values = fast(found)
    gradients = torch.autograd.grad(values @ weights, leaves, materialize_grads=True)
    expected, slow_leaves = with_gradients(inputs)
    slow_values = slow(expected)
    slow_gradients = torch.autograd.grad(
        slow_values @ weights, slow_leaves, materialize_grads=True, allow_unused=True
    )

    assert values.dtype == torch.float64
    torch.testing.assert_close(values, slow_values, rtol=1e-9, atol=1e-9)
    for gradient, slow_gradient in zip(gradients, slow_gradients, strict=True):
        torch.testing.assert_close(gradient, slow_gradient, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("case", CASES)
def test_aduc_and_its_gradient_equal_the_loop(case, setting, weighting):
    options = SETTINGS[setting] | {"weighting": weighting}

    assert_same_value_and_gradient(
        lambda inputs: aduc(*inputs, **options),
        lambda inputs: slow_aduc(inputs, **options),
        CASES[case],
    )


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.5}, {"temperature": 0.3, "base_temperature": 0.3}], ids=str
)
@pytest.mark.parametrize("case", CASES)
def test_supervised_contrastive_and_its_gradient_equal_the_loop(case, options):
    assert_same_value_and_gradient(
        lambda inputs: supervised_contrastive(*inputs[1:], classes=4, **options),
        lambda inputs: slow_supervised_contrastive(inputs, **options),
        CASES[case],
    )


# Worked by hand. Features (1, 0), (1, 0), (0, 1) with classes 0, 0, 1 have the products 1 (first
# two) and 0. With tau = 1 / ln 2 a sample entry is 2^product: 2 and 1. Logits (ln 3, ln 2) make
# the class entries 3 and 2.
HALVING = 1 / math.log(2)
THREE = in_batch(
    torch.log(torch.tensor([[3.0, 2.0]] * 3, dtype=torch.float64)),
    torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64),
    torch.tensor([0, 0, 1]),
)


def test_released_aduc_worked_by_hand():
    # First anchor: 3 + 2 (classes) + 2 + 1 (samples) = 8, so p(class 0) = 3/8, p(its pair) = 2/8.
    # With alpha = 1/2: (log 8/3 + 1/2 log 4) / (1 + 1/2). The third has no pair: 3 + 2 + 1 + 1 = 7.
    paired = (math.log(8 / 3) + 0.5 * math.log(4)) / 1.5
    expected = torch.tensor([paired, paired, math.log(7 / 2)], dtype=torch.float64)

    loss = aduc(*THREE, alpha=0.5, temperature=HALVING, base_temperature=HALVING)

    torch.testing.assert_close(loss, expected)


def test_printed_aduc_worked_by_hand():
    # As above, but the class term weighs as much as all pairs together, and no pair means no loss.
    paired = math.log(8 / 3) + 0.5 * math.log(4)
    expected = torch.tensor([paired, paired, 0], dtype=torch.float64)

    loss = aduc(*THREE, alpha=0.5, temperature=HALVING, weighting="printed")

    torch.testing.assert_close(loss, expected)


def test_prior_multiplies_the_class_entries_worked_by_hand():
    # Prior (1/4, 3/4): class entries 3/4 and 3/2, total 3/4 + 3/2 + 2 + 1 = 21/4,
    # so p(class 0) = 1/7 and p(pair) = 8/21; alone: total 17/4, p(class 1) = 6/17.
    paired = (math.log(7) + 0.5 * math.log(21 / 8)) / 1.5
    expected = torch.tensor([paired, paired, math.log(17 / 6)], dtype=torch.float64)
    prior = torch.tensor([0.25, 0.75])

    loss = aduc(*THREE, alpha=0.5, prior=prior, temperature=HALVING, base_temperature=HALVING)

    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-8)  # the prior's 1e-9


def test_supervised_contrastive_worked_by_hand():
    # Samples alone: 2 + 1 = 3, p(pair) = 2/3; the third has no pair.
    expected = torch.tensor([math.log(3 / 2), math.log(3 / 2), 0], dtype=torch.float64)

    loss = supervised_contrastive(
        *THREE[1:], classes=2, temperature=HALVING, base_temperature=2 * HALVING
    )  # half of it: tau / base temperature

    torch.testing.assert_close(loss, expected / 2)


def test_without_alpha_the_released_loss_is_not_cross_entropy_since_pairs_stay_below_the_line():
    # A trap: alpha = 0 does not turn AduC into (balanced) cross-entropy.
    inputs = CASES["mixed"]
    adjusted = torch.exp(inputs.logits) * (PRIOR + 1e-9)
    samples = torch.exp(inputs.features @ inputs.features.T / 0.1).fill_diagonal_(0)
    true = adjusted[range(6), inputs.labels]
    joint = -torch.log(true / (adjusted.sum(1) + samples.sum(1)))
    cross_entropy = -torch.log(true / adjusted.sum(1))

    loss = aduc(*inputs, alpha=0.0, prior=PRIOR)

    torch.testing.assert_close(loss, joint * 0.1 / 0.07)
    assert (loss > cross_entropy * 0.1 / 0.07 + 0.1).all()


@pytest.mark.parametrize("alpha", [0.0, 0.01, 1.0, 100.0])
def test_a_sample_alone_has_cross_entropy_for_every_alpha(alpha):
    inputs = CASES["one sample"]
    cross_entropy = -torch.log_softmax(inputs.logits, dim=1)[:, 2]

    torch.testing.assert_close(aduc(*inputs, alpha=alpha), cross_entropy * 0.1 / 0.07)


@pytest.mark.parametrize("alpha", [0.01, 7.0])
def test_without_beta_the_released_loss_is_the_mean_pair_term_for_every_alpha(alpha):
    inputs = CASES["mixed"]
    no_class = inputs._replace(logits=torch.full_like(inputs.logits, -1e4))

    # Class entries of e^-10000 leave the contrastive loss over samples alone.
    loss = aduc(*no_class, alpha=alpha, beta=0.0)

    torch.testing.assert_close(loss, slow_supervised_contrastive(inputs))


@pytest.mark.parametrize("alpha", [0.01, 1.0])
def test_released_weights_are_alpha_times_the_positives_to_one(alpha):
    inputs = CASES["all of one class"]
    classes, pairs = aduc(*inputs, alpha=0.0), aduc(*inputs, alpha=1.0, beta=0.0)
    expected = (1 * classes + alpha * 4 * pairs) / (1 + alpha * 4)

    torch.testing.assert_close(aduc(*inputs, alpha=alpha), expected)


@pytest.mark.parametrize("alpha", [0.01, 1.0])
def test_printed_weights_are_alpha_to_one_whatever_the_number_of_positives(alpha):
    inputs = CASES["all of one class"]
    base = {"base_temperature": 0.1}  # the printed weighting has none
    classes, pairs = aduc(*inputs, alpha=0.0, **base), aduc(*inputs, alpha=1.0, beta=0.0, **base)

    loss = aduc(*inputs, alpha=alpha, weighting="printed")

    torch.testing.assert_close(loss, classes + alpha * pairs)


def test_printed_loss_times_the_positives_is_the_papers_sum():
    # Equations 1 and 2 summed to the letter, tau inside the exponential, classes with tau as well.
    inputs = CASES["mixed"]
    sums = []
    for i in range(6):
        classes = class_entries(inputs, i, None, 0.1)
        samples = sample_entries(inputs, i, 0.1)
        total = sum(classes) + sum(samples.values())
        sums.append(torch.zeros((), dtype=torch.float64))
        for p in positives(inputs, i):
            class_term = torch.log(classes[int(inputs.labels[i])] / total)
            sums[i] -= 0.3 * torch.log(samples[p] / total) + class_term
    counts = torch.tensor([2, 1, 2, 0, 1, 2])  # labels 0 1 0 2 1 0

    loss = aduc(*inputs, alpha=0.3, class_temperature=0.1, weighting="printed")

    torch.testing.assert_close(loss * counts, torch.stack(sums))


def test_released_losses_are_divided_by_the_base_temperature():
    inputs = CASES["mixed"]
    unscaled = aduc(*inputs, alpha=0.3, base_temperature=0.1)
    pairs = supervised_contrastive(*inputs[1:], classes=4, base_temperature=0.1)

    # The authors' 0.1 / 0.07 by default.
    torch.testing.assert_close(aduc(*inputs, alpha=0.3), unscaled * 10 / 7)
    torch.testing.assert_close(supervised_contrastive(*inputs[1:], classes=4), pairs * 10 / 7)


def test_printed_loss_has_no_base_temperature():
    inputs = CASES["mixed"]
    one, other = (
        aduc(*inputs, alpha=0.3, base_temperature=base, weighting="printed") for base in (0.07, 1.0)
    )

    assert torch.equal(one, other)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_aduc_passes_gradcheck(weighting):
    case = CASES["mixed"]

    def loss(logits: Tensor, features: Tensor) -> Tensor:
        inputs = in_batch(logits, features, case.labels)
        return aduc(*inputs, alpha=0.3, prior=PRIOR, temperature=0.4, weighting=weighting)

    leaves = (case.logits.clone().requires_grad_(), case.features.clone().requires_grad_())
    assert gradcheck(loss, leaves)


def test_supervised_contrastive_passes_gradcheck():
    case = CASES["one anchor without positives"]

    def loss(features: Tensor) -> Tensor:
        return supervised_contrastive(*in_batch(case.logits, features, case.labels)[1:], classes=4)

    assert gradcheck(loss, (case.features.clone().requires_grad_(),))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_losses_move_with_their_samples_when_the_batch_is_reordered(weighting):
    inputs = with_more_contrasts()
    anchors = torch.tensor([3, 1, 4, 0, 2])
    order = torch.randperm(11, generator=torch.Generator().manual_seed(0))
    place = torch.argsort(order)  # where a contrast went
    contrasts = Contrasts(
        inputs.contrasts.features[order],
        inputs.contrasts.labels[order],
        place[inputs.contrasts.own[anchors]],
    )
    moved = Inputs(
        inputs.logits[anchors], inputs.features[anchors], inputs.labels[anchors], contrasts
    )
    options = {"alpha": 0.3, "prior": PRIOR, "weighting": weighting}

    torch.testing.assert_close(aduc(*moved, **options), aduc(*inputs, **options)[anchors])
    torch.testing.assert_close(
        supervised_contrastive(*moved[1:], classes=4),
        supervised_contrastive(*inputs[1:], classes=4)[anchors],
    )


def extreme_inputs() -> Inputs:
    """Make nearly equal vectors and logits of +-60, whose exponentials overflow in float16."""
    generator = torch.Generator().manual_seed(3)
    features = 1 + 0.01 * torch.randn(8, 16, generator=generator)
    features = features / features.norm(dim=1, keepdim=True)
    signs = torch.tensor([1.0, -1.0]).repeat(8, 2)
    signs[::3] *= -1
    return in_batch(60 * signs, features, torch.tensor([0, 1, 2, 3, 0, 1, 2, 2]))


def losses_and_gradients(
    inputs: Inputs, dtype: torch.dtype, *, autocast: bool = False
) -> list[Tensor]:
    """Return all three losses and the gradients of their sum, for inputs of a type."""
    logits = inputs.logits.to(dtype).requires_grad_()
    features = inputs.features.to(dtype).requires_grad_()
    inputs = in_batch(logits, features, inputs.labels)
    options = {"alpha": 0.5, "prior": PRIOR.float(), "temperature": 0.07}
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):  # as Lightning: forward only
        losses = [aduc(*inputs, **options, weighting=weighting) for weighting in WEIGHTINGS]
        losses.append(supervised_contrastive(*inputs[1:], classes=4, temperature=0.07))
    return [*losses, *torch.autograd.grad(sum(map(torch.sum, losses)), (logits, features))]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_give_float32_losses_of_the_rounded_inputs(dtype):
    inputs = extreme_inputs()
    rounded = in_batch(
        inputs.logits.to(dtype).float(), inputs.features.to(dtype).float(), inputs.labels
    )
    *losses, logits, features = losses_and_gradients(inputs, dtype)
    *exact, exact_logits, exact_features = losses_and_gradients(rounded, torch.float32)

    assert all(torch.equal(loss, other) for loss, other in zip(losses, exact, strict=True))
    assert all(loss.isfinite().all() for loss in losses)
    for gradient, other in ((logits, exact_logits), (features, exact_features)):
        assert gradient.isfinite().all()
        # Two paths into the features (anchor, contrast), each rounded to the half type.
        limit = 4 * torch.finfo(dtype).eps * float(other.abs().max())
        torch.testing.assert_close(gradient.float(), other, rtol=0, atol=limit)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_autocast_changes_nothing(dtype):
    outside = losses_and_gradients(extreme_inputs(), dtype)
    inside = losses_and_gradients(extreme_inputs(), dtype, autocast=True)

    assert all(torch.equal(a, b) for a, b in zip(outside, inside, strict=True))


def test_contrasts_of_another_type_follow_the_anchors():
    # Under autocast a queue may hold float32 where the batch has half types, and the reverse.
    inputs = extreme_inputs()
    half = inputs.contrasts._replace(features=inputs.contrasts.features.half())
    full = inputs.contrasts._replace(features=inputs.contrasts.features.half().float())

    mixed = aduc(*inputs._replace(contrasts=half), alpha=0.5)

    assert torch.equal(mixed, aduc(*inputs._replace(contrasts=full), alpha=0.5))


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_logits_keep_value_and_gradient_finite(size):
    inputs = extreme_inputs()._replace(logits=torch.full((8, 4), size))
    results = losses_and_gradients(inputs, torch.float32)

    assert all(result.isfinite().all() for result in results)


def test_float32_is_near_float64():
    inputs = CASES["contrasts beyond the anchors"]
    contrasts = inputs.contrasts._replace(features=inputs.contrasts.features.float())
    single = Inputs(inputs.logits.float(), inputs.features.float(), inputs.labels, contrasts)

    for weighting in WEIGHTINGS:
        loss = aduc(*single, alpha=1.0, prior=PRIOR, weighting=weighting)
        assert loss.dtype == torch.float32
        exact = slow_aduc(inputs, alpha=1.0, prior=PRIOR, weighting=weighting)
        torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=1e-5)


def test_inputs_are_left_as_they_were():
    inputs = random_inputs([0, 1, 0, 2, 1, 0], seed=5)
    before = [inputs.logits.clone(), inputs.features.clone(), inputs.labels.clone()]

    aduc(*inputs, alpha=0.3, prior=PRIOR)
    supervised_contrastive(*inputs[1:], classes=4)

    assert all(torch.equal(a, b) for a, b in zip(before, inputs[:3], strict=True))
