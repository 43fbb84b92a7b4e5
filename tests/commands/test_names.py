"""Classes, images, groups and columns that readers of tables take for something else."""

import csv
import json

import pandas as pd
import pytest

from own_data import blotches

NAMES = ("None", "NA", "nan", "null", "1e5", "01", "True", "inf", " x ", "1_000")
COLUMNS = ("image", "None", "nan")


def folders(root):
    """A folder for each class, the images called like the classes."""
    for place, label in enumerate(NAMES):
        (root / label).mkdir(parents=True)
        for number, name in enumerate(NAMES[:8]):
            blotches(8 * place + number).save(root / label / f"{name}.png")
    return ["dataset=folder", f"dataset.root={root}"], list(NAMES)


def table(root):
    """The same in a table, where spaces around a label do not count; groups are called alike."""
    folders(root)
    with (root / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for label in NAMES:
            rows.writerows([f"{label}/{name}", label, f"{label}/{name}"] for name in NAMES[:8])
    words = ["dataset.label_column=None", "dataset.group_column=nan"]
    return ["dataset=csv", f"dataset.csv={root / 't.csv'}", *words], [n.strip() for n in NAMES]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["clean", "paper"])
@pytest.mark.parametrize("make", [folders, table])
def test_names_go_through_all_commands(train, command, tmp_path, make, protocol):
    words, names = make(tmp_path / "own")
    small = ("dataset.image_size=16", "method=ce", f"protocol={protocol}", "epochs=1")
    finished, run = train(*words, *small, folder="runs/run")
    assert finished.status == 0, finished.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert sorted(metrics["test"]["support"]) == sorted(names)
    assert metrics["test"]["quadratic_kappa"] is None
    assert "kappa" not in (finished.out + (run / "model_card.md").read_text()).lower()

    ckpt = f"ckpt={run / 'checkpoints' / 'best.ckpt'}"
    finished = command("evaluate", ckpt)
    assert finished.status == 0, finished.err
    evaluated = json.loads((run / "evaluation" / "best" / "metrics.json").read_text())
    assert evaluated["test"] == metrics["test"]
    images = f"images={tmp_path / 'own' / 'None'}"
    finished = command("explain", ckpt, images, f"output={tmp_path / 'why'}", "errors=1")
    assert finished.status == 0, finished.err
    finished = command("predict", ckpt, images, f"output={tmp_path / 'p.csv'}")
    assert finished.status == 0, finished.err
    predicted = pd.read_csv(tmp_path / "p.csv", dtype=str, keep_default_na=False)["predicted"]
    assert set(predicted) <= set(names)

    (run / "metrics.json").unlink()  # killed before it was written
    finished = command("train", f"resume={run}")
    assert finished.status == 0, finished.err
    assert json.loads((run / "metrics.json").read_text())["test"] == metrics["test"]
    finished = command("report", f"runs={tmp_path / 'runs'}", f"output={tmp_path / 'report'}")
    assert finished.status == 0, finished.err
    page = (tmp_path / "report" / "index.html").read_text()
    assert "was changed" not in page
    classes = pd.read_csv(
        tmp_path / "report" / "tables" / "classes.csv", dtype=str, keep_default_na=False
    )
    assert sorted(classes["class"]) == sorted(names)


def test_a_declared_order_of_numbers_gives_a_kappa(train, tmp_path):
    for label in ("0", "1", "2"):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(8):
            blotches(8 * int(label) + number).save(tmp_path / "own" / label / f"{number}.png")
    words = ("dataset=folder", f"dataset.root={tmp_path / 'own'}", "dataset.classes=[2,01,0]")
    finished, run = train(*words, "dataset.image_size=16", "method=ce", "epochs=1", "batch_size=8")

    assert finished.status == 0, finished.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert list(metrics["test"]["support"]) == ["2", "1", "0"]
    assert metrics["task"] == "ordinal"
    assert isinstance(metrics["test"]["quadratic_kappa"], float)
    assert "Quadratic kappa" in finished.out
    assert "Quadratic kappa" in (run / "model_card.md").read_text()
