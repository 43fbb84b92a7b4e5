"""Data of one's own through the commands: audit, training, evaluation, and mistakes."""

import json
import shutil
from functools import partial

import pandas as pd
import pytest
from PIL import Image

from aduni.cli.banner import print_banner
from own_data import archive, blotches, class_folders, table

CSV = ("dataset=csv", "dataset.image_column=name", "dataset.label_column=finding")
SMALL = ("dataset.image_size=16", "batch_size=16")


@pytest.fixture
def audit(command, tmp_path, cache):
    """Calls prepare.py with a folder for what it writes: (how it ended, the folder)."""

    def call(*overrides):
        output = tmp_path / "audit"
        fixed = (f"dataset.cache_dir={cache}", f"output={output}", "dataset.image_size=16")
        return command("prepare", *fixed, *overrides), output

    return call


def _words(text: str) -> str:
    """Without the frames of tables and the ends of lines."""
    return " ".join(text.translate(str.maketrans("│┃", "  ")).split())


def test_counts_and_a_sampler_come_first_then_what_was_found(audit, tmp_path):
    file = table(tmp_path / "own", (30, 9, 8))
    pictures = tmp_path / "own" / "pictures"
    shutil.copy(pictures / "000.png", pictures / "031.png")
    shutil.copy(pictures / "000.png", pictures / "stray.png")
    print_banner.cache_clear()  # another command of this process may have printed it
    finished, output = audit(*CSV, f"dataset.csv={file}", "dataset.group_column=patient")

    assert finished.status == 0, finished.err
    words = _words(finished.out)
    assert words.startswith("AdUni")
    order = [
        "own_labels: images of each class",
        "benign 30 malignant 9 unclear 8",
        "Imbalance ratio 3.8",
        "suggested for AdUni: sampler=upsample",
        "47 rows; each image was readable",
        "1 image files without a row (first: stray.png)",
        "1 set of pixel-identical images (2 files), 1 with conflicting labels",
        "47 lesions or patients, 0 of them with several photographs",
        "Contact sheets of 3 classes",
    ]
    places = [words.index(sentence) for sentence in order]
    assert places == sorted(places)
    assert "refused" not in words
    sheets = ["0_benign.jpg", "1_malignant.jpg", "2_unclear.jpg"]
    assert sorted(entry.name for entry in output.iterdir()) == [
        *sheets,
        "conflicting.jpg",
        "copies.csv",
        "index.html",
    ]
    assert pd.read_csv(output / "copies.csv")["image"].tolist() == ["pictures/000", "pictures/031"]


def test_a_leaking_split_is_listed_and_refused_to_training(audit, train, tmp_path):
    file = table(tmp_path / "own")
    pictures = tmp_path / "own" / "pictures"
    shutil.copy(pictures / "000.png", pictures / "003.png")  # train and test
    own = (*CSV, f"dataset.csv={file}", "dataset.split_column=side")
    finished, output = audit(*own)

    assert finished.status == 0, finished.err
    words = _words(finished.out)
    assert "benign 15 8 4 3" in words
    assert "Given split: 2 images have a copy, lesion or patient on another side" in words
    assert "dataset.split=cleaned would leave out 1" in words
    assert "Training would be refused: The given split has 2 images" in words
    listed = pd.read_csv(output / "leakage.csv").set_index("image")
    assert listed["part"].to_dict() == {"pictures/000": "train", "pictures/003": "test"}
    assert listed["left_out"].tolist() == [True, False]

    refused, _ = train(*own, *SMALL)
    assert refused.status == 1
    assert "first pictures/000 (train) and pictures/003 (test)" in refused.err
    cleaned, run = train(*own, *SMALL, "dataset.split=cleaned", folder="cleaned")
    assert cleaned.status == 0, cleaned.err
    split = pd.read_csv(run / "split.csv").set_index("image")["part"]
    assert split["pictures/000"] == "unused"
    assert split.value_counts().to_dict() == {"train": 16, "validation": 8, "test": 7, "unused": 1}


def test_lists_of_an_earlier_audit_go(audit, tmp_path):
    root = tmp_path / "own"
    files = class_folders(root)
    shutil.copy(files[0], root / "benign" / "copy.png")
    _, output = audit("dataset=folder", f"dataset.root={root}")
    assert (output / "copies.csv").exists()
    (root / "benign" / "copy.png").unlink()

    audit("dataset=folder", f"dataset.root={root}")
    assert not (output / "copies.csv").exists()


def test_all_unreadable_images_are_listed(audit, tmp_path):
    root = tmp_path / "own"
    files = class_folders(root)
    for file in (files[3], files[20]):
        file.write_bytes(file.read_bytes()[:-30])
    Image.new("RGB", (3, 3)).save(files[25])
    finished, output = audit("dataset=folder", f"dataset.root={root}")

    assert finished.status == 1
    (sentence,) = finished.err.splitlines()[-1:]
    assert sentence.startswith(f"error: 3 images cannot be read, listed in {output}/unreadable.csv")
    listed = pd.read_csv(output / "unreadable.csv")
    expected = [file.relative_to(root).as_posix() for file in (files[3], files[20], files[25])]
    assert listed["image"].tolist() == expected
    assert "3 x 3 pixels" in listed["reason"][2]


def test_a_small_class_is_named_with_what_training_would_say(audit, tmp_path):
    class_folders(tmp_path / "own", (15, 9, 3))
    finished, _ = audit(f"data={tmp_path / 'own'}")

    assert finished.status == 0, finished.err
    words = _words(finished.out)
    assert "Class unclear has only 3 independent images." in words
    assert "Training would be refused: Class unclear has 3 independent images" in words


