"""The modules are the means of the functions, and learn with torch's own loop."""

import pytest
import torch
from torch.nn import functional

from aduni import losses
from aduni.losses.contrastive import Contrasts

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(8, 3, generator=GENERATOR)
FEATURES = torch.randn(8, 5, generator=GENERATOR)
LABELS = torch.tensor([0, 0, 1, 2, 0, 0, 1, 2])
COUNTS = [90, 9, 1]
UNIT = functional.normalize(FEATURES, dim=1)
CONTRASTS = Contrasts(UNIT, LABELS, torch.arange(8))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cross_entropy", {}),
        ("balanced_softmax", {}),
        ("logit_adjusted", {"tau": 0.5}),
        ("focal", {"gamma": 1.0}),
        ("label_aware_smoothing", {"head": 0.4}),
        ("label_smoothing", {"smoothing": 0.5}),
        ("ldam", {"max_margin": 0.3}),
    ],
)
def test_a_loss_on_logits_is_the_mean_of_its_function(name, options):
    function = getattr(losses, name)
    expected = function(LOGITS, LABELS, torch.tensor(COUNTS).float(), **options).mean()
    assert losses.LogitLoss(function, COUNTS, **options)(LOGITS, LABELS) == expected


def test_cross_entropy_is_that_of_torch():
    module = losses.LogitLoss(losses.cross_entropy, COUNTS)
    torch.testing.assert_close(module(LOGITS, LABELS), torch.nn.CrossEntropyLoss()(LOGITS, LABELS))


def test_supervised_contrastive_scales_features_to_unit_length():
    loss = losses.SupervisedContrastiveLoss(temperature=0.2, base_temperature=0.2)
    expected = losses.supervised_contrastive(
        UNIT, LABELS, CONTRASTS, classes=3, temperature=0.2, base_temperature=0.2
    )
    torch.testing.assert_close(loss(FEATURES, LABELS), expected.mean())
    torch.testing.assert_close(loss(7 * FEATURES, LABELS), expected.mean())


@pytest.mark.parametrize("prototypes", [None, FEATURES[:3].flip(1)], ids=["none", "prototypes"])
def test_balanced_contrastive_scales_features_and_prototypes_to_unit_length(prototypes):
    contrasts = CONTRASTS
    if prototypes is not None:
        unit = functional.normalize(prototypes, dim=1)
        contrasts = losses.with_prototypes(CONTRASTS, unit, torch.arange(3))
    expected = losses.balanced_contrastive(UNIT, LABELS, contrasts, classes=3, temperature=0.2)
    loss = losses.BalancedContrastiveLoss(classes=3, temperature=0.2)
    longer = None if prototypes is None else 5 * prototypes
    torch.testing.assert_close(loss(7 * FEATURES, LABELS, longer), expected.mean())


@pytest.mark.parametrize("weighting", ["released", "printed"])
def test_aduc_is_the_mean_of_its_function(weighting):
    prior = torch.tensor([0.9, 0.09, 0.01])
    expected = losses.aduc(
        LOGITS, UNIT, LABELS, CONTRASTS, alpha=0.3, beta=0.7, prior=prior, weighting=weighting
    )
    loss = losses.AduCLoss(COUNTS, weighting=weighting)
    torch.testing.assert_close(loss(LOGITS, FEATURES, LABELS, alpha=0.3, beta=0.7), expected.mean())


def test_aduc_without_pairs_and_counts_is_scaled_cross_entropy_over_classes_and_samples():
    loss = losses.AduCLoss()(LOGITS, FEATURES, LABELS, alpha=0.0)
    similar = (UNIT @ UNIT.T / 0.1).masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf)
    expected = functional.cross_entropy(torch.cat([LOGITS, similar], dim=1), LABELS) * 0.1 / 0.07
    torch.testing.assert_close(loss, expected)


def test_counts_move_with_the_module_and_are_no_state():
    loss = losses.LogitLoss(losses.balanced_softmax, COUNTS)
    assert loss.to("meta").class_counts.device.type == "meta"
    assert not loss.state_dict()
    assert not losses.AduCLoss(COUNTS).state_dict()
