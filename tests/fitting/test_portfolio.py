"""Which size and how many steps fit the time, and the commands that a portfolio leads to."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

import composing
from aduni.config.build import build_data
from aduni.data.image_data import ImageData
from aduni.fitting.duration import format_duration, format_time
from aduni.fitting.fit_settings import Preset, Sizes, read_fit_settings
from aduni.fitting.portfolio import Portfolio, command
from aduni.fitting.speed import Speed
from aduni.reproduce.planning import settings_of
from aduni.reproduce.splits import SplitHashes
from composing import CONF

SIZES = (64, 96, 128, 160, 192, 224)
SPEED = Speed(
    side=300,
    read=0.01,
    forward={size: 0.002 * size / 64 for size in SIZES},
    training={size: 0.01 * size / 64 for size in SIZES},
)


@pytest.fixture
def composed():
    """Let plans be composed as inside a command."""
    for name in ("quick", "good", "best"):
        preset(name)
    digits()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(
            "train", overrides=["hydra.runtime.output_dir=."], return_hydra_config=True
        )
        HydraConfig.instance().set_config(config)
        yield


@cache
def preset(name: str) -> Preset:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("fit", overrides=["dataset=digits", f"preset={name}"])
    return Preset.model_validate(OmegaConf.to_container(config.preset))


@cache
def digits() -> ImageData:
    return build_data(composing.settings_of("dataset=digits"))


def portfolio(name: str, *given: str) -> Portfolio:
    return Portfolio.of(preset(name), ("dataset=digits", *given), digits())


@pytest.mark.parametrize("name", ["quick", "good", "best"])
def test_every_row_is_an_ordinary_training(name, composed):
    made = portfolio(name)
    for label, row in made.preset.rows.items():
        for scale in made.scales or [None]:
            sizes = Sizes(frozen_size=96, fine_tuned=scale)
            checked = settings_of(made.overrides(row, sizes))
            assert checked.dataset["image_size"] == (scale.image_size if row.steps else 96), label
            assert checked.encoder["name"] == "efficientnet_lite0"
            assert (checked.encoder["adaptation"] == "frozen") == (row.steps is None)


def test_the_presets_grow(composed):
    quick, good, best = (preset(name) for name in ("quick", "good", "best"))
    assert [*good.rows][: len(quick.rows)] == [*quick.rows]
    assert best.rows == good.rows
    assert quick.floors == good.floors == best.floors
    assert quick.folds == good.folds == "first"
    assert best.folds == "all"


def test_epochs_give_the_steps_of_the_scale(composed):
    made = portfolio("good")
    total, trained, selecting = made.images
    assert (total, trained, selecting) == (1797, round(1797 * 0.64), round(1797 * 0.16))
    rows = made.preset.rows
    for scale in made.scales:
        whole = scale.steps / (trained // 32)
        sizes = Sizes(frozen_size=64, fine_tuned=scale)
        assert made.epochs(rows["CE"], sizes) == pytest.approx(whole, abs=0.5)
        assert made.epochs(rows["AdUni"], sizes) == pytest.approx(whole / 2, abs=0.5)


def test_two_views_take_the_time_of_twice_the_epochs(composed):
    made = portfolio("good")
    sizes, rows = Sizes(frozen_size=64, fine_tuned=made.scales[0]), made.preset.rows
    one, two = (made.seconds_of_row(rows[label], sizes, SPEED) for label in ("CE", "AdUni"))
    assert two == pytest.approx(one, rel=0.1)


def test_the_first_sizes_that_fit_are_taken(composed, refusal):
    made = portfolio("quick")
    seconds = [made.seconds(Sizes(frozen_size=size), SPEED) for size in made.frozen_sizes]
    assert seconds == sorted(seconds, reverse=True)
    for size, needed in zip(made.frozen_sizes, seconds, strict=True):
        assert made.choose(SPEED, needed / 0.85 + 1, "x") == Sizes(frozen_size=size)
    least = seconds[-1] / 0.85
    words = "max_time=X", "64 px", format_duration(least), f"max_time={format_time(least)}"
    refusal(lambda: made.choose(SPEED, least - 1, "max_time=X"), *words)


def test_the_frozen_rows_leave_time_to_the_fine_tuned_ones(composed, refusal):
    made = portfolio("good")
    plenty = made.choose(SPEED, 1e6, "x")
    assert plenty == Sizes(frozen_size=224, fine_tuned=made.scales[0])
    frozen = portfolio("quick")
    for seconds in (1000, 1500, 2500, 4000):
        found = made.choose(SPEED, seconds, "x")
        assert made.seconds(found, SPEED) <= 0.85 * seconds
        quarter = 0.25 * 0.85 * seconds
        only = Sizes(frozen_size=found.frozen_size)
        assert frozen.seconds(only, SPEED) <= quarter or found.frozen_size == 64
    refusal(lambda: made.choose(SPEED, 100, "max_time=X"), "max_time=X", "64 px", "max_time=")


def test_small_images_are_not_enlarged_far(composed):
    made = portfolio("quick")
    for side, size in ((8, 64), (100, 128), (150, 224), (500, 224)):
        speed = SPEED.model_copy(update={"side": side})
        assert made.choose(speed, 1e6, "x").frozen_size == size
    tuned = portfolio("good").choose(SPEED.model_copy(update={"side": 8}), 1e6, "x")
    assert tuned.sides == [64]


def test_a_size_on_the_command_line_is_the_only_one(composed, refusal):
    made = portfolio("best", "dataset.image_size=384")
    assert {scale.image_size for scale in made.scales} == {*made.frozen_sizes} == {384}
    slow = SPEED.model_copy(update={"forward": {384: 0.05}, "training": {384: 0.5}, "side": 9.0})
    refusal(lambda: made.choose(slow, 3600, "max_time=X"), "384 px", "hours", "give max_time=")


def test_folds_and_seeds_follow_preset_and_split(composed, monkeypatch):
    assert portfolio("quick").folds == portfolio("good").folds == (0,)
    assert portfolio("best").folds == (0, 1, 2, 3, 4)
    parts = np.array(["train", "train", "test"] * (1797 // 3))
    monkeypatch.setattr(digits(), "table", replace(digits().table, parts=parts))
    given = portfolio("best")
    assert given.folds == (0,)
    assert given.seeds == (0, 1, 2)
    assert given.images == (1797, round(1198 * 0.8), round(1198 * 0.2))


def test_heads_take_no_more_than_their_steps(composed):
    made = portfolio("quick")
    row, sizes = made.preset.rows["CE, frozen encoder"], Sizes(frozen_size=64)
    assert settings_of(made.overrides(row, sizes)).epochs == 50
    many = replace(made, images=(10_000, 6_400, 1_600))
    assert settings_of(many.overrides(row, sizes)).epochs == made.preset.frozen_steps // 200
    huge = replace(made, images=(1_000_000, 640_000, 160_000))
    assert settings_of(huge.overrides(row, sizes)).epochs == 3


def test_runs_are_named_by_what_they_compute(composed, tmp_path, monkeypatch):
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: f"split{config['fold']}")
    made = portfolio("best")
    sizes = Sizes(frozen_size=96, fine_tuned=made.scales[-1])
    runs = made.runs(sizes, SplitHashes(tmp_path))
    labels = {label for run in runs for _, label in run.rows}
    floors = {"class frequencies", "border", "thumbnail"}  # digits have no files
    assert labels == {*made.preset.rows, *floors}
    assert len(runs) == len({run.id for run in runs}) == 5 * len(labels)
    assert runs == made.runs(sizes, SplitHashes(tmp_path))
    words = command(runs[-1], tmp_path / "a folder").split(" ", 2)
    assert words[:2] == ["python", "src/train.py"]
    assert "'hydra.run.dir=" in words[2]


@pytest.mark.parametrize(
    ("seconds", "words", "time"),
    [
        (12, "12 s", "00:00:01:00"),
        (600, "10 min", "00:00:10:00"),
        (601, "10 min", "00:00:11:00"),
        (5400, "1.5 hours", "00:01:30:00"),
        (90_000, "25.0 hours", "01:01:00:00"),
    ],
)
def test_times_in_words_and_as_keys(seconds, words, time):
    assert (format_duration(seconds), format_time(seconds)) == (words, time)


def test_one_training_under_two_names_is_refused(composed, tmp_path, monkeypatch, refusal):
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: "split")
    made = portfolio("quick")
    rows = {**made.preset.rows, "again": made.preset.rows["CE, frozen encoder"]}
    twice = replace(made, preset=made.preset.model_copy(update={"rows": rows}))
    runs = twice.runs
    sizes = Sizes(frozen_size=64)
    refusal(lambda: runs(sizes, SplitHashes(tmp_path)), "CE, frozen encoder and again", "remove")


def test_missing_data_and_unknown_targets_are_refused(refusal):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        none = compose("fit")
        wrong = compose("fit", overrides=["dataset=digits", "target=f1"])
    refusal(lambda: read_fit_settings(none, []), "data is missing", "data=DIR")
    refusal(lambda: read_fit_settings(wrong, []), "target=f1", "macro_f1")
    refusal(
        lambda: read_fit_settings(wrong, ["epochs=3"]), "epochs is not a key of fit.py", "preset"
    )
    error = OmegaConf.merge(wrong, {"target": "expected_calibration_error"})
    refusal(lambda: read_fit_settings(error, []), "expected_calibration_error", "macro_f1")
    short = OmegaConf.merge(wrong, {"max_time": 30})
    refusal(lambda: read_fit_settings(short, []), "max_time=30", "DD:HH:MM:SS")
