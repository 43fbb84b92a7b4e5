"""python src/audit.py: the audit alone, and that of a split as others publish it."""

import hashlib
import json
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from own_data import table


@pytest.fixture
def words(tmp_path):
    file = table(tmp_path / "own", (12, 12, 8))
    frame = pd.read_csv(file, dtype=str)
    frame.loc[[0, 3, 6, 10], "patient"] = "both"
    frame.to_csv(file, index=False)
    for side, rows in frame.groupby("side"):
        (tmp_path / f"list_{side}.txt").write_text("\n".join(rows["name"]))
    return [
        *("dataset=csv", f"dataset.csv={file}", "dataset.title=mine", "dataset.image_size=16"),
        *("dataset.image_column=name", "dataset.label_column=finding"),
        *("dataset.group_column=patient", f"dataset.cache_dir={tmp_path / 'cache'}"),
    ]


def _lists(tmp_path):
    return ",".join(f"{tmp_path}/list_{side}.txt" for side in ("train", "val", "test"))


def test_a_split_is_counted_and_its_leaks_are_listed(command, words, tmp_path):
    output = f"output={tmp_path / 'audit'}"
    finished = command("audit", *words, output, f"split=[{_lists(tmp_path)}]")

    assert finished.status == 0, finished.err
    said = " ".join(finished.out.translate(str.maketrans("│┃", "  ")).split())
    assert "16 train, 8 validation, 8 test; 0 images are not listed." in said
    assert "lesion or patient 1 (12.5 %) 2 (25.0 %)" in said
    assert "exact copy 0 (0.0 %) 0 (0.0 %)" in said
    assert "any 1 (12.5 %) 2 (25.0 %)" in said
    listed = pd.read_csv(tmp_path / "audit" / "split_leaks.csv")
    assert listed["image"].tolist() == ["pictures/003", "pictures/006", "pictures/010"]
    assert listed["part"].tolist() == ["test", "validation", "validation"]
    assert listed["any"].all()
    cited = (tmp_path / "audit" / "split_leaks.md").read_text()
    digest = hashlib.sha256((tmp_path / "list_test.txt").read_bytes()).hexdigest()
    assert cited.startswith("# Images of a split of mine that leak\n")
    assert f"- list_test.txt, SHA-256 {digest}\n" in cited
    assert "| any | 1 (12.5 %) | 2 (25.0 %) |\n" in cited


def test_a_split_without_test_images_or_of_other_images_is_refused(command, words, tmp_path):
    output = f"output={tmp_path / 'audit'}"
    finished = command("audit", *words, output, f"split={tmp_path}/list_train.txt")
    assert finished.status == 1
    assert "has no test part; add the file that lists it." in finished.err
    finished = command("audit", "dataset=digits", output, f"split={tmp_path}/list_train.txt")
    assert "names no image of the data set" in finished.err
    finished = command("audit", "dataset=digits", "batch_size=3")
    assert "batch_size is not a key of audit.py" in finished.err


def test_without_a_split_the_data_set_is_audited(command, tmp_path):
    cache = f"dataset.cache_dir={tmp_path}"
    finished = command("audit", cache, f"output={tmp_path / 'audit'}")

    assert finished.status == 0, finished.err
    assert "1797 rows" in finished.out
    page = (tmp_path / "audit" / "index.html").read_text()
    assert "1797 rows" in page
    assert page.count("<img ") == 10


def test_a_training_on_it_says_so_in_every_result(command, words, tmp_path):
    run = tmp_path / "run"
    finished = command(
        *("train", *words, "method=ce", "epochs=1", "batch_size=8", "sampler=none"),
        *(
            "num_workers=0",
            "trainer=cpu",
            "encoder=resnet18",
            "encoder.adaptation=full",
            f"hydra.run.dir={run}",
        ),
        f"protocol.split_file=[{_lists(tmp_path)}]",
    )

    assert finished.status == 0, finished.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["caveat"].startswith("1 of 8 test images (12.5 %) have their lesion, patient or")
    assert yaml.safe_load((run / "config.yaml").read_text())["protocol"]["caveat"]
    assert "1 of 8 test images" in (run / "model_card.md").read_text()
    evaluated = command("evaluate", f"ckpt={run}/checkpoints/best.ckpt", f"output={tmp_path}/again")
    assert evaluated.status == 0, evaluated.err
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert (again["caveat"], again["test"]) == (metrics["caveat"], metrics["test"])
    report = command("report", f"runs={run}", f"output={tmp_path / 'report'}")
    assert report.status == 0, report.err
    assert "1 of 8 test images" in (tmp_path / "report" / "index.html").read_text()


def test_images_of_ones_own_are_audited_without_torch(words, tmp_path):
    """Their recipe has pretrained weights, whose mean no audit needs."""
    script = (
        "import sys; from aduni.cli.start import start; sys.argv[0] = 'aduni audit';"
        "start('audit'); assert 'torch' not in sys.modules"
    )
    output = f"output={tmp_path / 'audit'}"
    call = [sys.executable, "-c", script, *words, output]
    finished = subprocess.run(call, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "audit" / "index.html").exists()
