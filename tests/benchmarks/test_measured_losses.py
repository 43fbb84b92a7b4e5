"""The forms of the loss that are timed: the same values, the same gradients, the right shapes."""

import pytest
import torch

from benchmarks.loss import (
    ALPHA,
    FORMS,
    QUEUE,
    TEMPERATURE,
    floor,
    forward_backward,
    loss_input,
    measure_forms,
    measure_loss,
    ours,
    released,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["AduC", "PaCo"])
def test_the_released_form_is_the_project_s_loss(name):
    given = loss_input(name, 6, CPU)
    assert torch.allclose(ours(given), released(given), atol=1e-5)
    gradients = []
    for form in (ours, released):
        forward_backward(form, given)
        gradients.append((given.features.grad.clone(), given.logits.grad.clone()))
    for own, theirs in zip(*gradients, strict=True):
        assert torch.allclose(own, theirs, atol=1e-6)


def test_the_released_form_is_the_weighted_mean_over_entries():
    given = loss_input("AduC", 3, CPU)
    total = 0.0
    for i in range(6):
        entries = [*(given.logits[i] + torch.log(given.prior + 1e-9))]
        weights = [float(c == given.labels[i]) for c in range(7)]
        for k in range(6):
            if k != i:
                entries.append(given.features[i] @ given.features[k] / TEMPERATURE)
                weights.append(ALPHA * float(given.labels[i] == given.labels[k]))
        log_p = torch.stack(entries).log_softmax(dim=0)
        total -= (torch.tensor(weights) * log_p).sum() / sum(weights)
    assert torch.isclose(released(given), total / 6 * TEMPERATURE / 0.07, rtol=1e-5)


def test_the_floor_is_one_logsumexp():
    given = loss_input("AduC", 2, CPU)
    slow = sum(
        torch.log(sum(torch.exp(a @ b / TEMPERATURE) for b in given.features))
        for a in given.features
    )
    assert torch.isclose(floor(given), slow, rtol=1e-5)


def test_shapes_are_those_of_the_methods():
    aduc, paco = loss_input("AduC", 5, CPU), loss_input("PaCo", 5, CPU)
    assert (len(aduc.labels), len(aduc.contrasts), len(aduc.contrast_labels)) == (10, 10, 10)
    assert (len(paco.labels), len(paco.contrasts)) == (5, 10 + QUEUE)
    assert torch.equal(paco.contrasts[:5], paco.features)
    assert not paco.further.requires_grad
    assert torch.allclose(paco.contrasts.norm(dim=1), torch.ones(10 + QUEUE))


def test_memory_of_the_floor_and_of_the_released_form_in_matrices():
    measured = measure_forms(loss_input("AduC", 256, CPU), turns=1)
    assert set(measured) == set(FORMS)
    assert 3 < measured["floor"].matrices < 5  # the shared measurement: 4 and 9
    assert 8 < measured["released"].matrices < 11
    assert measured["floor"].over_floor.median == 1


def test_the_part_has_a_row_for_every_loss_size_and_form(bench):
    section = measure_loss(bench)
    cpu = [row for row in section.rows if row["device"] == "cpu"]
    assert [(row["loss"], row["B"], row["form"]) for row in cpu] == [
        (loss, images, form) for loss in ("AduC", "PaCo") for images in (4, 8) for form in FORMS
    ]
    assert {"loss_time_4", "loss_memory_8"} <= set(section.figures)
