"""Images are kept on a GPU according to the setting; here the CPU stands for the GPU."""

import numpy as np
import pytest
import torch
from PIL import Image

from aduni.data.cache import gpu_images
from aduni.data.cache.gpu_images import DeviceImages, belongs_on_gpu, free_bytes
from aduni.data.cache.image_cache import ImageCache, build_cache

GIB = 2**30
CPU = torch.device("cpu")


def picture(row: int) -> Image.Image:
    rng = np.random.default_rng(row)
    return Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))


@pytest.fixture
def cache(tmp_path) -> ImageCache:
    return build_cache(tmp_path / "cache", list("abcdefg"), picture, 16)


@pytest.mark.parametrize(
    ("choice", "needed", "free", "expected"),
    [
        ("auto", 4 * GIB, 9 * GIB, True),
        ("auto", 4 * GIB, 8 * GIB, False),  # half of it, and no less
        ("auto", 4 * GIB, None, False),
        (True, 4 * GIB, 5 * GIB, True),
        (False, 1, 80 * GIB, False),
        (False, 1, None, False),
    ],
)
def test_images_are_kept_where_they_leave_room(choice, needed, free, expected):
    assert belongs_on_gpu(choice, needed, free) is expected


def test_images_that_must_be_kept_and_cannot_are_refused(refusal):
    refusal(lambda: belongs_on_gpu(True, GIB, None), "data_on_gpu=true", "CUDA", "data_on_gpu=auto")
    words = ("data_on_gpu=true", "4.0 GiB", "3.5 GiB", "dataset.image_size")
    refusal(lambda: belongs_on_gpu(True, 4 * GIB, 7 * GIB // 2), *words)


def test_a_cpu_is_no_gpu():
    assert free_bytes(CPU) is None


@pytest.mark.parametrize("chunk", [1, 3 * 16 * 16 * 3, 2**28])
def test_copy_is_the_whole_cache_whatever_the_chunks(cache, monkeypatch, chunk):
    monkeypatch.setattr(gpu_images, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(gpu_images, "free_bytes", lambda device: GIB)
    images = DeviceImages("auto")
    images.fill(cache, CPU)

    assert images.has(CPU)
    assert not images.has(torch.device("meta"))
    assert torch.equal(images.images, torch.from_numpy(np.array(cache.pixels)))


def test_a_later_stage_finds_the_copy_of_an_earlier_one(cache, monkeypatch):
    monkeypatch.setattr(gpu_images, "free_bytes", lambda device: GIB)
    images = DeviceImages("auto")
    images.fill(cache, CPU)
    first = images.images
    monkeypatch.setattr(gpu_images, "free_bytes", lambda device: 0)
    images.fill(cache, CPU)

    assert images.images is first


def test_without_a_gpu_nothing_is_copied(cache):
    images = DeviceImages("auto")
    images.fill(cache, CPU)

    assert images.images is None
    assert not images.has(CPU)
