"""Images whose label may be wrong: their order, what is listed of them, and what is refused."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from aduni.auditing.label_errors.find_label_errors import answer_of, find_label_errors
from aduni.auditing.label_errors.label_error_settings import LabelErrorSettings
from aduni.auditing.label_errors.out_of_fold import OutOfFold, read_out_of_fold
from aduni.auditing.label_errors.pictures import DataPictures, FolderPictures
from aduni.auditing.label_errors.suspects import suspects
from aduni.config.schema import DataPlace
from aduni.metrics.label_errors import match_frequencies
from aduni.results.finished_runs import read_run
from aduni.results.given_predictions.runs import read_prediction_tables
from aduni.results.run_folder import RunFolder
from aduni.system.csv_escape import read_saved
from hand_made import make_run
from own_data import blotches, table

CLASSES = ["a, b", "<b>c</b>", "=3"]
LABELS = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
SHOWN = [0, 0, 0, 1, 1, 1, 0, 2, 2, 2]
"""Class that each image shows: those at 3 and 6 have a wrong label."""
SURE = [0.9, 0.9, 0.8, 0.95, 0.9, 0.8, 0.9, 0.9, 0.8, 0.9]


def _table(folder, images=None, labels=LABELS, shown=SHOWN, classes=CLASSES, **columns):
    probabilities = np.repeat((1 - np.array(SURE))[:, None] / 2, 3, axis=1)
    probabilities[np.arange(10), shown] = SURE
    frame = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])
    frame.insert(0, "id", images or [f"{i}.png" for i in range(10)])
    frame.insert(1, "label", [classes[label] for label in labels])
    folder.mkdir(exist_ok=True)
    frame.assign(**columns).to_csv(folder / "net.csv", index=False)
    return folder / "net.csv"


@pytest.fixture
def pictures(tmp_path):
    """The images of the table; those at 0 and 9, of different labels, are one file twice."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(10):
        blotches(0 if i == 9 else i).save(folder / f"{i}.png")
    return folder


def _settings(**values):
    unset = dict.fromkeys(("runs", "predictions", "images", "row", "output"))
    place = DataPlace(root=None, cache_dir="unused")
    return LabelErrorSettings(
        **{**unset, "limit": 100, "verbose": False, "dataset": place, **values}
    )


def _find(tmp_path, **values):
    output = tmp_path / "out"
    answer, page = find_label_errors(_settings(output=str(output), **values))
    listed = read_saved(output / "label_errors.csv", ("image", "label", "suggested", "corrected"))
    return answer, listed, page.read_text()


def test_conflicting_copies_come_first_and_each_image_once(tmp_path, pictures):
    answer, listed, page = _find(tmp_path, predictions=str(_table(tmp_path)), images=str(pictures))

    assert listed["image"].tolist() == ["0.png", "9.png", "3.png", "6.png"]
    assert listed["reason"].tolist() == ["conflicting copy"] * 2 + ["likely error"] * 2
    assert listed["label"].tolist() == ["a, b", "=3", "a, b", "<b>c</b>"]
    assert listed["suggested"][2:].tolist() == ["<b>c</b>", "a, b"]
    frame = pd.read_csv(tmp_path / "net.csv")
    raw = frame[[f"p_{name}" for name in CLASSES]].to_numpy()
    matched = match_frequencies(np.array(LABELS), raw)
    of_label = matched[[0, 9, 3, 6], [0, 2, 0, 1]]
    assert listed["p_label"].tolist() == pytest.approx(of_label, abs=1e-5)
    assert listed["p_suggested"][2:].tolist() == pytest.approx(matched[[3, 6], [1, 0]], abs=1e-5)
    assert listed["copies"].tolist()[:2] == [1, 1]
    assert listed["corrected"].tolist() == [""] * 4
    assert answer == (
        "4 of 10 images may have a wrong label: 2 are copies of a picture that has several labels, "
        "and 2 are likely errors, where models that were not trained on the image are confident of "
        "another class."
    )
    assert answer in page
    assert page.count('<img src="data:image/jpeg') == 4
    assert "<b>c</b>" not in page
    assert "&lt;b&gt;c&lt;/b&gt;" in page


