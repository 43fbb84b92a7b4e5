"""Test the mixing of images: boxes and factors against loops, limits, and both labels' losses."""

import math
from typing import Any

import pytest
import torch

from aduni.batch import Batch
from aduni.losses.softmax import cross_entropy, focal
from aduni.losses.weights import inverse_weights
from aduni.methods.base import DataInfo
from aduni.methods.class_weights import ClassWeights
from aduni.methods.lade import LADE
from aduni.methods.mixing import DEFAULTS, Mixing, paste
from aduni.methods.softmax import Softmax
from tiny_encoder import TinyEncoder

COUNTS = torch.tensor([400.0, 60.0, 5.0])
LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2])
PARTNERS = torch.tensor([2, 2, 1, 0, 1, 2, 0, 1, 2])
KINDS = [kind for kind in DEFAULTS if kind != "none"]


def make(kind: Any, **options: Any) -> Any:
    torch.manual_seed(0)
    return kind(TinyEncoder(), DataInfo(COUNTS, COUNTS.repeat(4, 1) / 465, 4), **options)


def draw_batch(side: int = 2) -> Batch:
    """Nine images, and nine class-balanced partners behind them."""
    generator = torch.Generator().manual_seed(1)
    shape = (1, 18, 3, side, side)
    views = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return Batch(views, torch.cat([LABELS, PARTNERS]), torch.arange(18), total=9)


def without_partners(batch: Batch) -> Batch:
    return Batch(batch.views[:, :9], batch.labels[:9], batch.indices[:9], total=9)


def make_softmax(mixing: Mixing | None = None, **options) -> Softmax:
    return make(Softmax, **{"loss": cross_entropy, "dropout": 0.0, "mixing": mixing} | options)


def fix_factor(monkeypatch, value: float) -> None:
    monkeypatch.setattr(torch.distributions.Beta, "sample", lambda self: torch.tensor(value))


def slow_paste(images, partners, share, centre):
    """Paste pixel by pixel, as written in Park et al. 2022 and the release of CutMix."""
    count, _, height, width = images.shape
    tall, wide = (int(side * math.sqrt(1 - share)) for side in (height, width))
    mixed, pasted = images.clone(), 0
    for y in range(height):
        for x in range(width):
            inside_y = centre[0] - tall // 2 <= y < centre[0] + tall // 2
            inside_x = centre[1] - wide // 2 <= x < centre[1] + wide // 2
            if inside_y and inside_x:
                pasted += 1
                for number in range(count):
                    mixed[number, :, y, x] = partners[number, :, y, x]
    return mixed, 1 - pasted / (height * width)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.37, 0.9, 0.999, 1.0])
def test_a_box_is_pasted_as_by_a_loop_and_its_clipped_area_is_the_label_weight(share):
    images = torch.rand(2, 3, 7, 10, dtype=torch.float64)
    partners = 2 + torch.rand(2, 3, 7, 10, dtype=torch.float64)
    for seed in range(20):
        torch.manual_seed(seed)
        mixed, kept = paste(images, partners, share)
        torch.manual_seed(seed)
        centre = [int(torch.randint(side, ())) for side in (7, 10)]

        expected, area = slow_paste(images, partners, share, centre)
        assert torch.equal(mixed, expected)
        assert kept == area
        assert (mixed == images).double().mean().item() == pytest.approx(area)


def test_a_box_of_an_image_of_8_pixels_by_hand(monkeypatch):
    monkeypatch.setattr(torch, "randint", lambda side, size: torch.tensor(1))
    zeros, ones = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)

    mixed, kept = paste(
        zeros, ones, 0.75
    )  # sides of 4, rows and columns -1 to 2, clipped to 0 to 2

    assert mixed[0, 0, :3, :3].sum() == mixed[0, 0].sum() == 9
    assert kept == 1 - 9 / 64


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", [cross_entropy, focal])
@torch.no_grad()
def test_the_loss_is_that_of_both_labels_by_their_shares(kind, loss):
    balanced = kind in ("balanced_mixup", "cmo")
    batch = draw_batch(4) if balanced else without_partners(draw_batch(4))
    mixing = Mixing(kind, a=0.7, probability=1, plain_share=0)
    method = make_softmax(mixing, loss=loss).double()
    method.encoder.linear = torch.nn.Linear(48, 6).double()

    torch.manual_seed(3)
    found = method.loss(batch, 1)["loss"]
    torch.manual_seed(3)
    mixed = mixing(batch.views[0], batch.labels, 1, 4)

    total = torch.zeros((), dtype=torch.float64)
    for image, own, other in zip(mixed.images, mixed.labels, mixed.other_labels, strict=True):
        logits = method._logits(image[None].double())
        for share, label in ((mixed.share, own), (1 - mixed.share, other)):
            total += share * loss(logits, label[None], COUNTS.double())[0] / 9
    torch.testing.assert_close(found, total, atol=1e-6, rtol=1e-6)  # images / 255 in float32
    assert torch.equal(mixed.labels, LABELS)
    assert not balanced or torch.equal(mixed.other_labels, PARTNERS)


