"""The section "In detail" against scikit-learn and plain loops over the given predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from sklearn.metrics import (
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from aduni.metrics.conformal.prediction_sets import calibrate_sets
from aduni.reporting.build import report_predictions
from aduni.reporting.clinical.image_subgroups import answerable
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.reporting.questions import Questions
from aduni.results.given_predictions.runs import read_prediction_tables

CONF = Path(__file__).parents[3] / "conf" / "questions"
CLASSES = ["none", "mild", "severe"]
COLUMNS = [f"p_{name}" for name in CLASSES]


def questions(**changes) -> Questions:
    files = [OmegaConf.load(CONF / f"{name}.yaml") for name in ("decision", "clinical")]
    given = OmegaConf.merge(*files, changes)
    del given.defaults  # of clinical.yaml: they are decision.yaml
    return Questions.model_validate(OmegaConf.to_container(given))


def table(model: str, skill: float, seed: int = 0) -> pd.DataFrame:
    """Two folds of patients with one or two images, in parts for training, choosing and testing."""
    rng = np.random.default_rng(7)  # the same images and labels for all models
    patients = np.repeat(np.arange(600), rng.integers(1, 3, size=600))
    label = rng.choice(3, size=600, p=[0.6, 0.25, 0.15])[patients]
    part = rng.choice(["validation", "calibration", "test"], size=600)[patients]
    sex, age = rng.choice(["f", "m", ""], size=600)[patients], rng.integers(20, 90, 600)[patients]
    noise = np.random.default_rng(seed + int(10 * skill))
    logits = noise.normal(size=(len(patients), 3)) + skill * np.eye(3)[label]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame(probabilities, columns=COLUMNS).assign(
        **{"model": model, "id": [f"i{n:04d}" for n in range(len(patients))], "part": part},
        **{"label": np.array(CLASSES)[label], "group": patients, "sex": sex, "age": age},
    )
    return frame.assign(fold=(patients % 2), seed=0)


@pytest.fixture(scope="module")
def tables() -> pd.DataFrame:
    return pd.concat([table("weak", 1.0), table("strong", 2.0)])


@pytest.fixture(scope="module")
def page(tables, tmp_path_factory) -> Path:
    asked = questions(
        screening={"positive_classes": ["mild", "severe"], "name": "any", "prevalence": 0.1},
        subgroups=["sex", "age", "sex+age"],
    )
    output = tmp_path_factory.mktemp("report")
    return report_predictions(
        {Path("all"): tables}, output, ordinal=True, reference="weak", questions=asked
    )


@pytest.fixture(scope="module")
def details(page) -> pd.DataFrame:
    return pd.read_csv(page.parent / "tables" / "details.csv", keep_default_na=False)


def value(details, table: str, line: str, column: str) -> float:
    of_table = details["table"].str.startswith(table)
    found = details[of_table & (details["line"] == line) & (details["column"] == column)]
    assert len(found) == 1, (table, line, column)
    return float(found["value"].iloc[0])


def outcomes(tables, model: str, part: str) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    rows = tables[(tables["model"] == model) & (tables["part"] == part)].reset_index(drop=True)
    return rows["label"].map(CLASSES.index).to_numpy(), rows[COLUMNS].to_numpy(), rows


@pytest.mark.parametrize("model", ["weak", "strong"])
def test_metrics_are_those_of_all_out_of_fold_predictions(details, tables, model):
    labels, probabilities, _ = outcomes(tables, model, "test")
    guesses = probabilities.argmax(axis=1)
    for title, expected in {
        "Macro F1": f1_score(labels, guesses, average="macro"),
        "MCC": matthews_corrcoef(labels, guesses),
        "Linear kappa": cohen_kappa_score(labels, guesses, weights="linear"),
    }.items():
        assert value(details, "All metrics", title, model) == pytest.approx(expected)
    table = f"By class, decisions: {model},"
    assert value(details, table, "mild", "Images") == (labels == 1).sum()
    precision = precision_score(labels == 1, guesses == 1)
    assert value(details, table, "mild", "Precision") == pytest.approx(precision)


def test_differences_are_of_the_same_images(details, tables):
    parts = [outcomes(tables, model, "test")[:2] for model in ("strong", "weak")]
    scores = [roc_auc_score(*part, multi_class="ovr") for part in parts]
    found = value(details, "All metrics", "Macro AUROC", "strong - weak")
    assert found == pytest.approx(scores[0] - scores[1])
    line = details[(details["line"] == "Macro AUROC") & (details["column"] == "strong - weak")]
    assert 0 < float(line["low"].iloc[0]) < found < float(line["high"].iloc[0])


def called_images(tables) -> pd.DataFrame:
    """Return the test images with truth, score, and the call at their fold's threshold.

    The threshold is the highest with at least 95 % of the positive validation images.
    """
    found = []
    for fold in (0, 1):
        of_fold = tables[tables["fold"] == fold]
        labels, probabilities, _ = outcomes(of_fold, "strong", "validation")
        scores = probabilities[:, 1:].sum(axis=1)
        threshold = max(t for t in scores if (scores[labels > 0] >= t).mean() >= 0.95)
        labels, probabilities, rows = outcomes(of_fold, "strong", "test")
        scores = probabilities[:, 1:].sum(axis=1)
        found.append(rows.assign(truth=labels > 0, score=scores, called=scores >= threshold))
    return pd.concat(found)


def test_thresholds_come_from_the_validation_part_of_each_fold(details, tables):
    images = called_images(tables)
    truth, found = images["truth"], images["called"]
    column = "strong: sensitivity 0.95"
    name = "any: mild, severe"
    sensitivity, specificity = recall_score(truth, found), recall_score(truth, found, pos_label=0)
    assert value(details, name, "Sensitivity", column) == pytest.approx(sensitivity)
    assert value(details, name, "Specificity", column) == pytest.approx(specificity)
    right, wrong = 0.1 * sensitivity, 0.9 * (1 - specificity)
    ppv = value(details, name, "Positive predictive value", column)
    assert ppv == pytest.approx(right / (right + wrong))


def test_subgroups_are_told_apart_by_columns_bands_and_combinations(details, tables):
    labels, probabilities, rows = outcomes(tables, "strong", "test")
    guesses = probabilities.argmax(axis=1)
    for name, chosen in {"f": rows["sex"] == "f", "(missing)": rows["sex"] == ""}.items():
        expected = balanced_accuracy_score(labels[chosen], guesses[chosen])
        line, table = f"strong, {name}", "Subgroups by sex,"
        assert value(details, table, line, "Balanced accuracy") == pytest.approx(expected)
        rest = balanced_accuracy_score(labels[~chosen], guesses[~chosen])
        gap = value(details, table, line, "Mean recall, to the rest")
        assert gap == pytest.approx(expected - rest)
    of_age = details[
        details["table"].str.startswith("Subgroups by age") & (details["column"] == "Images")
    ]
    assert len(of_age) == 2 * 4
    assert of_age["value"].astype(float).sum() == 2 * len(rows)
    both = details[details["table"].str.startswith("Subgroups by sex+age")]
    assert both["line"].nunique() == 2 * 3 * 4


def test_the_screening_question_is_asked_of_subgroups(details, tables):
    """All with the thresholds of the whole; each is compared with all others."""
    images = called_images(tables)
    for name, value_of in {"f": "f", "(missing)": ""}.items():
        chosen = images["sex"] == value_of
        inside, rest = images[chosen], images[~chosen]
        line, table = f"strong, {name}", "any by sex,"
        positive = inside.loc[inside["truth"], "group"].nunique()
        assert value(details, table, line, "Positive groups") == positive
        for column, positive in (("Sensitivity", True), ("Specificity", False)):
            here, there = (
                recall_score(part["truth"], part["called"], pos_label=positive)
                for part in (inside, rest)
            )
            assert value(details, table, line, f"{column}: here") == pytest.approx(here)
            gap = value(details, table, line, f"{column}: to the rest")
            assert gap == pytest.approx(here - there)
        area = roc_auc_score(inside["truth"], inside["score"])
        assert value(details, table, line, "AUROC") == pytest.approx(area)


def test_few_patients_of_an_answer_say_nothing_of_it(tables, tmp_path):
    """Sensitivity needs positive patients, in a subgroup and in the rest beside it."""
    rows = tables[tables["model"] == "strong"].reset_index(drop=True)
    few = rows["group"].isin(rows.loc[rows["label"] != "none", "group"].unique()[:12])
    kinds = rows[["id"]].assign(
        kind=np.where(few | ((rows["label"] == "none") & (rows["group"] % 2 == 0)), "few", "many")
    )
    kinds.to_csv(tmp_path / "kinds.csv", index=False)
    asked = questions(
        screening={"positive_classes": ["mild", "severe"], "name": "any"},
        subgroups=["kind"],
        subgroup_table=str(tmp_path / "kinds.csv"),
    )
    report = report_predictions({Path("all"): rows}, tmp_path / "out", questions=asked)
    found = pd.read_csv(report.parent / "tables" / "details.csv")
    of_few, of_many = (
        {
            column: value(found, "any by kind", f"strong, {name}", column)
            for column in ("Sensitivity: here", "Sensitivity: to the rest", "Specificity: here")
        }
        for name in ("few", "many")
    )
    assert np.isnan(of_few["Sensitivity: here"])
    assert np.isnan(of_many["Sensitivity: to the rest"])
    assert not np.isnan(of_few["Specificity: here"])
    assert not np.isnan(of_many["Sensitivity: here"])


def test_net_benefits_stand_in_a_table(details, tables):
    """With the stated prevalence of a tenth: scores and shares are moved to it."""
    images = called_images(tables)
    truth, given = images["truth"].to_numpy(), images["truth"].mean()
    odds = images["score"] / (1 - images["score"]) * (0.1 / 0.9) / (given / (1 - given))
    called = (odds / (1 + odds)).to_numpy() >= 0.2
    expected = 0.1 * called[truth].mean() - 0.9 * called[~truth].mean() * 0.25
    found = value(details, "any: net benefit", "20 %", "strong")
    assert found == pytest.approx(expected)


def test_the_screening_question_is_asked_of_patients(details, tables):
    """A patient is positive by the worst image, and has the mean of the images' scores."""
    whole = called_images(tables).groupby("group")[["truth", "score"]].agg("mean")
    area = roc_auc_score(whole["truth"] > 0, whole["score"])
    found = value(details, "any: whole patients", "strong, group", "AUROC")
    assert found == pytest.approx(area)


