"""python src/train.py, end to end on the digits."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.metrics import accuracy_score, f1_score

from aduni.metrics.names import OF_PREDICTIONS

OF_CLASSES = {"per_class_f1", "per_class_recall", "support", "confusion_matrix"}


@pytest.fixture(params=["method=aduni", "method=ce"])
def trained(request, past_run):
    return past_run(request.param)


@pytest.mark.parametrize("method", ["aduni", "ce"])
def test_a_run_leaves_everything_behind(train, method):
    finished, run = train(f"method={method}")
    assert finished.status == 0, finished.err
    left = {str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()}

    assert not [name for name in left if name.endswith(".part")]
    assert left >= {
        "config.yaml",
        "split.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "checkpoints/previous.ckpt",
        "history.csv",
        "predictions.csv",
        "metrics.json",
        "model_card.md",
        "train.log",
        ".lock",
    }
    assert str(run) in finished.out
    assert "Macro F1" in finished.out


def test_metrics_are_those_of_the_predictions(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    predictions = pd.read_csv(trained / "predictions.csv", dtype={"label": str, "predicted": str})

    for part in ("validation", "test"):
        rows = predictions[predictions["part"] == part]
        assert set(metrics[part]) >= {*OF_PREDICTIONS, *OF_CLASSES}
        assert metrics[part]["accuracy"] == accuracy_score(rows["label"], rows["predicted"])
        macro_f1 = f1_score(rows["label"], rows["predicted"], average="macro", zero_division=0)
        assert metrics[part]["macro_f1"] == pytest.approx(macro_f1)
        assert sum(metrics[part]["support"].values()) == len(rows)
    probabilities = predictions.filter(like="p_")
    assert probabilities.shape[1] == 10
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1)


def test_predictions_cover_the_split_once(trained):
    predictions = pd.read_csv(trained / "predictions.csv").set_index("image")
    split = pd.read_csv(trained / "split.csv").set_index("image")

    reported = split[split["part"].isin(["validation", "test"])]
    assert predictions.index.is_unique
    assert predictions["part"].to_dict() == reported["part"].to_dict()


def test_metrics_say_what_was_run(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    config = yaml.safe_load((trained / "config.yaml").read_text())

    said = {
        "dataset": "digits",
        "sampler": "none",
        "protocol": "clean",
        "fold": 0,
        "seed": 0,
        "epochs": 2,
        "batch_size": 32,
        "image_size": 16,
        "selected_on": "validation",
    }
    assert said.items() <= metrics.items()
    assert metrics["method"] == config["names"]["method"]
    assert metrics["alpha"] == ("released" if metrics["method"] == "aduni" else None)
    assert metrics["train_seconds"] > 0
    assert metrics["images_per_second"] > 0
    assert metrics["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert "git_commit" in metrics


def test_the_checkpoint_with_the_best_validation_f1_is_selected(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    history = pd.read_csv(trained / "history.csv")

    assert list(history["epoch"]) == [0, 1]
    assert metrics["selected_epoch"] == int(history["validation_macro_f1"].idxmax())
    assert metrics["validation"]["macro_f1"] == pytest.approx(history["validation_macro_f1"].max())


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        # No warm-up at this length: a cosine from lr to lr_min, half-way in the middle.
        ("cosine", [0.2, 0.11, 0.02]),
        # Thirds of pi: cosines 1, 1/2, -1/2.
        ("released", [0.2, 0.155, 0.065]),
    ],
)
def test_learning_rate_and_alpha_are_logged_every_epoch(train, schedule, rates):
    words = ("sampler.epoch_length=1", "lr=0.2", "lr_min=0.02", f"lr_schedule={schedule}")
    _, run = train("epochs=3", *words)
    history = pd.read_csv(run / "history.csv")

    assert list(history["lr"]) == pytest.approx(rates)
    # Epochs 0, 133 and 266 of 400 on the released curve.
    assert list(history["alpha"].round(3)) == [1.0, 0.149, 0.01]


def test_the_same_seed_gives_the_same_metrics(train, past_run, metrics):
    runs = [past_run("sampler=upsample"), train("sampler=upsample", folder="b")[1]]
    other = train("sampler=upsample", "seed=1", folder="c")[1]

    first, second = (metrics(run) for run in runs)
    assert first == second
    histories = [(run / "history.csv").read_text().split("\n") for run in [*runs, other]]
    losses = [[line.rsplit(",", 1)[0] for line in lines] for lines in histories]
    assert losses[0] == losses[1] != losses[2]


def test_the_number_of_workers_changes_nothing(train, past_run, metrics):
    alone = past_run("method=aduni", folder="alone")
    helped = train("num_workers=2", folder="b")[1]

    assert metrics(alone) == metrics(helped)


def test_the_paper_protocol_selects_on_the_test_part_and_says_so(train):
    finished, run = train("protocol=paper", "fold=3")
    metrics = json.loads((run / "metrics.json").read_text())

    caveat = "selected on test; photographs of one lesion may be on both sides"
    assert metrics["selected_on"] == "test"
    assert metrics["validation"] is None
    assert metrics["caveat"] == caveat
    assert caveat in " ".join(finished.out.split())


def test_a_split_can_be_used_again(train, metrics):
    first = train("epochs=1", "fold=2", folder="a")[1]
    again = train("epochs=1", f"protocol.split_file={first / 'split.csv'}", folder="b")[1]

    assert metrics(first)["split_hash"] == metrics(again)["split_hash"]
    assert (first / "split.csv").read_text() == (again / "split.csv").read_text()


def test_features_of_the_training_images_are_kept_where_wanted(past_run):
    run = past_run("epochs=1", "save_features=true")
    split = pd.read_csv(run / "split.csv", dtype={"image": str})
    training = split[split["part"] == "train"]
    with np.load(run / "features.npz") as kept:
        assert kept["images"].tolist() == training["image"].tolist()
        assert kept["features"].shape == (len(training), 1024)  # ShuffleNet's
        assert np.isfinite(kept["features"]).all()
        names = np.array(sorted(split["label"].unique()))
        assert names[kept["labels"]].tolist() == training["label"].tolist()


def test_every_checkpoint_loads_without_executing_anything(trained):
    for name in ("best", "last"):
        checkpoint = torch.load(trained / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert checkpoint["aduni"]["class_names"] == [str(digit) for digit in range(10)]


def test_a_multirun_makes_one_complete_run_a_job(multirun):
    finished, runs = multirun("method=ce,aduni", "fold=0,1", "epochs=1")

    assert finished.status == 0
    found = [json.loads((run / "metrics.json").read_text()) for run in runs]
    jobs = {(metrics["method"], metrics["fold"]) for metrics in found}
    assert jobs == {("ce", 0), ("ce", 1), ("aduni", 0), ("aduni", 1)}


def test_a_failing_job_of_a_multirun_stops_no_other_and_is_not_forgotten(multirun):
    finished, runs = multirun("fold=0,9,1", "epochs=1", "method=ce")

    assert finished.status == 1
    assert "fold=9 does not exist" in finished.err
    assert [(run / "metrics.json").exists() for run in runs] == [True, False, True]
    assert "fold=9 does not exist" in (runs[1] / "train.log").read_text()


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["isic2018", "aptos"])
@pytest.mark.parametrize("method", ["aduni", "ce"])
def test_training_on_sixty_real_images(train, request, name, method):
    subset = request.getfixturevalue(f"{name.removesuffix('2018')}_subset")
    finished, run = train(
        f"dataset={name}",
        f"dataset.root={subset.root}",
        f"method={method}",
        "dataset.image_size=32",
        "batch_size=14",
        "sampler=upsample",
    )

    assert finished.status == 0, finished.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert all(count > 0 for count in metrics["test"]["support"].values())
    assert 0 <= metrics["test"]["macro_f1"] <= 1