@pytest.mark.parametrize("kind", ["balanced_mixup", "cmo"])
def test_without_any_of_the_partner_the_loss_is_that_of_the_batch_to_the_bit(kind, monkeypatch):
    fix_factor(monkeypatch, 0.0 if kind == "balanced_mixup" else 1.0)
    plain, mixed = make_softmax(), make_softmax(Mixing(kind, probability=1, plain_share=0))
    losses = []
    for method, batch in ((plain, without_partners(draw_batch())), (mixed, draw_batch())):
        loss = method.loss(batch, 0)["loss"]
        loss.backward()
        losses.append((loss, method.classifier.linear.weight.grad))

    assert torch.equal(losses[0][0], losses[1][0])
    assert torch.equal(losses[0][1], losses[1][1])


def test_the_factor_of_balanced_mixup_is_the_weight_of_the_partner(monkeypatch):
    fix_factor(monkeypatch, 0.25)
    batch = draw_batch()
    mixed = Mixing("balanced_mixup")(batch.views[0], batch.labels, 0, 1)

    views = batch.views[0].float()
    torch.testing.assert_close(mixed.images, 0.75 * views[:9] + 0.25 * views[9:])
    assert mixed.share == 0.75


def test_the_factor_of_balanced_mixup_follows_beta_a_1():
    torch.manual_seed(0)
    mixing = Mixing("balanced_mixup", a=0.2)
    weights = torch.tensor([1 - mixing._draw_share() for _ in range(4000)])

    # Beta(a, 1) has the distribution function x^a, of mean a / (a + 1).
    assert weights.mean().item() == pytest.approx(0.2 / 1.2, abs=4 * weights.std().item() / 63)
    for x in (0.01, 0.3, 0.8):
        assert (weights <= x).double().mean().item() == pytest.approx(x**0.2, abs=0.03)


def test_some_batches_and_epochs_stay_plain():
    batch = draw_batch(32)
    mixing = Mixing("cmo", plain_share=0.02)
    torch.manual_seed(0)
    shares = [mixing(batch.views[0], batch.labels, 100, 200).share for _ in range(400)]
    on = [mixing(batch.views[0], batch.labels, e, 200).other_labels is not None for e in range(200)]

    assert sum(share == 1 for share in shares) / 400 == pytest.approx(0.5, abs=0.1)
    assert [e for e in range(200) if not on[e]] == [0, 1, 2, 3, 196, 197, 198, 199]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_random_numbers_mix_alike(kind):
    batch = draw_batch(8)
    runs = []
    for _ in range(2):
        torch.manual_seed(4)
        runs.append([Mixing(kind)(batch.views[0], batch.labels, 1, 4) for _ in range(5)])

    for one, other in zip(*runs, strict=True):
        assert torch.equal(one.images, other.images)
        assert one.share == other.share


def test_a_batch_without_some_classes_has_a_finite_loss():
    batch = draw_batch()._replace(labels=torch.zeros(18, dtype=torch.int64))
    weights = ClassWeights(inverse_weights)
    for kind in KINDS:
        mixing = Mixing(kind, probability=1, plain_share=0)
        for method in (make_softmax(mixing, class_weights=weights), make_lade(mixing)):
            assert torch.isfinite(method.loss(batch, 1)["loss"])


def make_lade(mixing: Mixing) -> LADE:
    return make(LADE, loss=cross_entropy, dropout=0.0, mixing=mixing)


def test_only_balanced_kinds_ask_for_partners():
    asked = {kind: make_softmax(Mixing(kind)).stages[0].balanced_partners for kind in DEFAULTS}
    assert {kind for kind, value in asked.items() if value} == {"balanced_mixup", "cmo"}


def test_stages_of_another_mixing_are_told_apart():
    mixings = [*map(Mixing, DEFAULTS), Mixing("cmo", a=2.0), Mixing("mixup", probability=0.5)]
    ids = [make_softmax(each).loss_id for each in mixings]

    assert len({tuple(sorted(each.items())) for each in ids}) == len(mixings)
    assert ids[0] == {"loss": "cross_entropy", "mixup": 0.0}  # as earlier versions stored them
    assert ids[1] == {"loss": "cross_entropy", "mixup": 0.2}