def test_subgroups_are_compared_by_the_classes_that_both_have(tables, tmp_path):
    """A subgroup of healthy people alone is not ahead because its class is the easy one."""
    rows = tables[tables["model"] == "strong"].reset_index(drop=True)
    healthy = (rows["label"] == "none") & (rows.index % 2 == 0)
    kinds = rows[["id"]].assign(kind=np.where(healthy, "healthy", "mixed"))
    kinds.to_csv(tmp_path / "kinds.csv", index=False)
    asked = questions(subgroups=["kind"], subgroup_table=str(tmp_path / "kinds.csv"))
    report = report_predictions({Path("all"): tables}, tmp_path / "out", questions=asked)
    found = pd.read_csv(report.parent / "tables" / "details.csv")
    gap = value(found, "Subgroups by kind", "strong, healthy", "Mean recall, to the rest")
    tested = rows[rows["part"] == "test"]
    right = tested[COLUMNS].to_numpy().argmax(axis=1) == 0
    inside, none = healthy[tested.index].to_numpy(), (tested["label"] == "none").to_numpy()
    assert gap == pytest.approx(right[inside].mean() - right[none & ~inside].mean())


def test_patients_have_the_mean_of_their_images(details, tables):
    _, _, rows = outcomes(tables, "strong", "test")
    whole = rows.groupby("group")[COLUMNS].mean().to_numpy().argmax(axis=1)
    grades = rows.assign(grade=rows["label"].map(CLASSES.index)).groupby("group")["grade"].max()
    found = value(details, "Whole patients", "strong, group", "Macro F1")
    assert found == pytest.approx(f1_score(grades, whole, average="macro"))


