"""Parts of predict.py: settings, and views of an image."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from aduni.data.cache.decode import InputFormat
from aduni.errors import UserError
from aduni.inference.images import read_batches
from aduni.inference.predict.ensemble import _class_frequencies, dihedral
from aduni.inference.predict.predict import prediction_table
from aduni.inference.predict.predict_settings import read_predict_settings
from aduni.inference.predict.predictions import Predictions
from aduni.metrics.calibration import Calibration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def configured():
    """Return a function that reads conf/predict.yaml with other values."""

    def make(**values):
        config = OmegaConf.load(ROOT / "conf" / "predict.yaml")
        del config["defaults"], config["hydra"]
        given = {"ckpt": "a.ckpt", "images": "photographs", "output": "out.csv"} | values
        return OmegaConf.merge(config, given)

    return make


@pytest.fixture
def photographs(tmp_path):
    """Write ten images of one grey level each, numbers 3 and 8 damaged."""
    files = [tmp_path / f"{i}.png" for i in range(10)]
    for i, file in enumerate(files):
        Image.new("L", (5 + i, 9), 20 * i).save(file)
    for i in (3, 8):
        files[i].write_bytes(files[i].read_bytes()[:30])
    return files


def test_one_name_and_several_mean_the_same(configured):
    settings = read_predict_settings(configured(images=2024, ckpt=["a.ckpt", "b.ckpt"]))

    assert settings.images == ["2024"]
    assert settings.ckpt == ["a.ckpt", "b.ckpt"]


@pytest.mark.parametrize("text", ["{شامة: 0.4, b c: 0.6}", '{"شامة": 0.4, "b c": 0.6}'])
def test_shares_of_classes_in_other_scripts_are_given_as_a_text(configured, text):
    settings = read_predict_settings(configured(class_frequency=text))
    assert settings.class_frequency == {"شامة": 0.4, "b c": 0.6}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"class_frequency": "{a: 0.4"}, "class_frequency={a: 0.4 is not valid"),
        ({"output": "scan.png"}, "output=scan.png does not end in .csv; give"),
        ({"embeddings": "out.csv"}, "embeddings=out.csv does not end in .npy; give"),
        ({"tta": 3}, "tta=3 is not valid: it should be 1, 2, 4 or 8"),
        ({"shard": "5/4"}, "shard=5/4 is not a shard; write shard=i/n with i from 1 to n"),
        ({"batch_size": 0}, "batch_size=0 is not valid"),
        ({"images": []}, "images=[] is not valid"),
        ({"class_frequency": {"a": 0.5, "b": 0.4}}, "sums to 0.9; make the shares add up to 1"),
        ({"class_frequency": {"a": 1.5, "b": -0.5}}, "class_frequency.b=-0.5 is not valid"),
        ({"class_frequency": {0: 1}, "calibrated": False}, "leave calibrated=false out"),
        ({"embeddings": "a.npy", "ckpt": ["a", "b"]}, "but ckpt names 2; give one checkpoint"),
        ({"calibrated": "maybe"}, "calibrated=maybe is not valid: it should be 'auto', True"),
        ({"output": "???"}, "output is missing; give it on the command line"),
    ],
)
def test_settings_that_make_no_sense_are_refused(configured, values, words):
    with pytest.raises(UserError, match=re.escape(words)):
        read_predict_settings(configured(**values))


def test_the_views_are_all_ways_to_turn_and_mirror_a_square():
    images = torch.arange(2 * 3 * 5 * 5, dtype=torch.uint8).view(2, 3, 5, 5)
    turned = [np.rot90(m, k, (2, 3)) for m in (images, images.flip(3)) for k in range(4)]

    views = [view.numpy() for view in dihedral(images, 8)]

    assert sorted(view.tobytes() for view in views) == sorted(view.tobytes() for view in turned)
    for count in (1, 2, 4):
        fewer = list(dihedral(images, count))
        assert len(fewer) == count
        assert all(np.array_equal(one, other) for one, other in zip(fewer, views, strict=False))
    assert np.array_equal(views[0], images)
    assert np.array_equal(views[1], images.flip(3))
    assert np.array_equal(views[3], np.rot90(images, 2, (2, 3)))


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_batches_hold_every_readable_image_once_in_order(photographs, size):
    formats = [InputFormat(side, 16) for side in (4, 6)]
    batches = list(read_batches(photographs, formats, size))

    read = [file for batch in batches for file in batch.files]
    bad = [file for batch in batches for file in batch.unreadable]
    assert read == [file for i, file in enumerate(photographs) if i not in (3, 8)]
    assert bad == [photographs[3], photographs[8]]
    for batch in batches:
        assert len(batch.files) + len(batch.unreadable) <= size
        levels = [20 * photographs.index(file) for file in batch.files]
        for each in formats if batch.files else ():
            assert batch.pixels[each].shape == (len(levels), 3, each.side, each.side)
            assert batch.pixels[each].flatten(1).double().mean(dim=1).tolist() == levels


def test_shares_come_in_the_order_of_the_classes():
    trained = SimpleNamespace(path=Path("best.ckpt"), class_names=["a", "b", "c"])
    calibration = Calibration(1.0, 1.0, [0.0] * 3, [0.5, 0.5, 0.0])

    shares = _class_frequencies(trained, calibration, {"c": 0, "b": 0.7501, "a": 0.2505})

    assert shares == pytest.approx([0.2505 / 1.0006, 0.7501 / 1.0006, 0])


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (
            {"a": 0.5, "Mole": 0.5},
            "class_frequency names Mole, which is not a class of best.ckpt (did",
        ),
        ({"a": 1}, "class_frequency has no share for mole; give every class one"),
        ({"a": 0.5, "mole": 0.5}, "class_frequency.mole=0.5 has no measure: the validation part"),
    ],
)
def test_shares_of_other_classes_are_refused(shares, words, refusal):
    trained = SimpleNamespace(path=Path("best.ckpt"), class_names=["a", "mole"])
    calibration = Calibration(1.0, 1.0, [0.0] * 2, [1.0, 0.0])

    refusal(lambda: _class_frequencies(trained, calibration, shares), words)


def test_the_table_has_a_row_an_image():
    files = [Path("a.png"), Path("b\udcff.png")]
    predictions = Predictions(files, np.array([[0.25, 0.75], [0.5, 0.5]]), None, 0)

    rows = prediction_table(predictions, ["x", "y"])

    assert list(rows) == ["image", "predicted", "p_x", "p_y"]
    assert rows.to_numpy().tolist() == [["a.png", "y", 0.25, 0.75], ["b\\xff.png", "x", 0.5, 0.5]]
