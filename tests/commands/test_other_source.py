"""evaluate.py tests a model on data of another source, beside its own test part."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

IMAGES = Path(__file__).parents[2] / "examples" / "digits" / "images"


@pytest.fixture
def trained(past_run):
    return past_run("method=ce")


@pytest.fixture
def clinic(tmp_path):
    """The example images under labels of another source: no 9, and a label of no class."""
    rows = [(file.name, f"digit {file.name[0]}") for file in sorted(IMAGES.glob("*.png"))]
    frame = pd.DataFrame(rows, columns=["image", "label"])
    frame["camera"] = np.where(frame.index % 2, "a", "b")
    frame.to_csv(tmp_path / "clinic.csv", index=False)
    mapping = pd.DataFrame({"label": [f"digit {i}" for i in range(10)], "class": range(10)})
    mapping["class"] = [*map(str, range(9)), ""]
    mapping.to_csv(tmp_path / "classes.csv", index=False)
    return tmp_path


def words(trained, clinic) -> list[str]:
    return [
        *(f"ckpt={trained}", "dataset=csv", f"dataset.csv={clinic / 'clinic.csv'}"),
        *(f"dataset.root={IMAGES}", "dataset.metadata_columns=[camera]", "dataset.title=clinic"),
    ]


def predictions(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "predictions.csv", dtype={"label": str, "predicted": str})


def test_another_source_is_a_test_part_beside_the_internal_one(command, trained, clinic):
    mapping = f"class_mapping={clinic / 'classes.csv'}"
    finished = command("evaluate", *words(trained, clinic), mapping)
    assert finished.status == 0, finished.err
    assert "internal test" in finished.out
    folder = trained / "external" / "clinic"
    own, found = predictions(trained), predictions(folder)
    here = found[found["part"] == "test"]
    assert sorted(here["label"]) == sorted(str(i) for i in range(9) for _ in range(2))
    internal = found[found["part"] == "internal"]
    assert internal["predicted"].tolist() == own.loc[own["part"] == "test", "predicted"].tolist()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] == accuracy_score(here["label"], here["predicted"])
    assert metrics["internal"] == json.loads((trained / "metrics.json").read_text())["test"]
    _check_report(command, trained, here, internal)


def _check_report(command, trained, here, internal):
    """Means over the nine classes that the other source has, in both."""
    words = ("subgroups=[camera]", "screening.positive_classes=[1]", "screening.name=ones")
    finished = command("report", f"runs={trained / 'external'}", *words)
    assert finished.status == 0, finished.err
    details = pd.read_csv(trained / "external" / "tables" / "details.csv")
    table = details[details["table"].str.startswith("Compared with the internal test")]
    values = table.set_index(["line", "column"])["value"]
    kept = [str(i) for i in range(9)]
    for column, part in {"CE: here": here, "CE: internal test": internal}.items():
        true, shown = part["label"], part["predicted"]
        f1 = f1_score(true, shown, labels=kept, average="macro", zero_division=0)
        assert values["Macro F1", column] == pytest.approx(f1)
        assert values["Accuracy", column] == pytest.approx(accuracy_score(true, shown))
    assert values["Balanced accuracy", "CE: here"] == pytest.approx(
        balanced_accuracy_score(here["label"], here["predicted"])
    )
    for column, part in {"CE: here": here, "CE: internal test": internal}.items():
        area = roc_auc_score(part["label"] == "1", part["p_1"])
        assert values["ones: AUROC", column] == pytest.approx(area, abs=1e-6)
    difference = values["Macro F1", "CE: here"] - values["Macro F1", "CE: internal test"]
    assert values["Macro F1", "CE: difference"] == pytest.approx(difference)
    assert details["table"].str.startswith("Subgroups by camera").any()
    page = (trained / "external" / "index.html").read_text()
    assert "No guarantee: calibrated on images of digits" in page


def test_files_that_the_model_learned_from_are_left_out(command, past_run, tmp_path):
    folder = tmp_path / "images"
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    run = past_run(f"dataset.root={folder}", "dataset=folder", "method=ce")
    words = ("dataset=folder", f"dataset.root={folder}", "dataset.title=same")
    finished = command("evaluate", f"ckpt={run}", *words)
    assert finished.status == 0, finished.err
    parts = pd.read_csv(run / "split.csv")["part"]
    learned = (parts != "test").sum()
    assert f"{learned} of 60 images of same are files that the model was trained" in finished.err
    found = predictions(run / "external" / "same")
    assert (found["part"] == "test").sum() == (parts == "test").sum()


def test_what_cannot_be_compared_is_refused(command, trained, clinic):
    finished = command("evaluate", *words(trained, clinic))
    assert finished.status == 1
    assert "The model has no class digit 0, digit 1" in finished.err
    assert "class_mapping" in finished.err
    own = command("evaluate", f"ckpt={trained}", f"class_mapping={clinic / 'classes.csv'}")
    assert "class_mapping is not a key of evaluate.py without dataset=" in own.err
    mapping = f"class_mapping={clinic / 'classes.csv'}"
    given = f"ckpt={trained / 'checkpoints' / 'last.ckpt'}", *words(trained, clinic)[1:]
    last = command("evaluate", *given, mapping)
    assert "is not the checkpoint that its run tested; give ckpt=" in last.err
    (trained / "metrics.json").unlink()
    early = command("evaluate", *words(trained, clinic), mapping)
    assert "is not finished, so that there is no internal test" in early.err
    assert not (trained / "external").exists()


@pytest.mark.parametrize(
    "question", ["screening.positive_classes=[8,9]", "conformal.confidence_level=0.9"]
)
def test_another_source_stores_no_decision(command, trained, clinic, question):
    finished = command("evaluate", *words(trained, clinic), question)
    assert finished.status == 1
    [sentence] = finished.err.splitlines()
    assert "not on another source; give it to evaluate.py without dataset=" in sentence
    assert not (trained / "external").exists()


def test_another_source_may_have_one_class(command, trained, clinic):
    """Of healthy people alone the specificity is known; what takes two classes is a dash."""
    table = pd.read_csv(clinic / "clinic.csv")
    table[table["label"] == "digit 3"].assign(label="3").to_csv(clinic / "clinic.csv", index=False)
    finished = command("evaluate", *words(trained, clinic))
    assert finished.status == 0, finished.err
    here = predictions(trained / "external" / "clinic")
    here = here[here["part"] == "test"]
    metrics = json.loads((trained / "external" / "clinic" / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] == (here["predicted"] == "3").mean()
    assert metrics["test"]["macro_auroc"] is None
    output = trained.parent / "page"
    asked = f"runs={trained / 'external'}", f"output={output}", "screening.positive_classes=[8,9]"
    finished = command("report", *asked)
    assert finished.status == 0, finished.err
    found = pd.read_csv(output / "tables" / "details.csv")
    found = found[found["table"].str.startswith("screening")].set_index("line")
    assert found.loc["Specificity", "value"].notna().all()
    assert found.loc["Sensitivity", "value"].isna().all()
