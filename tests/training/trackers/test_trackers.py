"""Any of Lightning's loggers gets the run by one YAML, and costs itself alone if it fails."""

import json

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import recording_logger
from aduni.errors import UserError
from aduni.results.run_folder import RunFolder
from aduni.training.run import run
from aduni.training.trackers.trackers import Trackers
from composing import CONF, settings_of
from recording_logger import calls_of

RECORDING = "recording_logger.RecordingLogger"
HISTORY = """stage,epoch,loss,alpha,lr,validation_accuracy,validation_macro_f1,images,seconds
representation,0,2.0,1.0,0.1,,,8,1.0
representation,1,1.5,0.5,0.1,,,8,1.0
train,0,1.0,,0.1,0.5,0.25,8,1.0
"""


@pytest.fixture(autouse=True)
def calls():
    recording_logger.CALLS.clear()
    return recording_logger.CALLS


def node(title: str, **options) -> dict:
    return {title: {"_target_": RECORDING, "title": title, **options}}


def settings_for(cache, *overrides):
    return settings_of(
        *("method=ce", "encoder.name=shufflenet_v2_x0_5", "trainer=cpu", "num_workers=0"),
        *("sampler=none", "sampler.epoch_length=1", "batch_size=32", "epochs=2"),
        f"dataset.cache_dir={cache}",
        *overrides,
    )


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, digits_cache):
    """Train a run with four loggers, three of which fail somewhere, and the same without any."""
    recording_logger.CALLS.clear()
    settings = settings_for(digits_cache)
    folders = [RunFolder(tmp_path_factory.mktemp(name)) for name in ("with", "without")]
    run(settings.model_copy(deep=True), folders[1])
    settings.logger = {
        **node("built", fails_in="__init__"),
        **node("early", fails_in="log_hyperparams"),
        **node("late", fails_in="save"),
        **node("sound"),
    }
    run(settings, folders[0])
    return folders, list(recording_logger.CALLS)


@pytest.fixture
def replayed(tracked, calls):
    """Return the folders, with the calls of the training where `calls_of` finds them."""
    calls.extend(tracked[1])
    return tracked[0]


def test_failing_trackers_cost_themselves_and_neither_the_run_nor_each_other(replayed):
    with_trackers, without = (pd.read_csv(folder.history) for folder in replayed)

    pd.testing.assert_frame_equal(
        with_trackers.drop(columns="seconds"), without.drop(columns="seconds")
    )
    assert len(calls_of("sound", "log_metrics")) == 3
    assert calls_of("sound", "finalize") == [("success", None)]
    assert len(calls_of("early", "log_hyperparams")) == 1
    assert not calls_of("early", "log_metrics")
    assert len(calls_of("late", "log_metrics")) == 1
    assert calls_of("late", "finalize") == [("failed", None)]


def test_each_epoch_is_sent_as_history_has_it(replayed):
    history = pd.read_csv(replayed[0].history)
    for (values, step), (number, row) in zip(
        calls_of("sound", "log_metrics")[:2], history.iterrows(), strict=True
    ):
        assert step == values["epoch"] == number
        assert values["train/loss"] == row["loss"]
        assert values["train/lr"] == row["lr"]
        assert values["val/macro_f1"] == row["validation_macro_f1"]


def test_settings_are_sent_without_the_trackers_own(replayed):
    ((values, _),) = calls_of("sound", "log_hyperparams")

    config = OmegaConf.to_container(OmegaConf.load(replayed[0].config))
    assert json.loads(json.dumps(values)) == config
    assert "logger" not in config


def test_results_are_sent_by_part_and_class(replayed):
    values, step = calls_of("sound", "log_metrics")[-1]
    metrics = json.loads(replayed[0].metrics.read_text())

    assert step == 1
    assert values["test/macro_f1"] == metrics["test"]["macro_f1"]
    assert values["val/macro_f1_best"] == metrics["validation"]["macro_f1"]
    assert values["selected_epoch"] == metrics["selected_epoch"]
    for label, value in metrics["test"]["per_class_f1"].items():
        assert values[f"test/f1/{label}"] == value
        assert values[f"test/recall/{label}"] == metrics["test"]["per_class_recall"][label]