def sets_of_test_images(tables, *, by_class: bool) -> pd.DataFrame:
    """Return group, sex, coverage and size of each test image, by the calibration part alone."""
    found = []
    for fold in (0, 1):
        of_fold = tables[tables["fold"] == fold]
        labels, probabilities, rows = outcomes(of_fold, "strong", "calibration")
        calibrated = calibrate_sets(
            labels, probabilities, rows["group"].to_numpy(), class_conditional=by_class
        )
        labels, probabilities, rows = outcomes(of_fold, "strong", "test")
        sets = calibrated.sets(probabilities)
        covered = sets[np.arange(len(labels)), labels]
        found.append(rows[["group", "sex"]].assign(covered=covered, size=sets.sum(axis=1)))
    return pd.concat(found)


KINDS = pytest.mark.parametrize(
    ("kind", "by_class"), [("all images", False), ("class-conditional", True)]
)


@KINDS
def test_sets_are_calibrated_on_the_calibration_part_alone(details, tables, kind, by_class):
    sets = sets_of_test_images(tables, by_class=by_class)
    means = sets.groupby("group")[["covered", "size"]].mean().mean()
    table, column = "Prediction sets at 0.9,", f"strong: {kind}"
    assert value(details, table, "Coverage", column) == pytest.approx(means["covered"])
    assert value(details, table, "Mean size", column) == pytest.approx(means["size"])


