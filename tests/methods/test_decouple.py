"""Compare Decouple's four classifiers with their definitions."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from aduni.batch import Batch
from aduni.losses.softmax import balanced_softmax, cross_entropy, focal
from aduni.methods.base import DataInfo
from aduni.methods.decouple import Decouple
from aduni.methods.mixing import Mixing

WEIGHTS = torch.tensor([[3.0, 4.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.25]])  # norms 5, 1, 1/4


class Pixels(nn.Module):
    """Encoder whose features are the first three pixels."""

    features = 3
    is_frozen = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :3].float()


def make_method(**options: Any) -> Decouple:
    encoder: Any = Pixels()
    info = DataInfo(torch.tensor([8.0, 1.0, 1.0]), torch.full((20, 3), 1 / 3), 20)
    method = Decouple(encoder, info, **{"loss": cross_entropy, "dropout": 0.0} | options)
    with torch.no_grad():
        method.classifier.linear.weight.copy_(WEIGHTS)
        method.classifier.linear.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    return method


def make_batch(pixels: list[list[int]], labels: list[int]) -> Batch:
    views = torch.zeros(1, len(labels), 3, 2, 2, dtype=torch.uint8)
    views.flatten(2)[0, :, :3] = torch.tensor(pixels, dtype=torch.uint8)
    return Batch(views, torch.tensor(labels), torch.arange(len(labels)))


def reader(**parts: list[Batch]) -> Any:
    return lambda part: parts[part]


VALIDATION = make_batch([[1, 1, 0], [0, 9, 0], [0, 1, 9]], [0, 1, 2])


def test_the_first_stage_is_cross_entropy_on_encoder_and_classifier():
    first, _ = make_method().stages

    assert (first.epochs, first.trainable) == (20, ("encoder", "classifier"))
    assert first.sampler is None  # the run's


def test_a_stage_of_another_loss_has_another_objective():
    losses = (
        cross_entropy,
        partial(focal, gamma=1.0),
        partial(focal, gamma=2.0),
        partial(balanced_softmax),
    )
    mixings = (Mixing(), Mixing("mixup"))
    stages = [make_method(loss=loss, mixing=each).stages for loss in losses for each in mixings]

    found = [tuple(sorted(first.loss_id.items())) for first, _ in stages]
    assert len(set(found)) == 8
    assert not any(second.loss_id for _, second in stages)  # no other run can take it


@pytest.mark.parametrize(("kind", "learns"), [("crt", "classifier"), ("lws", "scale")])
def test_learned_classifiers_take_a_tenth_of_the_epochs_on_their_own_sampler(kind, learns):
    _, second = make_method(classifier=kind, classifier_sampler="balanced").stages

    assert (second.epochs, second.trainable, second.sampler) == (2, (learns,), "balanced")


def test_crt_forgets_the_first_classifier():
    method = make_method()
    method.stages[1].on_start(reader())

    assert not torch.isclose(method.classifier.linear.weight, WEIGHTS).any()


def test_a_new_classifier_without_steps_is_refused(refusal):
    refusal(lambda: make_method(classifier_share=0.0), "method.classifier_share=0")


@pytest.mark.parametrize(
    "options",
    [{"reinitialise": False}, *({"classifier": kind} for kind in ("lws", "tau_norm", "ncm"))],
    ids=str,
)
def test_classifiers_that_start_from_the_first_stage_need_no_steps(options):
    _, second = make_method(classifier_share=0.0, **options).stages

    assert second.epochs == 0


def test_lws_learns_a_factor_per_class_and_no_weights():
    method = make_method(classifier="lws")
    images = VALIDATION.views[0]
    before = method(images)
    with torch.no_grad():
        method.scale.factors.copy_(torch.tensor([1.0, 2.0, 0.5]))

    torch.testing.assert_close(method(images), before * torch.tensor([1.0, 2.0, 0.5]))
    assert [name for name, _ in method.scale.named_parameters()] == ["factors"]


def test_tau_norm_at_tau_zero_changes_the_bias_alone():
    method = make_method(classifier="tau_norm", tau_grid=[0.0])
    found = method.stages[1].on_start(reader(validation=[VALIDATION]))

    assert found == {"tau": 0.0}
    torch.testing.assert_close(method.classifier.linear.weight, WEIGHTS)
    assert method.classifier.linear.bias.tolist() == [0, 0, 0]


def test_tau_norm_divides_by_the_norm_to_the_power_of_tau():
    method = make_method(classifier="tau_norm", tau_grid=[0.5])
    method.stages[1].on_start(reader(validation=[VALIDATION]))

    expected = torch.stack([WEIGHTS[0] / 5**0.5, WEIGHTS[1], WEIGHTS[2] / 0.5])
    torch.testing.assert_close(method.classifier.linear.weight, expected)


def test_tau_is_the_smallest_of_those_with_the_best_macro_f1():
    # Scores of (0, 9, 0): 36 / 5^tau for class 0 against 9 for class 1: right from tau = 1 on,
    # as 5^tau > 4. Of (0, 1, 9): 9 / 4^(1 - tau) for class 2 against 4 / 5^tau: right before.
    method = make_method(classifier="tau_norm", tau_grid=[1.5, 0.0, 1.0, 0.5, 2.0])

    found = method.stages[1].on_start(reader(validation=[VALIDATION]))

    # At tau 1.5 the image of class 0 still scores 7 / 5^1.5 = 0.63, less than class 1's 1.
    assert found == {"tau": 1.0}
    assert method(VALIDATION.views[0]).argmax(dim=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("grid", [[1.0, 1.1], [1.1, 1.05, 1.0], [1.05, 1.0, 1.1]])
def test_of_equally_good_taus_the_smallest_is_taken(grid):
    method = make_method(classifier="tau_norm", tau_grid=grid)

    # Each is right about all three images: 7 / 5^1.1 = 1.19 for class 0 against class 1's 1.
    assert method.stages[1].on_start(reader(validation=[VALIDATION])) == {"tau": 1.0}


def test_ncm_compares_with_class_means_by_cosine():
    # Batches of two and one: means (2, 0, 0), (0, 2, 2) over both, and (3, 3, 0).
    train = [
        make_batch([[1, 0, 0], [0, 4, 0]], [0, 1]),
        make_batch([[3, 0, 0], [0, 0, 4], [3, 3, 0]], [0, 1, 2]),
    ]
    method = make_method(classifier="ncm")
    method.stages[1].on_start(reader(train=train))

    half = 0.5**0.5
    expected = torch.tensor([[1.0, 0, 0], [0, half, half], [half, half, 0]])
    torch.testing.assert_close(method.classifier.linear.weight, expected)
    # Nearest by cosine, not by distance: (200, 90, 0) leans to (1, 0, 0), (90, 80, 0) to class 2.
    far = make_batch([[200, 90, 0], [90, 80, 0], [0, 1, 1]], [0, 2, 1])
    cosines = nn.functional.normalize(far.views[0].flatten(1)[:, :3].float()) @ expected.T
    assert torch.equal(method(far.views[0]).argmax(1), cosines.argmax(1))
    assert method(far.views[0]).argmax(dim=1).tolist() == [2, 2, 1]


def test_solved_classifiers_take_no_steps():
    for kind in ("tau_norm", "ncm"):
        assert make_method(classifier=kind).stages[1].epochs == 0
