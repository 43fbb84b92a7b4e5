"""Tables of features: of the originals, computed once, and stored by content."""

import numpy as np
import pytest
from PIL import Image

from aduni.config.build import build_data
from aduni.data.shortcuts import features
from aduni.data.shortcuts.border import NAMES, measure_border
from aduni.data.shortcuts.features import shortcut_features
from aduni.errors import UserError
from composing import settings_of
from own_data import blotches, class_folders


@pytest.fixture
def data(tmp_path):
    """Class folders as a data set, at any size."""
    class_folders(tmp_path / "own")

    def build(size=16):
        overrides = (f"dataset.root={tmp_path / 'own'}", f"dataset.cache_dir={tmp_path / 'cache'}")
        return build_data(
            settings_of("dataset=folder", *overrides, f"dataset.image_size={size}", "num_workers=0")
        )

    return build


def test_border_and_file_are_those_of_the_originals(data):
    made = data()
    wide = made.table.files[0].with_suffix(".bmp")
    made.table.files[0].unlink()
    blotches(0, (300, 100)).save(wide)  # is reduced by 2 before it is measured
    made = data()

    frame = shortcut_features(made, "border")
    pixels = np.asarray(Image.open(wide).convert("RGB"), dtype=np.float64)
    reduced = pixels.reshape(50, 2, 150, 2, 3).mean(axis=(1, 3)).max(axis=2)
    expected = measure_border(np.floor(reduced + 0.5).astype(np.uint8))
    row = made.table.images.index(f"benign/{wide.name}")
    assert frame.loc[row].to_numpy() == pytest.approx(expected, abs=2e-2)
    assert tuple(frame.columns) == NAMES
    of_file = shortcut_features(made, "file").loc[row]
    size = wide.stat().st_size
    assert of_file[["width", "height", "bytes"]].tolist() == [300, 100, size]
    assert of_file["width to height"] == 3
    assert of_file["bytes per pixel"] == size / 30000
    assert of_file[["suffix .bmp", "suffix .png"]].tolist() == [1, 0]


def test_they_are_computed_once_for_all_sizes_and_again_after_a_change(data, monkeypatch):
    first = shortcut_features(data(), "thumbnail")
    monkeypatch.setattr(features, "measure", lambda image: pytest.fail("measured again"))
    assert shortcut_features(data(24), "thumbnail").equals(first)
    monkeypatch.undo()
    blotches(99).save(data().table.files[3])
    changed = shortcut_features(data(), "thumbnail")

    assert (changed != first).any(axis=1).to_numpy().nonzero()[0].tolist() == [3]


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY and no more", None])
def test_damaged_features_are_computed_again(data, damage):
    first = shortcut_features(data(), "border")
    (file,) = data().cache_dir.glob("*shortcuts*.npy")
    if damage is None:
        np.save(file, np.zeros((3, 4), dtype=np.float32))
    else:
        file.write_bytes(damage)
    assert shortcut_features(data(), "border").equals(first)


def test_the_digits_have_no_files():
    digits = build_data(settings_of("dataset=digits", "num_workers=0"))
    with pytest.raises(UserError, match=r"digits has no image files .*; leave shortcut_file out"):
        shortcut_features(digits, "file")