def test_the_page_has_few_pictures_and_the_list_all_images(tmp_path, pictures):
    _, listed, page = _find(
        tmp_path, predictions=str(_table(tmp_path)), images=str(pictures), limit=1
    )
    assert len(listed) == 4
    assert page.count("<img ") == 2
    assert page.count("2 images, the first 1 of them") == 2


def test_without_pictures_the_list_is_whole_and_the_page_says_so(tmp_path, pictures):
    file = str(_table(tmp_path))
    _, listed, page = _find(tmp_path, predictions=file)
    assert listed["image"].tolist() == ["3.png", "6.png"]
    assert "There are no pictures, and copies were not compared" in page
    (pictures / "3.png").unlink()
    (pictures / "6.png").write_text("no picture")
    _, listed, page = _find(tmp_path, predictions=file, images=str(pictures))
    assert listed["image"].tolist()[2:] == ["3.png", "6.png"]
    assert "2 of 4 pictures could not be opened; the first: " in page
    assert page.count('<div class="none">') == 2


def test_corrections_are_never_replaced(tmp_path, refusal):
    file = str(_table(tmp_path))
    _, listed, _ = _find(tmp_path, predictions=file)
    listed.assign(corrected=["a, b", ""]).to_csv(tmp_path / "out" / "label_errors.csv", index=False)
    before = (tmp_path / "out" / "label_errors.csv").read_bytes()
    refusal(lambda: _find(tmp_path, predictions=file), "label_errors.csv holds 1 corrections")
    assert (tmp_path / "out" / "label_errors.csv").read_bytes() == before
    (tmp_path / "out" / "label_errors.csv").write_bytes(before.replace(b",", b";"))
    refusal(lambda: _find(tmp_path, predictions=file), "may hold corrections")


def test_labels_of_one_class_leave_nothing_to_list(tmp_path):
    file = _table(tmp_path, labels=[0] * 10)
    answer, listed, page = _find(tmp_path, predictions=str(file))
    assert answer == "None of 10 images stands out as wrongly labelled."
    assert listed.empty
    assert answer in page


def test_a_name_leads_to_no_file_outside_of_the_folder(tmp_path, pictures, refusal):
    blotches(50).save(tmp_path / "outside.png")
    folder = FolderPictures(pictures, ["../outside.png", "", "1"])
    for image in ("../outside.png", "", "/etc/hostname", "a\0b"):
        refusal(lambda image=image: folder.open(image), "has no file for")
    assert folder.open("1").size == (24, 20)
    assert folder.copies() == []


def test_copies_of_a_data_set_are_those_of_its_audit(make_data, tmp_path):
    file = table(tmp_path / "own")
    (tmp_path / "own" / "pictures" / "020.png").write_bytes(
        (tmp_path / "own" / "pictures" / "003.png").read_bytes()
    )
    columns = {"csv": str(file), "image_column": "name", "label_column": "finding"}
    pictures = DataPictures(make_data("csv", title="mine", **columns))
    assert pictures.copies() == [["pictures/003", "pictures/020"]]
    assert pictures.open("pictures/003").size == (24, 20)


def test_copies_without_a_prediction_are_listed_without_numbers(tmp_path):
    runs = read_prediction_tables([_table(tmp_path)], "mine").runs
    known = read_out_of_fold(runs, None, "x")
    given = known.given | {"new": "a, b", "other": "=3", "third": "=3"}
    predictions = OutOfFold(
        known.row, known.runs, known.images, known.labels, known.probabilities, given
    )
    listed = suspects(predictions, [["new", "other"], ["third", "3.png"], ["1.png", "2.png"]])
    assert listed["image"].tolist() == ["new", "other", "third", "3.png", "6.png"]
    assert listed["suggested"].tolist()[:3] == ["", "", "a, b"]
    assert listed["p_label"].isna().tolist() == [True, True, True, False, False]


