"""Run folders are checked before they are quoted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from aduni.data.splits.predefined import split_hash
from aduni.results.finished_runs import find_runs, read_run, read_runs
from aduni.results.predictions_csv import evaluate_predictions
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_yaml
from hand_made import make_run

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return make_run(
        tmp_path / "runs" / "a",
        labels=LABELS,
        predicted=PREDICTED,
        method="aduni",
        method_settings={"alpha": 1},
    )


def test_a_run_that_holds_together(run):
    read = read_run(run)
    assert read.test["accuracy"] == pytest.approx(4 / 6)
    assert read.class_names == ["common", "less", "rare"]
    images, labels, probabilities = read.test_predictions()
    assert images[0] == "f0_0000"
    assert labels.tolist() == LABELS
    assert probabilities.argmax(axis=1).tolist() == PREDICTED
    assert read.split["part"].value_counts().to_dict() == {"train": 21, "test": 6}
    assert read.history["loss"].tolist() == [1.5, 0.9]
    assert read.command.startswith("python src/train.py method=aduni")


def test_names_that_look_like_something_else(tmp_path):
    made = make_run(tmp_path / "a", labels=LABELS, predicted=PREDICTED, classes=("1", "2", "003"))
    for file in (made.split, made.predictions):
        _edit_table(file, _set(0, "image", "NA"))
    _edit_metrics(
        made, "split_hash", split_hash(pd.read_csv(made.split, dtype=str, na_filter=False))
    )
    read = read_run(made)
    assert read.class_names == ["1", "2", "003"]
    assert read.split["label"].tolist()[-1] == "003"
    assert read.test_predictions()[0][0] == "NA"


def test_a_method_without_alpha_has_none(tmp_path):
    made = make_run(tmp_path / "a", labels=LABELS, predicted=PREDICTED, alpha="constant")
    assert read_run(made).metrics["alpha"] is None


def test_a_run_that_trained_nothing_has_no_history(run):
    run.history.unlink()
    assert read_run(run).history.empty


# Files as a whole

FILES = ("metrics", "config", "split", "predictions", "history", "features", "log")


def _folder_in_its_place(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "binary": lambda file: file.write_bytes(bytes(range(256)) * 8),
    "first 60 bytes": lambda file: file.write_bytes(file.read_bytes()[:60]),
    "a folder": _folder_in_its_place,
    "deleted": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_costs_its_own_run_alone(name, damage, run):
    make_run(run.path.parent / "b", labels=LABELS, predicted=LABELS)
    _write_features(run)
    file = getattr(run, name)
    DAMAGE[damage](file)
    runs, problems = read_runs(run.path.parent)
    kept = name in ("features", "log") or (name, damage) == ("history", "deleted")
    assert [r.folder.path.name for r in runs] == (["a", "b"] if kept else ["b"])
    if kept:
        assert not problems
        damaged = runs[0].folder.features.exists() and runs[0].features is None
        assert damaged == (name == "features" and damage != "deleted")
        assert isinstance(runs[0].command, str)
    elif (name, damage) == ("metrics", "deleted"):
        assert not problems  # the run is not finished
    else:
        (problem,) = problems
        assert problem.folder == run.path
        assert str(run.path) in problem.reason
        assert file.name in problem.reason
        assert problem.reason.endswith(".")


@pytest.mark.parametrize("content", ["null", "[1]", "[[1, 2]]", "3", "[" * 100_000, '{"a": NaN}'])
def test_metrics_that_are_no_object(content, run, refusal):
    run.metrics.write_text(content)
    refusal(lambda: read_run(run), run.metrics)


@pytest.mark.parametrize("content", ["a", "- 1", "a: [1", "a: ${b", "? [1]\n: 2", "&a [*a]"])
def test_a_configuration_that_is_no_mapping(content, run, refusal):
    run.config.write_text(content)
    refusal(lambda: read_run(run), "config.yaml")


# Values in metrics.json and config.yaml


def _edit_metrics(run: RunFolder, key: str, value: object) -> None:
    content = json.loads(run.metrics.read_text())
    assert key in content
    run.metrics.write_text(json.dumps({**content, key: value}))


OTHER = {
    "method": "ce",
    "dataset": "aptos",
    "sampler": "sqrt",
    "alpha": "constant",
    "protocol": "paper",
    "encoder": "resnet50",
    "fold": 1,
    "seed": 1,
    "epochs": 400,
    "batch_size": 128,
    "lr": 0.5,
    "image_size": 224,
    "caveat": "Seen before.",
}
PLACES = {
    **{key: f"names.{key}" for key in ("method", "dataset", "sampler", "alpha", "protocol")},
    "encoder": "encoder.name",
    "image_size": "dataset.image_size",
    "caveat": "protocol.caveat",
}


@pytest.mark.parametrize("key", OTHER)
def test_metrics_of_another_training(key, run, refusal):
    _edit_metrics(run, key, OTHER[key])
    refusal(lambda: read_run(run), run.metrics, f"{key} = {OTHER[key]}, config.yaml")


@pytest.mark.parametrize("key", OTHER)
def test_a_configuration_of_another_training(key, run, refusal):
    config = OmegaConf.create(read_yaml(run.config))
    OmegaConf.update(config, PLACES.get(key, key), OTHER[key])
    OmegaConf.save(config, run.config)
    refusal(lambda: read_run(run), f"says {key} = ", f"config.yaml {OTHER[key]}")


def test_no_alpha_in_the_metrics_of_a_method_that_takes_one(run, refusal):
    _edit_metrics(run, "alpha", None)
    refusal(lambda: read_run(run), "alpha = None, config.yaml released")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("epochs", "2"),
        ("batch_size", 6.5),
        ("fold", -1),
        ("seed", True),
        ("train_seconds", -1.0),
        ("train_seconds", float("inf")),
        ("train_seconds", float("nan")),
        ("train_seconds", None),
        ("selected_epoch", "last"),
        ("selected_on", "train"),
        ("caveat", 3),
        ("git_commit", 3),
        ("versions", {"torch": 2}),
        ("versions", None),
        ("hardware", {"processor": "x86_64", "threads": "2", "gpus": []}),
        ("hardware", {"processor": "x86_64", "threads": 2, "gpus": "H100"}),
        ("training_counts", {"common": 21}),
        ("training_counts", {"common": 12, "less": -6, "rare": 3}),
        ("training_counts", [12, 6, 3]),
        ("stages", [{"name": "train"}]),
        ("test", None),
        ("test", []),
        ("validation", 1),
    ],
)
def test_values_of_another_type(key, value, run, refusal):
    _edit_metrics(run, key, value)
    refusal(lambda: read_run(run), run.metrics, key)


@pytest.mark.parametrize("key", ["split_hash", "lr", "encoder", "hardware", "test"])
def test_a_key_that_another_version_did_not_write(key, run, refusal):
    content = json.loads(run.metrics.read_text())
    del content[key]
    run.metrics.write_text(json.dumps(content))
    refusal(lambda: read_run(run), f"{run.metrics} lacks {key}", "another version")


def test_further_keys_do_no_harm(run):
    content = json.loads(run.metrics.read_text())
    run.metrics.write_text(json.dumps({**content, "note": [1]}))
    assert read_run(run).metrics["note"] == [1]


@pytest.mark.parametrize("figure", ["accuracy", "macro_f1", "macro_auroc"])
def test_an_edited_figure(figure, run, refusal):
    test = json.loads(run.metrics.read_text())["test"]
    _edit_metrics(run, "test", {**test, figure: test[figure] + 1e-6})
    refusal(lambda: read_run(run), run.metrics, f"test.{figure}", "predictions.csv")


def test_an_edited_figure_of_a_class(run, refusal):
    test = json.loads(run.metrics.read_text())["test"]
    _edit_metrics(run, "test", {**test, "support": {**test["support"], "less": 3}})
    refusal(lambda: read_run(run), "test.support.less = 3")


def _with_kappa(run: RunFolder, kappa: float | None = None, **changes: object) -> float:
    """Store a kappa in metrics.json, the right one unless it is given, and return it."""
    content = json.loads(run.metrics.read_text())
    names = list(content["training_counts"])
    figures = evaluate_predictions(run.predictions, names, ordinal=True)["test"]
    assert figures is not None
    right = float(figures["quadratic_kappa"])
    content["test"]["quadratic_kappa"] = right if kappa is None else kappa
    run.metrics.write_text(json.dumps({**content, **changes}))
    return right


def test_a_kappa_over_classes_without_an_order_is_not_shown(run):
    _with_kappa(run)  # as earlier versions stored it
    assert read_run(run).test["quadratic_kappa"] is None
    _with_kappa(run, ordinal=False)
    assert read_run(run).test["quadratic_kappa"] is None


def test_a_kappa_of_grades_is_shown(run, tmp_path):
    kappa = _with_kappa(run, ordinal=True)
    assert read_run(run).test["quadratic_kappa"] == kappa
    earlier = make_run(tmp_path / "b", labels=LABELS, predicted=PREDICTED, dataset="aptos")
    kappa = _with_kappa(earlier)
    assert read_run(earlier).test["quadratic_kappa"] == kappa


def test_a_kappa_that_the_predictions_do_not_give(run, refusal):
    _with_kappa(run, 0.9)
    refusal(lambda: read_run(run), "test.quadratic_kappa = 0.9")


# The split


def test_another_split_hash(run, refusal):
    _edit_metrics(run, "split_hash", "0" * 16)
    refusal(lambda: read_run(run), run.metrics, f"split_hash = {'0' * 16}", "split.csv")


@pytest.mark.parametrize(
    "counts",
    [
        {"common": 12, "less": 6, "rare": 300},
        {"common": 12, "less": 6, "rare": 0},
        {"common": 12, "less": 6, "rare": 3, "more": 1},
        {"common": 12, "less": 6},
    ],
)
def test_other_training_counts(counts, run, refusal):
    _edit_metrics(run, "training_counts", counts)
    refusal(lambda: read_run(run), run.metrics, "training_counts", "split.csv")


def _edit_table(file: Path, change: Callable[[pd.DataFrame], object]) -> None:
    frame = pd.read_csv(file, dtype=str)
    changed = change(frame)
    (frame if changed is None else changed).to_csv(file, index=False)


def _set(row: int, column: str, value: str) -> Callable[[pd.DataFrame], None]:
    def change(frame: pd.DataFrame) -> None:
        assert frame.loc[row, column] != value
        frame.loc[row, column] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda split: split[:-1],  # a training row
        lambda split: split[1:],  # a test row
        lambda split: split[:0],
        lambda split: split.drop(columns="group"),
        _set(3, "image", "other"),
        _set(3, "label", "rare"),
        _set(3, "part", "train"),
        _set(3, "group", "x"),
        _set(3, "group", ""),
    ],
)
def test_an_edited_split(change, run, refusal):
    _edit_table(run.split, change)
    refusal(lambda: read_run(run), "split.csv")


def test_the_order_of_a_split_does_not_count(run):
    _edit_table(run.split, lambda split: split[::-1])
    assert len(read_run(run).split) == 27


# Predictions


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[:-1], "images of split.csv"),
        (lambda rows: pd.concat([rows, rows[:1]]), "images of split.csv"),
        (lambda rows: rows[:0], "no rows"),
        (lambda rows: rows.drop(columns="p_less"), "p_less"),
        (lambda rows: rows.drop(columns="predicted"), "predicted"),
        (_set(0, "image", "other"), "images of split.csv"),
        (_set(0, "label", "less"), "images of split.csv"),
        (_set(0, "part", "validation"), "images of split.csv"),
        (_set(0, "predicted", "rare"), "most probable"),
        (_set(0, "predicted", "unknown"), "most probable"),
        (_set(0, "p_common", "inf"), "outside 0 to 1"),
        (_set(0, "p_common", "nan"), "predictions.csv"),
        (_set(0, "p_common", ""), "outside 0 to 1"),
        (_set(0, "p_common", "abc"), "predictions.csv"),
        (_set(0, "p_common", "-0.8"), "outside 0 to 1"),
        (_set(0, "p_common", "1.8"), "outside 0 to 1"),
        (_set(0, "p_common", "0.80001"), "sum is not 1"),
    ],
)
def test_edited_predictions(change, words, run, refusal):
    _edit_table(run.predictions, change)
    refusal(lambda: read_run(run), run.predictions, words)


def test_swapped_probabilities_change_the_figures(run, refusal):
    def swap(rows: pd.DataFrame) -> None:
        rows.loc[0, ["p_common", "p_less"]] = rows.loc[0, ["p_less", "p_common"]].tolist()
        rows.loc[0, "predicted"] = "less"

    _edit_table(run.predictions, swap)
    refusal(lambda: read_run(run), run.metrics, "test.accuracy")


# History and features


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.drop(columns="loss"),
        lambda rows: rows.drop(columns="stage"),
        lambda rows: rows[:0],
        _set(0, "loss", "abc"),
        _set(0, "loss", "inf"),
        _set(0, "epoch", "0.5"),
        _set(0, "alpha", "abc"),
    ],
)
def test_an_edited_history(change, run, refusal):
    _edit_table(run.history, change)
    refusal(lambda: read_run(run), run.history)


def _write_features(run: RunFolder, **changes: np.ndarray) -> None:
    labels = np.repeat([0, 1, 2], [12, 6, 3])
    features = np.arange(21 * 4, dtype=np.float16).reshape(21, 4)
    np.savez_compressed(run.features, **{"labels": labels, "features": features, **changes})


def test_features_of_the_training_images(run):
    assert read_run(run).features is None
    _write_features(run)
    features = read_run(run).features
    assert features is not None
    assert features["features"].shape == (21, 4)
    assert np.bincount(features["labels"]).tolist() == [12, 6, 3]


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": np.zeros(21, dtype=int)},
        {"labels": np.full(21, -1)},
        {"labels": np.array(["common"] * 21)},
        {"features": np.zeros((20, 4))},
        {"features": np.zeros(21)},
        {"features": np.full((21, 4), np.inf)},
        {"features": np.array([["a"]] * 21)},
        {"features": np.array([[None]] * 21)},
        {"features": np.full((21, 4), np.nan)},
        {"features": np.full((21, 4), -np.inf)},
        {"features": np.full((21, 4), 1e30)},
        {"features": np.zeros((21, 4), dtype=complex)},
        {"features": np.zeros((21, 4), dtype=int)},
        {"features": np.zeros((21, 0))},
        {"features": np.zeros((0, 4))},
        {"features": np.zeros((21, 2, 2))},
        {"features": np.array(1.0)},
        {"labels": np.repeat([0.0, 1.0, 2.0], [12, 6, 3])},
        {"labels": np.repeat([[0], [1], [2]], [12, 6, 3], axis=0)},
        {"labels": np.array([None] * 21)},
        {"labels": np.repeat([0, 1, 2, 3], [12, 6, 3, 1])},
        {"features": np.zeros((21, 50_000), dtype=np.float16)},  # 2 kB that become 2 MB
    ],
)
def test_features_of_no_use(changes, run):
    _write_features(run, **changes)
    read = read_run(run)
    assert read.features is None
    assert read.folder.features.exists()


@pytest.mark.parametrize("byte", [200, 300])
def test_flipped_bytes_of_features(byte, run):
    _write_features(run)
    content = bytearray(run.features.read_bytes())
    content[byte : byte + 20] = bytes(b ^ 255 for b in content[byte : byte + 20])
    run.features.write_bytes(content)
    assert run.features.exists()
    assert read_run(run).features is None


def test_another_kind_of_numpy_file(run):
    np.save(run.path / "one.npy", np.zeros(3))
    shutil.move(run.path / "one.npy", run.features)
    assert run.features.exists()
    assert read_run(run).features is None


# Folders


def test_a_folder_that_does_not_exist(tmp_path, refusal):
    refusal(lambda: read_runs(tmp_path / "nowhere"), "runs=", "nowhere")


def test_only_evaluations_of_a_run_are_no_runs(run, tmp_path):
    parent = tmp_path / "evaluation" / "runs"
    shutil.copytree(run.path, parent / "a")
    shutil.copytree(parent / "a", parent / "a" / "evaluation" / "later")
    assert [folder.path for folder in find_runs(tmp_path / "evaluation")] == [parent / "a"]
    assert [folder.path for folder in find_runs(parent / "a" / "evaluation")] == []
