"""Test the start from class means against a loop, and what is trained from there."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from aduni.batch import Batch
from aduni.losses.softmax import logit_adjusted
from aduni.methods.base import DataInfo
from aduni.methods.cosine_means import CosineMeans
from tiny_encoder import TinyEncoder

COUNTS = torch.tensor([40.0, 15.0, 5.0])


def make(counts: torch.Tensor = COUNTS, **options: Any) -> CosineMeans:
    torch.manual_seed(0)
    encoder: Any = TinyEncoder()
    return CosineMeans(encoder, DataInfo(counts, counts.repeat(4, 1) / counts.sum(), 4), **options)


@pytest.fixture
def batches() -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    shape = (1, 60, 3, 2, 2)
    views = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.arange(3).repeat_interleave(COUNTS.int())[
        torch.randperm(60, generator=generator)
    ]
    halves = (slice(0, 25), slice(25, 60))
    return [Batch(views[:, half], labels[half], torch.arange(60)[half]) for half in halves]


def slow_means(method: CosineMeans, batches: list[Batch]) -> list[list[float]]:
    """Unit means of unit features, number by number."""
    sums = [[0.0] * 6 for _ in range(3)]
    for batch in batches:
        features = method.encoder(batch.views[0]).double().tolist()
        for feature, label in zip(features, batch.labels.tolist(), strict=True):
            norm = math.sqrt(sum(x * x for x in feature))
            sums[label] = [total + x / norm for total, x in zip(sums[label], feature, strict=True)]
    return [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in sums]


@torch.no_grad()
def test_weights_start_as_the_class_means_and_predict_the_nearest_one_by_cosine(batches):
    method, parts = make(), []
    (stage,) = method.stages
    expected = torch.tensor(slow_means(method, batches))

    found = stage.on_start(lambda part: (parts.append(part), batches)[1])

    assert (found, parts) == ({}, ["train"])
    torch.testing.assert_close(method.classifier.weight, expected)
    for batch in batches:
        unit = functional.normalize(method.encoder(batch.views[0]))
        nearest = (unit @ expected.T).argmax(dim=1)
        assert torch.equal(method(batch.views[0]).argmax(dim=1), nearest)


@torch.no_grad()
def test_a_class_without_images_keeps_its_random_unit_vector(batches):
    method = make(torch.tensor([40.0, 15.0, 0.0]))
    random = method.classifier.weight[2].clone()
    seen = [batch._replace(labels=batch.labels % 2) for batch in batches]

    method.start_from_means(lambda part: seen)

    assert torch.equal(method.classifier.weight[2], random)
    assert random.norm().item() == pytest.approx(1)
    assert torch.isfinite(method.loss(seen[0], 0)["loss"])


@torch.no_grad()
def test_features_are_taken_in_evaluation_mode(batches):
    method = make().train()
    modes = []
    method.encoder.register_forward_hook(lambda module, *_: modes.append(module.training))

    method.start_from_means(lambda part: batches)

    assert modes == [False, False]


@torch.no_grad()
def test_cached_features_of_a_frozen_encoder_start_it_alike(batches):
    class PassesFeatures(TinyEncoder):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images if images.ndim == 2 else super().forward(images)

    method = make()
    method.start_from_means(lambda part: batches)
    expected = method.classifier.weight.clone()
    method.encoder.__class__ = PassesFeatures
    cached = [each._replace(views=method.encoder(each.views[0])[None]) for each in batches]

    method.start_from_means(lambda part: cached)

    assert torch.equal(method.classifier.weight, expected)


@torch.no_grad()
def test_it_trains_with_the_prior_and_predicts_without(batches):
    method = make(tau=0.5, scale=7.0)
    cosines = method.classifier(method.encoder(batches[0].views[0]))
    expected = logit_adjusted(7 * cosines, batches[0].labels, COUNTS, tau=0.5).mean()

    torch.testing.assert_close(method.loss(batches[0], 0)["loss"], expected)
    torch.testing.assert_close(method(batches[0].views[0]), 7 * cosines)