@pytest.fixture
def folds(tmp_path):
    """Two folds of two methods and two seeds, in which cross-entropy is better on validation."""

    def make(method, fold, seed, confidence=0.8, **changes):
        made = make_run(
            tmp_path / "runs" / f"{method}{fold}{seed}",
            labels=[0, 0, 1, 1, 2, 2],
            predicted=[0, 0, 1, 1, 2, 0],
            method=method,
            fold=fold,
            seed=seed,
            confidence=confidence,
            **changes,
        )
        return made

    for fold in (0, 1):
        for seed, confidence in ((0, 0.8), (1, 0.6)):
            make("ce", fold, seed, confidence)
    return make


def _runs(tmp_path):
    folders = sorted((tmp_path / "runs").iterdir())
    return [read_run(RunFolder(folder)) for folder in folders]


def test_probabilities_are_means_over_seeds_and_folds_follow_each_other(folds, tmp_path):
    predictions = read_out_of_fold(_runs(tmp_path), None, "runs=x")
    assert predictions.images == [f"f{fold}_{i:04d}" for fold in (0, 1) for i in range(6)]
    labels, shown = np.array([0, 0, 1, 1, 2, 2] * 2), np.array([0, 0, 1, 1, 2, 0] * 2)
    means = np.where(np.eye(3)[shown] == 1, 0.7, 0.15)  # of 0.8 and 0.6, and of the rest
    assert predictions.probabilities == pytest.approx(match_frequencies(labels, means))
    assert len(predictions.given) == 2 * (6 + 21)
    assert predictions.class_names == ["common", "less", "rare"]


def test_of_several_rows_one_is_named(folds, tmp_path, refusal):
    folds("ldam", 0, 0)
    runs = _runs(tmp_path)
    assert read_out_of_fold(runs, "LDAM", "runs=x").row == "LDAM"
    assert read_out_of_fold(runs, None, "runs=x").row == "CE"
    refusal(
        lambda: read_out_of_fold(runs, "ldam", "runs=x"),
        "row=ldam is not a row (did you mean LDAM?); choose one of CE, LDAM.",
    )


def test_runs_that_do_not_belong_together_are_refused(folds, tmp_path, refusal):
    folds("ldam", 0, 0, dataset="other")
    runs = _runs(tmp_path)
    refusal(
        lambda: read_out_of_fold(runs, None, "runs=x"), "runs=x holds runs on several data sets"
    )
    runs = [run for run in runs if run.dataset == "toy"]
    changed = runs[0].split.copy()
    changed.loc[0, "label"] = "rare"
    object.__setattr__(runs[0], "split", changed)
    refusal(lambda: read_out_of_fold(runs, None, "runs=x"), "different labels of f0_0000")
    refusal(lambda: read_out_of_fold([], None, "runs=x"), "runs=x holds no finished run")


def test_a_page_says_what_was_not_predicted_or_not_read(folds, tmp_path):
    broken = folds("ldam", 0, 0)
    broken.predictions.write_text("image\n")
    answer, listed, page = _find(tmp_path, runs=str(tmp_path / "runs"))
    assert listed["image"].tolist() == ["f0_0005", "f1_0005"]
    assert answer.startswith("2 of 54 images may have a wrong label: 2 are likely errors")
    assert "42 of 54 images were in no test part" in page
    assert "1 runs were left out; the first, ldam00: " in page
    assert page.count("<dd>0, 1</dd>") == 2


def test_a_folder_without_a_sound_run_is_refused(folds, tmp_path, refusal):
    (tmp_path / "empty").mkdir()
    refusal(lambda: _find(tmp_path, runs=str(tmp_path / "empty")), "empty holds no finished run")
    for run in (tmp_path / "runs").iterdir():
        content = json.loads((run / "metrics.json").read_text())
        (run / "metrics.json").write_text(json.dumps({**content, "test": None}))
    refusal(lambda: _find(tmp_path, runs=str(tmp_path / "runs")), "holds no sound run; the first")
    assert not (tmp_path / "out").exists()


def test_the_answer_has_the_numbers_that_the_list_has():
    listed = pd.DataFrame({"reason": ["likely error"]})
    assert "1 of 2,000 images may have a wrong label: 1 is a likely error," in answer_of(
        listed, 2000
    )
    assert not re.search("cop(y|ies)", answer_of(listed, 2000))
