"""Test when class weights begin, what they multiply, and which methods take them."""

from functools import partial

import pytest
import torch
from hydra.utils import get_object
from torch import Tensor

from aduni.batch import Batch
from aduni.config.instantiate import build
from aduni.errors import UserError
from aduni.losses.softmax import cross_entropy, focal
from aduni.losses.weights import effective_number_weights, inverse_weights
from aduni.methods.base import DataInfo
from aduni.methods.class_weights import ClassWeights, WeightedMean
from aduni.methods.mixing import Mixing
from aduni.methods.softmax import Softmax
from composing import networks, options, settings_of
from tiny_encoder import TinyEncoder

COUNTS = torch.tensor([400.0, 60.0, 5.0])
LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2])
LOSSES = torch.tensor([0.5, 0.25, 1, 2, 1, 3, 0.125, 4, 2])
REFUSE = (
    *("aduni", "balms", "bcl", "cicl", "decouple", "ecl", "label_over_smoothing", "mislas", "paco"),
    "dummy",
)
TAKE = [name for name in networks() if name not in REFUSE]


def info(epochs: int = 200) -> DataInfo:
    return DataInfo(COUNTS, (COUNTS / COUNTS.sum()).repeat(epochs, 1), epochs)


def mean(epochs: int = 200, epoch: int = 0, **options) -> Tensor:
    given = ClassWeights(inverse_weights, **options)
    value: Tensor = WeightedMean(given, info(epochs))(LOSSES, LABELS, epoch)
    return value


def by_hand(divide_by: str) -> float:
    """Loop over images with the weights n / (C n_c)."""
    total = divisor = 0.0
    for loss, label in zip(LOSSES.tolist(), LABELS.tolist(), strict=True):
        weight = 465 / 3 / COUNTS[label].item()
        total += weight * loss
        divisor += weight if divide_by == "weights" else 1
    return total / divisor


@pytest.mark.parametrize("divide_by", ["weights", "images"])
def test_the_mean_is_the_loop(divide_by):
    assert mean(divide_by=divide_by).item() == pytest.approx(by_hand(divide_by))
    assert by_hand(divide_by) != pytest.approx(LOSSES.mean().item(), rel=0.1)


def test_the_scale_of_the_weights_has_no_effect_on_a_mean_that_divides_by_them():
    def larger(counts: Tensor) -> Tensor:
        return 7 * inverse_weights(counts)

    means = [WeightedMean(ClassWeights(f), info())(LOSSES, LABELS, 0) for f in (larger,)]
    torch.testing.assert_close(means[0], mean())


# LDAM's released code re-weights from epoch 160 of 200 on.
@pytest.mark.parametrize(
    ("deferred", "epochs", "first"),
    [
        *[(0.8, 200, 160), (0.8, 5, 4), (0.8, 10, 8), (0.8, 1, 1), (0.0, 3, 0), (1.0, 7, 7)],
        *[(0.55, 20, 11), (0.35, 100, 35), (0.5, 3, 2), (0.01, 5, 1)],
    ],
)
def test_weights_begin_after_their_share_of_the_epochs(deferred, epochs, first):
    plain = WeightedMean(None, info(epochs))(LOSSES, LABELS, 0)
    weighted = [mean(epochs, e, deferred=deferred).item() != plain.item() for e in range(epochs)]

    assert weighted == [epoch >= first for epoch in range(epochs)]


def test_without_weights_the_mean_is_plain_in_every_epoch():
    for given in (None, ClassWeights(), ClassWeights(deferred=0.5)):
        assert WeightedMean(given, info())(LOSSES, LABELS, 199) == LOSSES.mean()


def test_weights_move_with_the_method_and_are_no_state():
    module = WeightedMean(ClassWeights(inverse_weights), info())

    assert not module.state_dict()
    assert module.to("meta").weights.is_meta


def method(**options) -> Softmax:
    torch.manual_seed(0)
    return Softmax(TinyEncoder(), info(), **{"loss": cross_entropy, "dropout": 0.0, **options})


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (1, 9, 3, 2, 2), dtype=torch.uint8, generator=generator)
    return Batch(views, LABELS, torch.arange(9))


