"""What a training says before it begins, and how long it says it will take."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from aduni.data.loading.samplers import ClassAware, InstanceBalanced, Sampler, Upsample
from aduni.methods.base import Stage
from aduni.schedules import constant, cosine, linear
from aduni.training.callbacks.epoch_lines import time_left
from aduni.training.start_banner import LEVELS, _steps, alpha_curve, class_bars


@pytest.fixture
def printed(monkeypatch):
    monkeypatch.setattr("aduni.training.start_banner.is_unicode", lambda: True)

    def lines(names, counts):
        console = Console(width=80, record=True, file=StringIO())
        console.print(class_bars(names, np.array(counts)))
        return [line.rstrip() for line in console.export_text().splitlines()]

    return lines


def test_bars_are_as_long_as_the_counts_most_frequent_first(printed):
    lines = printed(["rare", "common", "half"], [1, 240, 120])

    assert [line.split()[0] for line in lines] == ["common", "half", "rare"]
    assert [line.count("█") for line in lines] == [24, 12, 1]
    assert [line.split()[1] for line in lines] == ["240", "120", "1"]


def test_many_classes_are_folded_in_the_middle(printed):
    counts = list(range(100, 120))
    lines = printed([f"c{count}" for count in counts], counts)

    assert len(lines) == 6 + 1 + 4
    assert lines[0].startswith("c119")
    assert lines[6].split() == ["(10", "classes)", "104-113"]
    assert lines[-1].startswith("c100")


def test_a_long_name_is_cut_and_no_name_is_markup(printed):
    lines = printed(["x" * 60, "[red]no markup[/red]"], [3, 2])

    assert all(len(line) <= 80 for line in lines)
    assert "[red]no markup[/red]" in lines[1]


@pytest.mark.parametrize("epochs", [1, 2, 31, 32, 33, 400])
def test_curve_has_the_ends_of_the_schedule(epochs):
    first, curve, last = alpha_curve(cosine, epochs).split(" ")

    assert len(curve) == min(epochs, 32)
    assert float(first) == pytest.approx(cosine(0, epochs).alpha, rel=1e-2)
    assert float(last) == pytest.approx(cosine(epochs - 1, epochs).alpha, rel=1e-2)


def test_curve_falls_with_the_schedule_and_is_level_where_that_is():
    levels = [LEVELS.index(block) for block in alpha_curve(linear, 32).split(" ")[1]]
    assert levels == sorted(levels, reverse=True)
    assert (levels[0], levels[-1]) == (7, 0)
    assert len(set(alpha_curve(constant, 32).split(" ")[1])) == 1


def steps_line(sampler: Sampler, counts: list[int], *, own: bool = True) -> str:
    """What the opening says of a stage of 2 epochs in batches of 32."""
    labels = np.repeat(np.arange(len(counts)), counts)
    data: Any = SimpleNamespace(table=SimpleNamespace(labels=labels), rows=lambda _: labels >= 0)
    settings: Any = SimpleNamespace(batch_size=32, seed=0)
    stage = Stage("classifier", 2, lambda batch, epoch: {}, sampler=sampler if own else None)
    return _steps(stage, sampler, settings, data)


RARE = [400, *[1] * 60]
"""460 images, of which a class-aware epoch draws 61 * 400 = 24,400: 53 times as many."""


def test_an_epoch_that_draws_the_images_very_often_is_remarked_on():
    line = steps_line(ClassAware(), RARE)

    assert line.startswith("classifier: 2 epochs of 763 batches of 32 images, 1526 steps; ")
    assert "24400 images, 53 times the training part" in line
    assert ": use method.classifier_sampler.epoch_length=14 to draw" in line
    assert ": use sampler.epoch_length=13 to" in steps_line(Upsample(), [400, *[1] * 31], own=False)


@pytest.mark.parametrize(
    ("sampler", "counts"),
    [
        (ClassAware(epoch_length=14), RARE),
        (ClassAware(), [400, *[1] * 20]),  # 21 * 400 / 420: 20 times and no more
        (InstanceBalanced(), RARE),
    ],
)
def test_other_epochs_are_not_remarked_on(sampler, counts):
    assert "times" not in steps_line(sampler, counts)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (31, "about 31 s left, done at 12:00"),
        (720, "about 12 min left, done at 12:12"),
        (6 * 3600, "about 6.0 h left, done at 18:00"),
        (36 * 3600, "about 36.0 h left, done at 00:00 on 03 March"),
    ],
)
def test_time_that_is_left(seconds, said):
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert time_left(seconds, noon + timedelta(seconds=seconds)) == said
