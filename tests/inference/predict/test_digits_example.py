"""The trained model of examples/digits is small and right for most images."""

from pathlib import Path

import pytest
import torch

import aduni

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "digits"
CHECKPOINT, IMAGES = EXAMPLE / "digits.ckpt", EXAMPLE / "images"


def test_most_images_are_predicted_right():
    table = aduni.load_model(CHECKPOINT).predict(IMAGES)

    true = [Path(file).name[0] for file in table.index]
    assert sorted(true) == sorted("0123456789" * 2)
    assert (table["predicted"] == true).sum() >= 15
    assert table.filter(like="p_").sum(axis=1).to_numpy() == pytest.approx(1)


def test_the_folder_is_small_and_the_checkpoint_without_training_state():
    content = torch.load(CHECKPOINT, weights_only=True)

    assert set(content) == {"epoch", "state_dict", "aduni"}
    assert sum(file.stat().st_size for file in EXAMPLE.rglob("*") if file.is_file()) < 2_000_000
    assert content["aduni"]["config"]["epochs"] == 40  # as the command in its README says