@KINDS
def test_sets_of_subgroups_are_those_of_all_images(details, tables, kind, by_class):
    sets = sets_of_test_images(tables, by_class=by_class)
    for sex in ("f", "m"):
        means = sets[sets["sex"] == sex].groupby("group")[["covered", "size"]].mean().mean()
        table, line = "Prediction sets at 0.9 by sex,", f"strong, {sex}"
        found = value(details, table, line, f"{kind}: Coverage")
        assert found == pytest.approx(means["covered"])
        assert value(details, table, line, f"{kind}: Mean size") == pytest.approx(means["size"])


def test_selective_prediction_is_drawn_with_an_interval(page):
    [drawing] = page.parent.glob("figures/*selective_prediction.svg")
    text = drawing.read_text()
    assert "weak" in text
    assert "strong" in text
    assert text.count("FillBetweenPolyCollection") == 2


def test_the_page_says_what_the_sets_rest_on(page, tables, tmp_path):
    assert "calibrated on the calibration part" in page.read_text()
    without = tables[tables["part"] != "calibration"]
    other = report_predictions({Path("all"): without}, tmp_path, questions=questions())
    assert "No guarantee" in other.read_text()


def test_what_cannot_be_answered_is_left_out(tables, tmp_path):
    """Test images alone, of classes without an order, one image a patient, and no question."""
    bare = tables[tables["part"] == "test"].drop(columns=["part", "sex", "age", "group"])
    report = report_predictions({Path("all"): bare}, tmp_path, questions=questions())
    found = pd.read_csv(report.parent / "tables" / "details.csv")["table"].str.split(",").str[0]
    assert set(found) == {"All metrics", "By class", "Confusion"}


def test_without_questions_there_are_no_details(tables, tmp_path):
    report = report_predictions({Path("all"): tables}, tmp_path)
    assert not (report.parent / "tables" / "details.csv").exists()
    assert "In detail" not in report.read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"screening": {"positive_classes": ["mold"]}}, ["mold", "mild"]),
        ({"screening": {"positive_classes": CLASSES}}, ["all classes"]),
        ({"screening": {"positive_classes": ["mild", "mild"]}}, ["has mild more than once"]),
        ({"cost_matrix": "nowhere.csv"}, ["nowhere.csv is missing; set cost_matrix to a"]),
        ({"subgroups": ["sexx"]}, ["sexx", "sex"]),
        ({"subgroups": ["sex"], "subgroup_bands": {"sex": [1]}}, ["subgroup_bands.sex", "number"]),
        ({"detailed_rows": ["strng"]}, ["strng", "strong"]),
    ],
)
def test_a_question_that_the_data_cannot_answer_is_refused(
    tables, tmp_path, refusal, changes, words
):
    asked = questions(**changes)
    refusal(
        lambda: report_predictions({Path("all"): tables}, tmp_path / "out", questions=asked), *words
    )
    assert not (tmp_path / "out").exists()