def test_a_failure_is_said_once_on_one_line(capsys):
    with Trackers() as trackers:
        trackers.open({**node("bad", fails_in="log_hyperparams"), **node("good")})
        trackers.log_hyperparams({"lr": 0.1})
        trackers.log_hyperparams({"lr": 0.1})

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("logger=bad failed (OSError: no route from log_hyperparams)")
    assert calls_of("good", "log_hyperparams") == [({"lr": 0.1}, None)] * 2


def test_epochs_are_counted_through_all_stages(tmp_path):
    history = tmp_path / "history.csv"
    lines = HISTORY.splitlines(keepends=True)
    with Trackers() as trackers:
        trackers.open(node("one"))
        for end in (2, 3, 4):
            history.write_text("".join(lines[:end]))
            trackers.log_epoch(history)

    values = [values for values, _ in calls_of("one", "log_metrics")]
    assert [step for _, step in calls_of("one", "log_metrics")] == [0, 1, 2]
    assert [each["epoch"] for each in values] == [0, 1, 2]
    assert "val/macro_f1" not in values[0]
    assert "train/alpha" not in values[2]
    assert values[2]["val/macro_f1"] == 0.25


def test_a_run_that_fails_ends_its_trackers_as_failed():
    def interrupted():
        with Trackers() as trackers:
            trackers.open(node("one"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert calls_of("one", "finalize") == [("failed", None)]


WRONG = {
    "an unknown option": ({"_target_": RECORDING, "title": "a", "colour": 1}, "colour"),
    "no class": ({"title": "a"}, "logger.own._target_ is missing"),
    "no such class": ({"_target_": "recording_logger.Gone"}, "recording_logger.Gone"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_option_is_a_mistake_and_no_failure(name, refusal):
    options, named = WRONG[name]

    refusal(lambda: Trackers().open({"own": options}), named)


def test_a_missing_package_is_named(refusal, monkeypatch):
    def missing(self, title):
        raise ModuleNotFoundError("No module named 'elsewhere'. Install it.\nThen again")

    monkeypatch.setattr(recording_logger.RecordingLogger, "__init__", missing)
    message = refusal(lambda: Trackers().open(node("own")), "logger=own", "'elsewhere'")
    assert "Then" not in message


CHOSEN = {
    "logger=csv": set(),
    "logger=tensorboard": {"tensorboard"},
    "logger=[tensorboard,wandb]": {"tensorboard", "wandb"},
    "logger=[csv,wandb]": {"wandb"},
}


@pytest.mark.parametrize("word", CHOSEN)
def test_several_trackers_are_chosen_at_once(word):
    assert set(settings_of(word).logger) == CHOSEN[word]


def test_a_yaml_of_ones_own_is_enough(tmp_path):
    """One file, without a line of code here, as for lightning-hydra-template."""
    (tmp_path / "logger").mkdir()
    text = f"own:\n  _target_: {RECORDING}\n  title: ${{names.dataset}}_${{seed}}\n"
    (tmp_path / "logger" / "own.yaml").write_text(text)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = ["logger=[own,tensorboard]", f"hydra.searchpath=[file://{tmp_path}]"]
        config = compose("train", words)

    assert set(config.logger) == {"own", "tensorboard"}
    config.names.dataset = "digits"
    with Trackers() as trackers:
        trackers.open({"own": OmegaConf.to_container(config.logger.own, resolve=True)})
    assert recording_logger.CALLS[0][:2] == ("digits_0", "__init__")


def test_what_is_not_a_mapping_of_loggers_is_refused():
    settings = settings_of("logger=tensorboard")
    with pytest.raises(UserError, match="logger"):
        settings_of("+logger._target_=recording_logger.RecordingLogger")
    assert settings.logger