@torch.no_grad()
@pytest.mark.parametrize("loss", [cross_entropy, focal], ids=["ce", "focal"])
def test_a_method_weights_any_loss_on_logits(batch, loss):
    own = method(loss=loss, class_weights=ClassWeights(inverse_weights))
    single = loss(own(batch.views[0]), LABELS, COUNTS)
    weights = inverse_weights(COUNTS)[LABELS]

    found = own.loss(batch, 0)["loss"]

    torch.testing.assert_close(found, (single * weights).sum() / weights.sum())


@torch.no_grad()
def test_with_mixup_each_label_has_its_own_weight(batch, monkeypatch):
    order = torch.tensor([8, 0, 7, 1, 6, 2, 5, 3, 4])
    monkeypatch.setattr(torch, "randperm", lambda n, device: order)
    monkeypatch.setattr(torch.distributions.Beta, "sample", lambda self: torch.tensor(0.25))
    own = method(mixing=Mixing("mixup"), class_weights=ClassWeights(inverse_weights))
    images = batch.views[0].float()
    logits = own(0.25 * images + 0.75 * images[order])
    total = divisor = 0.0
    for share, labels in ((0.25, LABELS), (0.75, LABELS[order])):
        weights = share * inverse_weights(COUNTS)[labels]
        total += weights @ cross_entropy(logits, labels, COUNTS)
        divisor += weights.sum()

    torch.testing.assert_close(own.loss(batch, 0)["loss"], total / divisor)


def test_a_first_stage_is_told_apart_by_its_weights():
    plain, equal = method().loss_id, method(class_weights=ClassWeights()).loss_id
    weighted = [
        method(class_weights=ClassWeights(partial(effective_number_weights, beta=beta))).loss_id
        for beta in (0.9, 0.99)
    ]

    assert plain == equal == {"loss": "cross_entropy", "mixup": 0.0}
    assert weighted[0] == plain | {
        **{"class_weights": "effective_number_weights", "beta": 0.9},
        **{"deferred": 0.0, "divide_by": "weights"},
    }
    assert weighted[0] != weighted[1]


@pytest.mark.parametrize("option", options("class_weights"))
@pytest.mark.parametrize("name", TAKE)
def test_every_loss_on_logits_goes_with_all_weights(name, option):
    settings = settings_of(f"method={name}", f"class_weights={option}")

    built = build(settings.method["class_weights"])
    assert settings.names.class_weights == option
    assert (built.weights is None) == (option == "none")
    if built.weights is not None:
        assert built.weights(COUNTS).shape == (3,)


@pytest.mark.parametrize("name", REFUSE)
def test_other_methods_refuse_class_weights(name):
    assert settings_of(f"method={name}", "class_weights=none")
    with pytest.raises(UserError, match=f"method={name} .* class_weights=inverse; leave it out"):
        settings_of(f"method={name}", "class_weights=inverse")


def test_methods_say_whether_they_take_weights():
    for name in networks():
        node = settings_of(f"method={name}").method
        assert get_object(node["_target_"]).takes_class_weights == (name in TAKE)


def test_options_of_ldam_stay_with_other_weights():
    settings = settings_of("method=ldam", "class_weights=inverse", "class_weights.deferred=0.5")

    assert settings.method["class_weights"] == settings.class_weights
    assert settings.class_weights["weights"]["_target_"] == "aduni.losses.inverse_weights"
    assert settings.class_weights["deferred"] == 0.5
    assert settings_of("method=ldam", "class_weights=inverse").class_weights["deferred"] == 0.8


@pytest.mark.parametrize("value", ["deferred=1.5", "deferred=-0.1", "divide_by=classes"])
def test_values_are_checked(value):
    key = value.partition("=")[0]
    with pytest.raises(UserError, match=f"class_weights.{key}"):
        settings_of("method=ce", "class_weights=inverse", f"class_weights.{value}")
