"""python src/explain.py: one page with heat maps, neighbours and errors."""

import html
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from aduni.system.atomic_folder import PREFIX

HOSTILE = "<script>alert(1)<"


@pytest.fixture
def trained(past_run):
    return past_run("epochs=1", "method=ce")


@pytest.fixture
def asked(tmp_path, trained):
    """Three digits as files: two of the test part, one that was trained on."""
    folder = tmp_path / "asked"
    (folder / "inner").mkdir(parents=True)
    split = pd.read_csv(trained / "split.csv").set_index("image")["part"]
    digits = load_digits()
    chosen = [split[split == part].index[0] for part in ("train", "test")]
    chosen.append(split[split == "test"].index[-1])
    names = ["trained.png", f"inner/{HOSTILE}.png", "-3,5.png"]
    for image, name in zip(chosen, names, strict=True):
        grey = np.round(digits.images[int(image[-4:])] * (255 / 16)).astype(np.uint8)
        Image.fromarray(grey).convert("RGB").save(folder / name)
    return folder


def ckpt(run, name: str = "best") -> str:
    return f"ckpt={run / 'checkpoints' / f'{name}.ckpt'}"


def test_images_are_explained_beside_the_errors_of_the_test_part(command, trained, asked):
    finished = command("explain", ckpt(trained), f"images={asked}", "neighbours=4", "errors=2")

    assert finished.status == 0, finished.err
    folder = trained / "explanation"
    assert finished.out.rstrip().endswith(f"Page: {folder / 'index.html'}")
    page = (folder / "index.html").read_text()
    assert "<script>alert" not in page
    assert html.escape(HOSTILE) in page
    assert "http:" not in page
    assert "https:" not in page
    predictions = pd.read_csv(trained / "predictions.csv", dtype={"label": str, "predicted": str})
    test = predictions[predictions["part"] == "test"]
    wrong = Counter(test["label"][test["label"] != test["predicted"]])
    for label, total in Counter(test["label"]).items():
        assert f"{wrong[label]} of {total} test images are wrong" in page
    shown = sum(min(count, 2) for count in wrong.values())
    errors = sorted((folder / "figures" / "errors").iterdir())
    assert len(errors) == shown
    worst = test[(test["label"] == "3") & (test["predicted"] != "3")]
    confidence = worst.filter(like="p_").max(axis=1)
    assert errors[[e.name[:6] for e in errors].index("3_3_01")].stem.endswith(
        worst["image"][confidence.idxmax()]
    )
    pairs = sorted(file.name for file in (folder / "figures" / "images").iterdir())
    assert pairs == ["001_-3_5.png", "002__script_alert_1_.png", "003_trained.png"]
    with Image.open(folder / "figures" / "images" / pairs[0]) as pair:
        assert pair.size == (2 * 256 + 8, 256)
    near = pd.read_csv(folder / "tables" / "neighbours.csv", dtype={"label": str})
    assert near.groupby("image").size().tolist() == [4, 4, 5]
    assert near["same_picture"].tolist() == [False] * 8 + [True] + [False] * 4
    assert set(near["neighbour"]) <= set(training(trained))
    assert not list(folder.glob(f"{PREFIX}*"))


def training(run) -> list[str]:
    split = pd.read_csv(run / "split.csv")
    return split["image"][split["part"] == "train"].tolist()


def test_the_errors_alone_and_a_second_call_that_replaces_the_first(
    command, trained, asked, tmp_path
):
    output = tmp_path / "page"
    first = command("explain", ckpt(trained), f"output={output}", "errors=3", "layer=stage3")
    assert first.status == 1  # 1 x 1 at 16 px
    assert "layer=stage3" in first.err
    assert "gives no feature map of several positions" in first.err
    assert not output.exists()

    first = command("explain", ckpt(trained), f"output={output}", "errors=3", "layer=conv1")
    assert first.status == 0, first.err
    assert "layer conv1, 8 x 8 positions" in (output / "index.html").read_text()
    assert not (output / "tables").exists()

    moved = tmp_path / "moved" / "model.ckpt"
    moved.parent.mkdir()
    shutil.copy(trained / "checkpoints" / "best.ckpt", moved)
    alone = (f"output={output}", "neighbours=0", "errors=0", "target=4")
    second = command("explain", f"ckpt={moved}", f"images=[{asked}/trained.png]", *alone)
    assert second.status == 0, second.err
    page = (output / "index.html").read_text()
    assert "speaks for 4" in page
    assert "Most confident errors" not in page
    assert [f.name for f in (output / "figures").rglob("*.png")] == ["001_trained.png"]


def test_bad_input_is_refused_with_a_sentence(command, trained, asked, tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "broken2.png").write_bytes(b"no picture")
    best, images = ckpt(trained), f"images={asked}"
    cases = [
        ((), "ckpt is missing; give it on the command line"),
        (("ckpt=nowhere.ckpt",), "nowhere.ckpt is missing; give a checkpoint or the folder"),
        ((f"ckpt={tmp_path / 'foreign.ckpt'}",), "was not written by this project"),
        ((best, f"images={tmp_path / 'empty'}"), "There is no image in"),
        ((best, "images=nowhere"), "nowhere is missing; give image files"),
        ((best, f"images={tmp_path / 'broken.png'}"), "broken.png is not a readable image"),
        ((best, f"images={tmp_path}"), "; 1 more cannot be read"),
        ((best, images, "target=cat"), "choose predicted or one of 0, 1, 2"),
        (
            (best, images, "layer=nowhere"),
            "layer=nowhere is not a module of encoder.name=shufflenet",
        ),
        ((best, "errors=0"), "images=null and errors=0 leave nothing to show"),
        ((best, "neighbours=-1"), "neighbours=-1 is not valid"),
        ((best, "neighbour=3"), "neighbour is not a known key (did you mean neighbours?)"),
        ((best, "+wrong=3"), "wrong is not a known key"),
        ((best, f"output={tmp_path / 'full'}"), "was not made by aduni explain"),
        ((best, f"output={tmp_path / 'broken.png'}"), "is a file; give a folder with output="),
        ((ckpt(trained, "last"),), "evaluation/last/predictions.csv is missing"),
    ]
    for overrides, sentence in cases:
        finished = command("explain", *overrides)
        assert finished.status == 1, overrides
        assert finished.err.splitlines()[-1].startswith("error: "), finished.err
        assert sentence in finished.err, finished.err
    assert not (trained / "explanation").exists()
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_training_data_that_are_gone_are_asked_for(command, train, aptos, tmp_path):
    data = ("method=ce", "dataset=aptos", f"dataset.root={aptos.root}", "dataset.image_size=32")
    rules = ("epochs=1", "batch_size=8", "protocol=paper", "protocol.folds=5")
    finished, run = train(*data, *rules)
    assert finished.status == 0, finished.err
    moved = aptos.root.rename(tmp_path / "elsewhere")

    gone = command("explain", ckpt(run))
    assert gone.status == 1
    assert "set dataset.root" in gone.err
    there = command("explain", ckpt(run), f"dataset.root={moved}", "layer=none", "errors=1")
    assert there.status == 0, there.err
    page = (run / "explanation" / "index.html").read_text()
    assert "Protocol paper: selected on test" in page
    assert "Grad-CAM" not in page
    assert "as the model gives them" in page
    assert not list((run / "explanation" / "figures").rglob("*.png"))
