"""The forms of the loss that are timed: the same values, the same gradients, the right shapes."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks import loss
from benchmarks.loss import (
    ALPHA,
    FORMS,
    QUEUE,
    TEMPERATURE,
    floor,
    forward_backward,
    loss_input,
    measure_forms,
    ours,
    released,
)
from benchmarks.measure import cpu_clock, wall_clock

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
    measured = measure_forms(loss_input("AduC", 256, CPU), rounds=1)
    assert set(measured) == set(FORMS)
    assert 3 < measured["floor"]["matrices"].median < 5  # the shared measurement: 4 and 9
    assert 8 < measured["released"]["matrices"].median < 11
    assert measured["floor"]["time over the floor's"].median == 1


@pytest.mark.parametrize(("kind", "clock"), [("cpu", cpu_clock), ("cuda", wall_clock)])
def test_the_clock_sees_where_the_work_is_done(kind, clock, monkeypatch):
    class Taken(Exception):
        pass

    def taken(calls, rounds, clock):
        raise Taken(clock)

    monkeypatch.setattr(loss, "alternate", taken)
    given = SimpleNamespace(features=SimpleNamespace(device=torch.device(kind)))
    with pytest.raises(Taken) as raised:
        measure_forms(given, rounds=1)
    assert raised.value.args == (clock,)


def test_the_part_has_a_row_for_every_loss_size_and_form(bench):
    section = loss.measure(bench)
    cpu = [row for row in section.rows if row["device"] == "cpu"]
    assert [(row["loss"], row["B"], row["form"]) for row in cpu] == [
        (name, images, form) for name in ("AduC", "PaCo") for images in (4, 8) for form in FORMS
    ]
    assert {"loss_time_4", "loss_memory_8"} <= set(section.figures)
