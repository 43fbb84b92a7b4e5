"""Trainings that end early: with a whole result, and where a resumed one would end."""

import json

import pandas as pd
import pytest
import yaml

from aduni.results.identity import identity


def test_a_run_without_progress_ends_and_is_reported(train):
    finished, run = train("method=ce", "epochs=9", "lr=1e-9", "lr_min=0", "patience=2")

    assert finished.status == 0, finished.err
    (stage,) = json.loads((run / "metrics.json").read_text())["stages"]
    best, trained = stage["epoch"], stage["trained"]
    assert (stage["ended_by"], trained) == ("patience", best + 1 + 2)
    assert len(pd.read_csv(run / "history.csv")) == trained < 9
    assert f"patience ended train after epoch {trained} of 9" in finished.out
    assert f"patience ended it after {trained}" in (run / "model_card.md").read_text()
    planned = pd.read_csv(run / "history.csv")["lr"]
    assert planned.iloc[-1] > 1e-10  # the schedule is that of nine epochs


@pytest.mark.parametrize("left", ["metrics.json", "history"])
def test_a_resumed_run_counts_its_patience_on(train, left):
    options = ("method=ce", "epochs=9", "lr=1e-9", "lr_min=0", "patience=2")
    _, whole = train(*options)
    expected = (whole / "history.csv").read_text()
    metrics = json.loads((whole / "metrics.json").read_text())
    (whole / "metrics.json").unlink()
    if left == "history":  # as if it had been killed after the epoch before
        (whole / "checkpoints" / "previous.ckpt").replace(whole / "checkpoints" / "last.ckpt")
    finished, run = train(*options, "resume=auto")

    assert finished.status == 0, finished.err
    again = json.loads((run / "metrics.json").read_text())
    assert (again["stages"], again["test"]) == (metrics["stages"], metrics["test"])
    columns = ["stage", "epoch", "loss", "validation_macro_f1", "lr"]
    assert pd.read_csv(run / "history.csv")[columns].equals(
        pd.read_csv(pd.io.common.StringIO(expected))[columns]
    )


def test_a_run_whose_time_is_over_ends_with_a_whole_result(train):
    finished, run = train("method=ce", "epochs=9", "max_time=00:00:00:00")

    assert finished.status == 0, finished.err
    (stage,) = json.loads((run / "metrics.json").read_text())["stages"]
    assert (stage["trained"], stage["ended_by"]) == (1, "max_time")
    assert (run / "predictions.csv").exists()
    assert (run / "model_card.md").exists()


def test_every_stage_of_a_run_without_time_has_an_epoch(train):
    finished, run = train(
        *("method=decouple", "method.classifier_share=0.5", "epochs=4", "max_time=00:00:00:00")
    )

    assert finished.status == 0, finished.err
    stages = json.loads((run / "metrics.json").read_text())["stages"]
    assert [stage["trained"] for stage in stages] == [1, 1]


def test_patience_needs_a_validation_part(train):
    finished, run = train("method=ce", "protocol=paper", "patience=2")

    assert finished.status == 1
    assert "patience=2 needs a validation part" in finished.err
    assert not (run / "checkpoints").exists()


@pytest.mark.parametrize("text", ["30", "00:30", "1:2:3:99", "00:25:61:00"])
def test_a_time_in_another_form_is_refused(train, text):
    finished, _ = train(f'max_time="{text}"')

    assert finished.status == 1
    assert "write DD:HH:MM:SS" in finished.err


def test_runs_without_limits_keep_their_identity(past_run):
    config = yaml.safe_load((past_run("method=ce") / "config.yaml").read_text())
    before = {key: value for key, value in config.items() if key not in ("patience", "max_time")}
    assert identity(config, "split", None) == identity(before, "split", None)
    assert identity({**config, "patience": 5}, "split", None) != identity(before, "split", None)


def test_one_batch_is_trained_to_check_that_everything_runs(command, cache, tmp_path):
    folders = (f"dataset.cache_dir={cache}", f"hydra.run.dir={tmp_path / 'run'}")
    finished = command("train", "debug=batch", "encoder.name=shufflenet_v2_x0_5", *folders)

    assert finished.status == 0, finished.err
    assert pd.read_csv(tmp_path / "run" / "history.csv")["images"].tolist() == [60]
    assert "one epoch of one batch" in (tmp_path / "run" / "model_card.md").read_text()