def test_class_folders_train_and_are_evaluated_where_they_moved(train, command, tmp_path, metrics):
    root = tmp_path / "own"
    class_folders(root)
    finished, run = train(f"data={root}", *SMALL)

    assert finished.status == 0, finished.err
    assert metrics(run)["dataset"] == "own"
    split = pd.read_csv(run / "split.csv")
    trained = split[split["part"] == "train"]["label"].value_counts().to_dict()
    assert metrics(run)["training_counts"] == trained
    root.rename(tmp_path / "moved")
    checkpoint = f"ckpt={run}/checkpoints/best.ckpt"
    again = command("evaluate", checkpoint, f"dataset.root={tmp_path / 'moved'}")
    assert again.status == 0, again.err
    kept = json.loads((run / "evaluation" / "best" / "metrics.json").read_text())
    assert kept["test"] == metrics(run)["test"]


def test_a_table_trains_in_the_given_split_and_is_evaluated_where_it_moved(
    train, command, tmp_path, metrics
):
    file = table(tmp_path / "own")
    own = (f"dataset.csv={file}", "dataset.split_column=side", "dataset.group_column=patient")
    finished, run = train(*CSV, *own, *SMALL)

    assert finished.status == 0, finished.err
    split = pd.read_csv(run / "split.csv").set_index("image")["part"]
    given = pd.read_csv(file).set_index("name")["side"].replace({"val": "validation"})
    assert split.to_dict() == given.to_dict()
    (tmp_path / "own").rename(tmp_path / "moved")
    checkpoint = f"ckpt={run}/checkpoints/best.ckpt"
    again = command("evaluate", checkpoint, f"dataset.root={tmp_path / 'moved'}")
    assert again.status == 0, again.err

    refused, _ = train(
        *CSV, *own, *SMALL, f"dataset.root={tmp_path / 'moved'}", "fold=1", folder="b"
    )
    assert "fold=1 does not exist" in refused.err
    assert "use fold=0" in refused.err


def test_medmnist_trains(train, tmp_path, metrics):
    archive(tmp_path / "own")
    root = f"dataset.root={tmp_path / 'own'}"
    finished, run = train("dataset=medmnist", root, "method=ce", "batch_size=16")

    assert finished.status == 0, finished.err
    assert metrics(run)["dataset"] == "dermamnist"
    assert list(metrics(run)["training_counts"].values()) == [6] * 7


def test_the_yardstick_runs_on_a_small_archive(train, tmp_path, metrics):
    archive(tmp_path / "own")
    small = ("dataset.size=28", "dataset.image_size=32", "encoder.weights=null", "debug=batch")
    root = f"dataset.root={tmp_path / 'own'}"
    finished, run = train("experiment=yardstick_dermamnist", *small, root, "batch_size=16")

    assert finished.status == 0, finished.err
    assert metrics(run)["protocol"] == "clean"


MISTAKES = {
    ("dataset=csv",): "dataset.csv is missing; set it",
    ("dataset=csv", "dataset.csv=none.csv"): "none.csv is missing; set dataset.csv",
    ("dataset=csv", "dataset.csv=TABLE"): "dataset.image_column=image: TABLE has no column",
    (*CSV, "dataset.csv=TABLE", "dataset.split=clean"): "dataset.split=clean is not valid",
    (*CSV, "dataset.csv=TABLE", "dataset.group_colum=patient"): "did you mean group_column?",
    ("dataset=folder",): "dataset.root is missing",
    ("dataset=folder", "dataset.root=none"): "dataset.root=none is missing; set it",
    ("dataset=medmnist", "dataset.name=organmnist3d"): "has solid images",
    ("dataset=medmnist", "dataset.size=32"): "dataset.size=32 is not valid",
}


@pytest.mark.parametrize("overrides", MISTAKES)
@pytest.mark.parametrize("name", ["train", "prepare"])
def test_a_mistake_is_one_sentence(train, audit, tmp_path, name, overrides):
    file = str(table(tmp_path / "own"))
    words = [word.replace("TABLE", file) for word in overrides]
    finished, _ = (train if name == "train" else partial(audit, "dataset.title=x"))(*words)

    assert finished.status == 1
    (sentence,) = finished.err.splitlines()
    assert MISTAKES[overrides].replace("TABLE", file) in sentence
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_formulas_in_names_stay_texts(audit, tmp_path):
    root = tmp_path / "own"
    class_folders(root)
    (root / "=1+1").mkdir()
    for number in range(8):
        blotches(200 + number).save(root / "=1+1" / f"{number}.png")
    shutil.copy(root / "=1+1" / "0.png", root / "=1+1" / "copy.png")
    finished, output = audit("dataset=folder", f"dataset.root={root}")

    assert finished.status == 0, finished.err
    assert "'=1+1/0.png" in (output / "copies.csv").read_text()


@pytest.mark.slow
def test_the_papers_rows_are_reproduced_on_a_table(command, tmp_path, cache, quick):
    file = table(tmp_path / "own")
    overrides = [*quick, "batch_size=16", f"dataset.cache_dir={cache}", "dataset.image_size=16"]
    words = ",".join(f"'{word}'" for word in overrides if not word.startswith("sampler=none"))
    finished = command(
        "reproduce",
        *("profile=own", *CSV, f"dataset.csv={file}", "tables=1", f"output={tmp_path / 'out'}"),
        *("profile.rows=[CE,AdUni]", "profile.folds=[0]", "profile.features=[]"),
        "profile.floors=[]",
        f"profile.overrides=[{words}]",
    )

    assert finished.status == 0, finished.err
    assert "own_labels" in (tmp_path / "out" / "index.html").read_text()
    assert len(list((tmp_path / "out").rglob("metrics.json"))) == 2
