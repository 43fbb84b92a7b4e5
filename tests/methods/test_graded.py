"""Test the methods for grades: CORN, and losses that depend on the order of the classes."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional

from aduni.batch import Batch
from aduni.config.build import _check_grades, build_data_and_method
from aduni.errors import UserError
from aduni.losses.grades import corn, corn_log_probabilities
from aduni.losses.weights import inverse_weights
from aduni.methods.base import DataInfo
from aduni.methods.class_weights import ClassWeights
from aduni.methods.corn import CORN
from composing import GRADED, networks, settings_of
from tiny_encoder import TinyEncoder

COUNTS = torch.tensor([60.0, 30.0, 8.0, 2.0])
LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 3])


def make(counts: torch.Tensor = COUNTS, **options: Any) -> CORN:
    torch.manual_seed(0)
    info = DataInfo(counts, (counts / counts.sum()).repeat(4, 1), 4, "ordinal")
    return CORN(TinyEncoder(), info, **{"dropout": 0.0, **options})


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (1, 9, 3, 2, 2), dtype=torch.uint8, generator=generator)
    return Batch(views, LABELS, torch.arange(9))


@torch.no_grad()
def by_hand(method: CORN, batch: Batch, weights: list[float], divide_by: str) -> float:
    """Loop over tasks: the images that have reached grade k, each with its own weight."""
    logits = method.classifier(method.encoder(batch.views[0]))
    total = divisor = 0.0
    for task in range(3):
        for row, y in zip(logits, batch.labels.tolist(), strict=True):
            if y >= task:
                answer = torch.tensor(float(y > task))
                loss = functional.binary_cross_entropy_with_logits(row[task], answer).item()
                total += weights[y] * loss
                divisor += weights[y] if divide_by == "weights" else 1
    return total / divisor


def test_the_loss_is_the_mean_over_images_and_tasks(batch):
    method = make()

    found = method.loss(batch, 0)["loss"].item()
    assert found == pytest.approx(by_hand(method, batch, [1.0] * 4, "weights"), rel=1e-5)


@pytest.mark.parametrize("divide_by", ["weights", "images"])
def test_class_weights_are_of_images_not_of_tasks(batch, divide_by):
    method = make(class_weights=ClassWeights(inverse_weights, divide_by=divide_by))
    weights = inverse_weights(COUNTS).tolist()

    found = method.loss(batch, 0)["loss"].item()
    assert found == pytest.approx(by_hand(method, batch, weights, divide_by), rel=1e-5)


@torch.no_grad()
def test_forward_gives_log_probabilities_of_all_classes(batch):
    method = make()

    found = method(batch.views[0])

    assert found.shape == (9, 4)
    torch.testing.assert_close(found.exp().sum(dim=1), torch.ones(9))
    logits = method.classifier(method.encoder(batch.views[0]))
    torch.testing.assert_close(found, corn_log_probabilities(logits))
    assert method.classifier.linear.out_features == 3


def test_of_two_classes_it_is_logistic_regression(batch):
    method = make(torch.tensor([90.0, 10]))
    binary = batch._replace(labels=(LABELS > 1).long())
    logits = method.classifier(method.encoder(batch.views[0])).squeeze(1)
    expected = functional.binary_cross_entropy_with_logits(logits, binary.labels.float())

    torch.testing.assert_close(method.loss(binary, 0)["loss"], expected)


def test_a_batch_without_the_higher_grades_trains_the_first_task_alone(batch):
    method = make()
    method.loss(batch._replace(labels=torch.zeros(9, dtype=torch.int64)), 0)["loss"].backward()

    gradient = method.classifier.linear.weight.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert (gradient[0] != 0).any()
    assert (gradient[1:] == 0).all()


def test_one_image_is_enough(batch):
    one = Batch(batch.views[:, -1:], LABELS[-1:], torch.arange(1))
    method = make()
    logits = method.classifier(method.encoder(one.views[0]))

    expected = corn(logits, one.labels, COUNTS) / 3
    torch.testing.assert_close(method.loss(one, 0)["loss"], expected[0])


@pytest.mark.parametrize("name", GRADED)
def test_classes_without_an_order_are_refused(name):
    settings = settings_of(f"method={name}", "dataset=digits")

    with pytest.raises(UserError, match=f"method={name} is for grades.*dataset.classes"):
        build_data_and_method(settings)


@pytest.mark.parametrize("name", networks())
def test_grades_are_accepted_by_all_and_needed_by_these_alone(name):
    settings = settings_of(f"method={name}")
    for is_ordinal in (True, False):
        data: Any = SimpleNamespace(table=SimpleNamespace(is_ordinal=is_ordinal), title="Mine")
        if name in GRADED and not is_ordinal:
            with pytest.raises(UserError, match="the classes of Mine have no order"):
                _check_grades(settings, data)
        else:
            _check_grades(settings, data)
