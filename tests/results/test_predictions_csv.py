"""Files of runs are read back as they were written, whatever classes and images are called."""

import numpy as np
import pandas as pd
import pytest

from aduni.data.image_table import ImageTable
from aduni.data.splits.predefined import read_split, split_frame, split_hash
from aduni.inference.explain.error_cards import read_test_part
from aduni.results.finished_runs import read_run
from aduni.results.history_csv import read_history, training_speed
from aduni.results.model_card.run_data import read_content
from aduni.results.predictions_csv import evaluate_predictions, read_predictions
from aduni.results.validation import read_split as read_run_split
from aduni.system.atomic_files import read_json, write_csv
from aduni.system.csv_escape import read_saved
from hand_made import make_run

NOT_TEXTS = (
    *("None", "NA", "n/a", "null", "nan", "NaN", "<NA>", "#N/A", "-nan", "1e5", "01", "1", "1.0"),
    *("True", "false", "inf", "-inf", " x ", "x", "1_000", "1,000", "0x1F", "2020-01-01", "''=1"),
)
"""Names that a reader of tables takes for something else, or for each other."""


@pytest.fixture
def run(tmp_path):
    """Two test images of each class, the first taken for the next class, named like the classes."""
    classes = len(NOT_TEXTS)
    labels = np.repeat(np.arange(classes), 2)
    predicted = labels.copy()
    predicted[::2] = (predicted[::2] + 1) % classes
    made = make_run(
        tmp_path / "run",
        labels=labels.tolist(),
        predicted=predicted.tolist(),
        classes=NOT_TEXTS,
        training_labels=range(classes),
    )
    for file in (made.predictions, made.split):
        frame = read_saved(file, ["image", "label", "predicted"])
        frame.loc[: 2 * classes - 1, "image"] = [*NOT_TEXTS, *(f"{n}/b" for n in NOT_TEXTS)]
        write_csv(frame, file)
    return made


def test_predictions_of_every_reader_have_the_names_that_were_written(run):
    names = list(NOT_TEXTS)
    frame = read_predictions(run.predictions, names)
    assert frame["label"].tolist() == [name for name in names for _ in range(2)]
    assert frame["image"].tolist()[: len(names)] == names
    figures = evaluate_predictions(run.predictions, names)["test"]
    assert figures["accuracy"] == 0.5
    assert figures["support"] == dict.fromkeys(names, 2)
    assert read_test_part(run.predictions, names).images == frame["image"].tolist()


def test_runs_and_cards_have_the_names_that_were_written(run):
    split = read_run_split(run.split)
    assert split["label"].tolist()[: 2 * len(NOT_TEXTS) : 2] == list(NOT_TEXTS)
    text = run.metrics.read_text().replace(read_json(run.metrics)["split_hash"], split_hash(split))
    run.metrics.write_text(text)
    read = read_run(run)
    assert read.class_names == list(NOT_TEXTS)
    assert set(read.test_predictions()[0]) >= set(NOT_TEXTS)
    content = read_content({**read.metrics, "temperature": None}, run)
    assert content.counts["test"].tolist() == [2] * len(NOT_TEXTS)
    assert len(content.groups) == 2 * len(NOT_TEXTS)


def test_a_stored_split_has_the_names_that_were_written(tmp_path):
    names = list(NOT_TEXTS)
    numbers = np.arange(len(names))
    table = ImageTable(names, numbers, names)
    parts = np.resize(np.array(["train", "validation", "test"]), len(names))
    write_csv(split_frame(table, numbers, parts), tmp_path / "split.csv")

    read = read_split(tmp_path / "split.csv", table, numbers, grouped=True)
    assert read.tolist() == parts.tolist()


def test_a_history_has_the_stages_that_were_written(tmp_path):
    file = tmp_path / "history.csv"
    frame = pd.DataFrame({"stage": ["None", "01"], "epoch": [0, 0], "loss": [1.0, np.nan]})
    frame = frame.assign(images=8, seconds=2.0, alpha=[np.nan, 0.5])
    write_csv(frame, file)

    pd.testing.assert_frame_equal(read_history(file), frame)
    assert training_speed(file) == {"train_seconds": 4.0, "images_per_second": 4.0}


def test_other_columns_are_numbers_or_missing(tmp_path):
    frame = pd.DataFrame({"class": ["01", "", "nan"], "f1": [0.5, np.nan, 1.0], "n": [1, 2, 3]})
    write_csv(frame, tmp_path / "t.csv")

    pd.testing.assert_frame_equal(read_saved(tmp_path / "t.csv", ["class", "row"]), frame)


def test_rows_that_are_longer_than_the_header_are_refused(run, refusal):
    lines = run.predictions.read_text().splitlines()
    run.predictions.write_text("\n".join([lines[0], *(f"{line},1" for line in lines[1:])]))

    refusal(lambda: read_predictions(run.predictions, list(NOT_TEXTS)), run.predictions)
