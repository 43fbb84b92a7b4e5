"""The picture of a batch: what it shows, and that it never costs the run."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from aduni.auditing.contact_sheet import CAPTION_HEIGHT, GAP, SIDE
from aduni.batch import Batch
from aduni.training.run_page import batch_picture
from aduni.training.run_page.batch_picture import MAX_IMAGES, BatchPicture, write_batch

NAMES = ["first", "second"]


def _batch(views: int, images: int, size: int = 8) -> Batch:
    """Each view of each image is one colour: the number of the image, and of the view."""
    pixels = torch.zeros(views, images, 3, size, size, dtype=torch.uint8)
    for view in range(views):
        for image in range(images):
            pixels[view, image, 0], pixels[view, image, 1] = 2 * image, 100 * view + 50
    labels = torch.arange(images) % 2
    return Batch(pixels, labels, torch.arange(images))


def _centres(file) -> list[list[tuple[int, int]]]:
    """Red and green in the middle of each thumbnail, line by line."""
    pixels = np.asarray(Image.open(file))
    tops = range(GAP, pixels.shape[0] - GAP, SIDE + CAPTION_HEIGHT + GAP)
    lefts = range(GAP, pixels.shape[1] - GAP, SIDE + GAP)
    middle = SIDE // 2
    return [
        [tuple(pixels[top + middle, left + middle, :2].tolist()) for left in lefts] for top in tops
    ]


@pytest.mark.parametrize("size", [8, 300])
def test_the_views_of_an_image_stand_beside_each_other(tmp_path, size):
    write_batch(_batch(2, 5, size), NAMES, tmp_path / "batch.png")
    first, second = _centres(tmp_path / "batch.png")
    assert first == [(2 * image, 100 * view + 50) for image in range(4) for view in range(2)]
    assert second[:2] == [(8, 50), (8, 150)]


def test_of_a_large_batch_some_images_are_shown(tmp_path):
    write_batch(_batch(1, 100), NAMES, tmp_path / "batch.png")
    assert sum(map(len, _centres(tmp_path / "batch.png"))) == MAX_IMAGES


@pytest.fixture
def start(tmp_path):
    """Begins a training with a batch."""

    def begin(batch, rank=0):
        trainer = SimpleNamespace(is_global_zero=rank == 0)
        BatchPicture(tmp_path / "batch.png", NAMES).on_train_batch_start(trainer, None, batch, 0)
        return tmp_path / "batch.png"

    return begin


def test_a_resumed_run_keeps_the_picture_of_its_beginning(start):
    before = start(_batch(2, 4)).read_bytes()
    assert start(_batch(1, 9)).read_bytes() == before


def test_features_and_other_ranks_draw_nothing(start):
    assert not start(Batch(torch.zeros(2, 4, 512), torch.zeros(4).long(), torch.arange(4))).exists()
    assert not start(_batch(2, 4), rank=1).exists()


def test_a_failure_is_a_warning(start, monkeypatch, capsys):
    monkeypatch.setattr(batch_picture, "write_batch", lambda *_: 1 / 0)
    start(_batch(2, 4))
    assert "batch.png could not be drawn: division by zero" in capsys.readouterr().err