def test_columns_of_another_table_are_found_by_the_images(tables, tmp_path, refusal):
    file = tmp_path / "more.csv"
    more = tables[tables["model"] == "weak"][["id"]].assign(camera="A")
    more.loc[more.index[::2], "camera"] = "B"
    more.to_csv(file, index=False)
    asked = questions(subgroups=["camera"], subgroup_table=str(file))
    report = report_predictions({Path("all"): tables}, tmp_path / "one", questions=asked)
    found = pd.read_csv(report.parent / "tables" / "details.csv")
    assert found["table"].str.startswith("Subgroups by camera").sum() == 2 * 2 * 7
    more.iloc[:5].to_csv(file, index=False)
    refusal(
        lambda: report_predictions({Path("all"): tables}, tmp_path / "two", questions=asked),
        "more.csv",
        "no row",
    )


def test_a_column_of_one_data_set_is_left_out_for_the_other(tables):
    """It is said, and what no data set knows is left for the sections to refuse."""
    weak = tables[tables["model"] == "weak"]
    models = {}
    for name, frame in {"a": weak, "b": weak.drop(columns="sex")}.items():
        runs = read_prediction_tables({Path("given"): frame}, name).runs
        units = {(run.fold, run.seed): run for run in runs}
        models[name] = [ModelPredictions("weak", name, units)]
    asked, left_out = answerable(models, questions(subgroups=["sex", "age", "sexx"]))
    assert asked["a"].subgroups == ("sex", "age", "sexx")
    assert asked["b"].subgroups == ("age", "sexx")
    assert [text.split(" are left")[0] for text in left_out] == ["Subgroups by sex"]


COSTS = "truth,severe,none,mild\nnone,4,0,1\nmild,2,3,0\nsevere,0,20,5\n"


def test_costs_are_those_of_the_matrix(tables, tmp_path):
    file = tmp_path / "costs.csv"
    file.write_text(COSTS)
    asked = questions(cost_matrix=str(file))
    report = report_predictions({Path("all"): tables}, tmp_path / "out", questions=asked)
    found = pd.read_csv(report.parent / "tables" / "details.csv")
    costs = np.array([[0, 1, 4], [3, 0, 2], [20, 5, 0]])
    for model in ("weak", "strong"):
        labels, probabilities, _ = outcomes(tables, model, "test")
        expected = {"most probable class": np.mean(costs[labels, probabilities.argmax(axis=1)])}
        choices = [min(range(3), key=lambda k: p @ costs[:, k]) for p in probabilities]
        expected["least expected cost"] = np.mean(costs[labels, choices])
        for decision, cost in expected.items():
            line = value(found, "Expected cost", f"{model}, {decision}", "Mean cost")
            assert line == pytest.approx(cost)
    constant = min(costs[labels, k].mean() for k in range(3))
    rows = found[found["table"].str.startswith("Expected cost")]
    assert rows.loc[rows["line"].str.startswith("no model"), "value"].iloc[0] == constant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (COSTS.replace("severe,0,20,5\n", ""), ("no row of severe", "give a row")),
        (COSTS.replace("truth,severe", "truth,sever"), ("no column of severe (did you mean",)),
        (COSTS.replace("20", "much"), ("no number where severe is true and none is decided",)),
    ],
)
def test_a_cost_matrix_that_lacks_something_is_refused(tables, tmp_path, refusal, text, words):
    file = tmp_path / "costs.csv"
    file.write_text(text)
    asked = questions(cost_matrix=str(file))
    refusal(
        lambda: report_predictions({Path("all"): tables}, tmp_path / "out", questions=asked),
        file,
        *words,
    )


def test_the_section_can_be_left_out(tables, tmp_path):
    asked = questions(detailed_rows=None)
    report = report_predictions({Path("all"): tables}, tmp_path / "out", questions=asked)
    assert not (report.parent / "tables" / "details.csv").exists()
    assert "In detail" not in report.read_text()
