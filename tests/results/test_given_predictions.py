"""Tables of predictions that any program wrote: what is read, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aduni.metrics.evaluation import evaluate
from aduni.results.given_predictions.runs import read_prediction_tables

FILE = Path("net.csv")
CLASSES = ["benign", "malignant", "unclear"]
LABELS = [0, 0, 0, 1, 1, 2]


@pytest.fixture
def probabilities():
    return np.random.default_rng(0).dirichlet(np.ones(3), size=len(LABELS))


@pytest.fixture
def frame(probabilities):
    frame = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in CLASSES])
    names = [CLASSES[label] for label in LABELS]
    return frame.assign(id=[f"image {number}" for number in range(len(LABELS))], label=names)


def _read(frame, **others):
    return read_prediction_tables({FILE: frame, **others}, "mine")


def test_id_label_and_probabilities_are_enough(frame, probabilities):
    read = _read(frame)

    (run,) = read.runs
    assert (run.dataset, run.fold, run.seed, run.config["names"]["method"]) == ("mine", 0, 0, "net")
    images, labels, read_probabilities = run.test_predictions()
    assert images == frame["id"].tolist()
    assert labels.tolist() == LABELS
    np.testing.assert_allclose(read_probabilities, probabilities, atol=1e-12)
    assert run.test == evaluate(np.array(LABELS), probabilities, CLASSES)
    assert run.metrics["validation"] is None
    assert run.split["group"].nunique() == len(LABELS)
    assert read.forms == "probabilities (net.csv)"
    assert [sentence.split(":")[0] for sentence in read.missing] == [
        "There is no validation part",
        "There is no column group",
    ]


def test_logits_are_detected_and_give_their_softmax(frame, probabilities):
    columns = [f"p_{name}" for name in CLASSES]
    logits = np.log(probabilities) + np.arange(len(LABELS))[:, None]
    read = _read(frame.assign(**dict(zip(columns, logits.T, strict=True))))

    np.testing.assert_allclose(read.runs[0].test_predictions()[2], probabilities, atol=1e-12)
    assert read.forms == "logits, softmax taken (net.csv)"


@pytest.mark.parametrize("labels", [LABELS, [f"{label}.0" for label in LABELS]])
def test_labels_may_be_the_places_of_the_classes(frame, labels):
    assert _read(frame.assign(label=labels)).runs[0].test == _read(frame).runs[0].test


def test_probabilities_of_half_precision_are_normalised(frame, probabilities):
    columns = [f"p_{name}" for name in CLASSES]
    half = frame.assign(**{name: frame[name].astype(np.float16) for name in columns})
    values = _read(half).runs[0].test_predictions()[2]

    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(values, probabilities, atol=1e-3)


def test_other_columns_describe_the_images(frame):
    given = frame.assign(
        model=["a"] * 6,
        fold=[0, 0, 0, 1, 1, 1],
        part=["test", "val", "train", "TEST", "Validation", "unused"],
        group=["p1", "p1", "p2", "p3", "p3", "p3"],
        age=[40, 41, 42, 43, 44, 45],
    )
    given.loc[[2, 5], [f"p_{name}" for name in CLASSES]] = np.nan
    first, second = _read(given).runs

    assert (first.fold, second.fold) == (0, 1)
    assert first.split["part"].tolist() == ["test", "validation", "train"]
    assert second.split["part"].tolist() == ["test", "validation", "unused"]
    assert first.split["group"].tolist() == [0, 0, 1]
    assert first.split["age"].tolist() == ["40", "41", "42"]
    assert first.predictions["image"].tolist() == ["image 0", "image 1"]
    assert first.metrics["training_counts"] == {"benign": 1, "malignant": 0, "unclear": 0}


def test_files_may_be_compressed_and_hold_several_models(frame, tmp_path):
    both = pd.concat([frame.assign(model="a"), frame.assign(model="b")])
    both.to_csv(tmp_path / "all.csv.gz", index=False)
    frame.rename(columns={"id": "image"}).to_csv(tmp_path / "net.v2.csv", index=False)
    read = read_prediction_tables([tmp_path / "all.csv.gz", tmp_path / "net.v2.csv"], "mine")

    assert [run.config["names"]["method"] for run in read.runs] == ["a", "b", "net"]
    assert len({run.folder.path for run in read.runs}) == 3
    assert len({str(run.test) for run in read.runs}) == 1


WRONG = {
    "no id": (lambda f: f.drop(columns="id"), ["net.csv has no column id", "p_benign"]),
    "no classes": (lambda f: f[["id", "label", "p_benign"]], ["has 1 column of probabilities"]),
    "no rows": (lambda f: f[:0], ["has no rows"]),
    "label": (
        lambda f: f.assign(label=["x", *f["label"][1:]]),
        ["the label 'x'", "add a column p_x, or"],
    ),
    "place": (lambda f: f.assign(label=[3, 0, 0, 1, 1, 2]), ["the label '3'", "from 0"]),
    "part": (
        lambda f: f.assign(part="dev"),
        ["the part 'dev'", "train, validation, calibration, test"],
    ),
    "fold": (lambda f: f.assign(fold="first"), ["the fold 'first'", "is not a number"]),
    "gap": (lambda f: f.assign(p_benign=[np.nan, 0, 0, 1, 0, 1]), ["of image 0 (1 such rows)"]),
    "sums": (
        lambda f: f.assign(p_benign=0.9, p_malignant=0.9, p_unclear=0.1),
        ["sums over the classes are from 1.9 to 1.9", "or logits"],
    ),
    "twice": (lambda f: pd.concat([f, f[:2]]), ["2 images come twice", "image 0 of net", "seed 0"]),
    "no test": (lambda f: f.assign(part="val"), ["no test part of net, fold 0, seed 0"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_understood_is_refused(name, frame, refusal):
    change, words = WRONG[name]
    refusal(lambda: _read(change(frame)), *words)


def test_models_on_different_images_are_refused_by_count(frame, refusal):
    other = {Path("b.csv"): frame[1:].assign(model="b")}
    words = ["net and b were tested on different images in fold 0", "5 of both, 1 of net alone"]
    refusal(lambda: read_prediction_tables({FILE: frame, **other}, "mine"), *words)
    other = {Path("b.csv"): frame.assign(label=CLASSES[2])}
    words = ["5 images have several labels, first image 0 (benign, unclear)"]
    refusal(lambda: read_prediction_tables({FILE: frame, **other}, "mine"), *words)
    other = {Path("b.csv"): frame.rename(columns={"p_unclear": "p_odd"}).replace("unclear", "odd")}
    words = ["b.csv has the classes benign, malignant, odd", "net.csv benign, malignant, unclear"]
    refusal(lambda: read_prediction_tables({FILE: frame, **other}, "mine"), *words)


def test_no_table_and_a_broken_one_are_refused(tmp_path, refusal):
    (tmp_path / "a.csv.gz").write_bytes(b"no gzip")
    refusal(lambda: read_prediction_tables([tmp_path / "a.csv.gz"], "mine"), "not a readable CSV")


def test_a_table_may_have_an_id_and_the_name_of_a_file(frame):
    files = [f"photo{number}.png" for number in range(len(frame))]
    (run,) = _read(frame.assign(image=files)).runs
    assert run.test_predictions()[0] == frame["id"].tolist()
    assert run.split["image_file"].tolist() == files


def test_percentages_are_no_logits(frame, probabilities, refusal):
    columns = [f"p_{name}" for name in CLASSES]
    percent = frame.assign(**dict(zip(columns, 100 * probabilities.T, strict=True)))
    refusal(lambda: _read(percent), "net.csv", "percentages", "divided")


def test_a_model_has_a_name(frame, refusal):
    models = ["a", "a", "", "b", " ", "b"]
    refusal(lambda: _read(frame.assign(model=models)), "net.csv", "2 rows", "model")


def test_semicolons_are_named(frame, refusal):
    header = ";".join(frame.columns)
    refusal(lambda: _read(pd.DataFrame({header: ["1"]})), "net.csv", "semicolons")
