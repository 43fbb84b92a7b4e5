"""python src/predict.py: images of one's own through checkpoints, by hand and by command."""

import io
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from aduni.evaluation.trained_model import load_trained
from aduni.inference.images import read_image
from aduni.system.csv_escape import unescape_formulas

CLASSES = [f"p_{digit}" for digit in range(10)]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """Runs that the tests of this file share."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def trained(command, shelf, quick, cache):
    """best.ckpt of a quick training, done once."""

    def call(name: str, *overrides: str) -> Path:
        run = shelf / name
        if not run.exists():
            # Of fewer steps the network hardly tells images apart, and any would pass.
            learns = ("method=ce", "sampler.epoch_length=40", "epochs=6")
            fixed = (*quick, *learns, f"dataset.cache_dir={cache}", f"hydra.run.dir={run}")
            finished = command("train", *fixed, *overrides)
            assert finished.status == 0, finished.err
        return run / "checkpoints" / "best.ckpt"

    return call


@pytest.fixture
def ckpt(trained):
    return trained("small")


@pytest.fixture
def other(trained):
    """Another fold, seed and image size."""
    return trained("large", "fold=1", "seed=1", "dataset.image_size=24")


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """All digits as files of 8 x 8 pixels, in folders of a hundred."""
    folder = tmp_path_factory.mktemp("digits")
    for i, image in enumerate(load_digits().images):
        file = folder / f"{i // 100:02d}" / f"digit_{i:04d}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(np.round(image * (255 / 16)).astype(np.uint8)).save(file)
    return folder


@pytest.fixture
def predict(command, tmp_path):
    """Predicts and reads what was written."""

    def call(ckpt, images, *overrides: str) -> pd.DataFrame:
        output = tmp_path / "out" / "predictions.csv"
        finished = command(
            "predict", f"ckpt={_listed(ckpt)}", f"images={images}", f"output={output}", *overrides
        )
        assert finished.status == 0, finished.err
        return unescape_formulas(pd.read_csv(output, dtype={"image": str, "predicted": str}))

    return call


@pytest.fixture
def refused(command, tmp_path, refusal):
    """Predicts in vain: the sentence, and nothing is written."""

    def call(ckpt, images, *overrides: str) -> str:
        output = tmp_path / "out.csv"
        finished = command(
            "predict", f"ckpt={_listed(ckpt)}", f"images={images}", f"output={output}", *overrides
        )
        assert finished.status == 1
        assert not list(tmp_path.glob("*out.csv*"))
        assert "Traceback" not in finished.err
        return finished.err

    return call


def _listed(ckpt) -> str:
    return f"[{','.join(map(str, ckpt))}]" if isinstance(ckpt, list) else str(ckpt)


def _changed(ckpt: Path, to: Path, **stored) -> Path:
    """A copy of a checkpoint that says something else about itself."""
    content = torch.load(ckpt, weights_only=True)
    content["aduni"] |= stored
    torch.save(content, to)
    return to


@pytest.fixture
def squares(tmp_path) -> Path:
    """Seven noisy images of 16 x 16 pixels: none is like its mirror image."""
    folder = tmp_path / "squares"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(7):
        noise = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
    return folder


def test_files_are_predicted_as_in_the_run_and_no_training_data_is_needed(
    predict, ckpt, digits, tmp_path
):
    run = pd.read_csv(ckpt.parents[1] / "predictions.csv", dtype={"predicted": str})
    alone = tmp_path / "moved.ckpt"
    shutil.copy(ckpt, alone)

    found = predict(alone, digits, "calibrated=false", f"embeddings={tmp_path / 'features.npy'}")

    assert len(found) == 1797
    assert found["image"].tolist() == sorted(map(str, digits.rglob("*.png")))
    names = found["image"].map(lambda path: Path(path).stem)
    rows = found.set_index(names).loc[run["image"]]
    assert run[CLASSES].std().max() > 1e-2
    assert np.abs(rows[CLASSES].to_numpy() - run[CLASSES].to_numpy()).max() < 1e-6
    assert rows["predicted"].tolist() == run["predicted"].tolist()
    features = np.load(tmp_path / "features.npy", allow_pickle=False)
    assert features.dtype == np.float32
    some = [0, 64, 1000, 1796]
    images = [read_image(Path(found["image"][i]), 16) for i in some]
    with torch.inference_mode():
        expected = load_trained(ckpt).method.encoder(torch.from_numpy(np.stack(images)))
    np.testing.assert_allclose(features[some], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("missing", [(), (3,)])
def test_four_shards_merged_are_the_whole(command, ckpt, digits, tmp_path, missing):
    (digits / "00" / "digit_0003.png").rename(tmp_path / "kept.png")
    (digits / "00" / "digit_0003.png").write_bytes(b"cut")
    files = {name: tmp_path / name / "p.csv" for name in ("whole", "shards")}
    call = {
        name: (
            *("predict", f"ckpt={ckpt}", f"images={digits}", f"output={file}", "batch_size=50"),
            *("skip_unreadable=true", f"embeddings={file.with_name('features.npy')}"),
        )
        for name, file in files.items()
    }
    command(*call["whole"])
    numbers = [number for number in (1, 2, 3, 4) if number not in missing]
    for number in numbers:
        finished = command(*call["shards"], f"shard={number}/4")
        assert finished.status == 0, finished.err
        assert "without shard= merges them" in finished.out
    assert not files["shards"].exists()
    assert command(*call["shards"], "tta=2").err.count("are not merged") == 1
    merged = command(*call["shards"])
    (tmp_path / "kept.png").rename(digits / "00" / "digit_0003.png")

    for file in ("p.csv", "features.npy"):
        whole, shards = (tmp_path / name / file for name in ("whole", "shards"))
        assert shards.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in files["shards"].parent.iterdir()) == [
        "features.npy",
        "p.csv",
    ]
    assert "1796 images, 1 left out" in merged.out
    said = "The 450 images of shard 3/4 are predicted here: it is missing." in merged.err
    assert said == bool(missing)


def test_probabilities_are_calibrated_where_the_checkpoint_can(predict, ckpt, squares, tmp_path):
    calibration = load_trained(ckpt).calibration
    wide = asdict(calibration) | {"temperature": 0.3, "bias_temperature": 0.4}
    wide["bias"] = np.linspace(-1, 1, 10).tolist()
    ckpt = _changed(ckpt, tmp_path / "best.ckpt", calibration=wide)
    calibration = load_trained(ckpt).calibration
    shares = np.array([0.5, *[0.05] * 8, 0.1])
    given = ",".join(f"{digit}: {share}" for digit, share in enumerate(shares))

    plain = predict(ckpt, squares, "calibrated=false")[CLASSES].to_numpy()
    auto = predict(ckpt, squares)[CLASSES].to_numpy()
    asked = predict(ckpt, squares, "calibrated=true")[CLASSES].to_numpy()
    shifted = predict(ckpt, squares, f"class_frequency={{{given}}}")
    last = predict(ckpt, squares, "calibrated=auto")

    np.testing.assert_allclose(auto, calibration.probabilities(plain), atol=1e-9)
    assert np.array_equal(auto, asked)
    expected = calibration.under(plain, shares)
    np.testing.assert_allclose(shifted[CLASSES], expected, atol=1e-9)
    assert shifted["predicted"].tolist() == [str(c) for c in expected.argmax(axis=1)]
    assert np.abs(auto - plain).max() > 1e-3
    assert np.abs(expected - auto).max() > 1e-3
    assert np.array_equal(last[CLASSES], auto)


def test_an_ensemble_is_the_mean_of_its_models(predict, ckpt, other, squares):
    single = [predict(each, squares)[CLASSES].to_numpy() for each in (ckpt, other)]

    both = predict([ckpt, other], squares)

    np.testing.assert_allclose(both[CLASSES], np.mean(single, axis=0), atol=1e-6)
    assert np.abs(single[0] - single[1]).max() > 1e-3


def test_views_are_the_mean_over_turned_files(predict, ckpt, squares, tmp_path):
    pixels = [np.asarray(Image.open(file)) for file in sorted(squares.iterdir())]
    ways = [lambda x: x, np.fliplr, np.flipud, lambda x: np.rot90(x, 2)]
    ways += [lambda x, way=way: way(x).transpose(1, 0, 2) for way in ways]
    single = []
    for number, way in enumerate(ways):
        folder = tmp_path / f"way{number}"
        folder.mkdir()
        for i, image in enumerate(pixels):
            Image.fromarray(np.ascontiguousarray(way(image))).save(folder / f"{i}.png")
        single.append(predict(ckpt, folder)[CLASSES].to_numpy())

    for count in (1, 2, 4, 8):
        found = predict(ckpt, squares, f"tta={count}", "batch_size=3")[CLASSES]
        np.testing.assert_allclose(found, np.mean(single[:count], axis=0), atol=1e-6)
    assert np.abs(single[0] - np.mean(single, axis=0)).max() > 1e-3


def test_a_list_on_standard_input_with_strange_names(predict, ckpt, squares, monkeypatch):
    names = ["a,b.png", 'c"d.png', "=1+1.png", "ü 写.png", "-.png", "'e.png", "{f: [g]}.png"]
    for file, name in zip(sorted(squares.iterdir()), names, strict=True):
        file.rename(squares / name)
    (squares / "h\ni\r.png").write_bytes((squares / "a,b.png").read_bytes())
    latin = squares / os.fsdecode(b"\xe4.png")
    latin.write_bytes((squares / "a,b.png").read_bytes())
    monkeypatch.chdir(squares)
    lines = os.fsencode("\n".join([*names, "a,b.png", latin.name]) + "\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))

    listed = predict(ckpt, "-")
    whole = predict(ckpt, ".")

    assert listed["image"].tolist() == [*names, "\\xe4.png"]
    assert sorted(whole["image"]) == sorted([*names, "\\xe4.png", "h\ni\r.png"])
    again = whole.set_index("image").loc[listed["image"], CLASSES]
    np.testing.assert_allclose(again, listed[CLASSES], atol=1e-6)


def test_unreadable_images_are_listed_and_left_out_only_if_asked(
    command, refused, ckpt, squares, tmp_path
):
    for i in (2, 5):
        (squares / f"{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    err = refused(ckpt, squares, "batch_size=2")
    assert err.count("unreadable: ") == 2
    sentence = f"error: 2 of 7 images cannot be read, first {squares}/2.png; restore them, or leave"
    assert sentence in err

    output, features = tmp_path / "out.csv", tmp_path / "out.npy"
    asked = (f"images={squares}", f"output={output}", f"embeddings={features}", "batch_size=1")
    finished = command("predict", f"ckpt={ckpt}", *asked, "skip_unreadable=true")

    assert finished.status == 0
    assert f"unreadable: {squares}/5.png is not a readable image" in finished.err
    assert "5 images, 2 left out in" in finished.out
    left = [Path(image).stem for image in pd.read_csv(output)["image"]]
    assert left == ["0", "1", "3", "4", "6"]
    assert len(np.load(features)) == 5


def test_nothing_is_left_where_no_image_can_be_read(refused, ckpt, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")

    err = refused(ckpt, tmp_path / "a.png", "skip_unreadable=true")

    assert f"1 of 1 images cannot be read, first {tmp_path}/a.png; restore" in err


def test_what_cannot_be_predicted_is_refused(refused, ckpt, squares, tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    names = load_trained(ckpt).class_names
    renamed = _changed(ckpt, tmp_path / "renamed.ckpt", class_names=[*names[:-1], "nine"])
    last = ckpt.with_name("last.ckpt")

    assert "nowhere.ckpt is missing" in refused("nowhere.ckpt", squares)
    assert "was not written by this project" in refused(tmp_path / "foreign.ckpt", squares)
    assert "nowhere is missing; give image files" in refused(ckpt, "nowhere")
    (tmp_path / "empty").mkdir()
    assert f"There is no image in {tmp_path / 'empty'}" in refused(ckpt, tmp_path / "empty")
    err = refused([ckpt, renamed], squares)
    assert f"{renamed} has the classes 0, 1" in err
    assert "give checkpoints of the same classes" in err
    err = refused(last, squares, "calibrated=true")
    assert "last.ckpt has no calibration, which calibrated=true needs; give" in err
    err = refused(last, squares, "class_frequency={0: 1}")
    assert "has no calibration, which class_frequency needs" in err
    assert "names ten, which is not a class of" in refused(
        ckpt, squares, "class_frequency={ten: 1}"
    )
    assert "colour is not a known key" in refused(ckpt, squares, "+colour=1")


@pytest.mark.parametrize("place", ["/proc/out.csv", "{tmp}/file/out.csv", "{tmp}/folder.csv"])
def test_an_output_that_cannot_be_written_is_found_before_anything_is_computed(
    command, place, tmp_path
):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()
    output = place.format(tmp=tmp_path)

    # The checkpoint, which is none, is not read.
    found = (f"ckpt={tmp_path / 'file'}", f"images={tmp_path}")
    finished = command("predict", *found, f"output={output}")

    assert finished.status == 1
    assert finished.err.startswith(f"error: {Path(output).parent}")
    assert "; check the path" in finished.err or "is a folder; give" in finished.err


def test_what_is_missing_must_be_given(command):
    finished = command("predict", "images=.", "output=a.csv")

    assert finished.status == 1
    assert finished.err == "error: ckpt is missing; give it on the command line.\n"
