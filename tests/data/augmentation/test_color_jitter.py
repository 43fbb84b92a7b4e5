"""The fast colour jitter equals albumentations' bit for bit."""

from itertools import permutations, product
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
from PIL import Image

from aduni.data.augmentation.transforms import ColorJitter, FlippedAffine

PAPER = {
    "brightness": (0.8, 1.2),
    "contrast": (0.8, 1.2),
    "saturation": (0.8, 1.2),
    "hue": (-0.1, 0.1),
}
WIDEST = {"brightness": (0, 3), "contrast": (0, 3), "saturation": (0, 3), "hue": (-0.5, 0.5)}
FACTORS = ("brightness", "contrast", "saturation", "hue")


def pictures() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    grey = np.repeat(rng.integers(0, 256, (24, 24, 1), dtype=np.uint8), 3, axis=2)
    framed = noise[:32, :32].copy()
    framed[:8] = framed[-8:] = 0
    return {
        "noise": noise,
        "odd sides": noise[:17, :31],
        "smallest": noise[:1, :1],
        "grey": grey,
        "nearly grey": np.clip(grey + rng.integers(-2, 3, (24, 24, 3)), 0, 255).astype(np.uint8),
        "black frame": framed,
        "black": np.zeros((16, 16, 3), dtype=np.uint8),
        "white": np.full((16, 16, 3), 255, dtype=np.uint8),
        "dark": noise[:16, :16] // 32,
        "every red": np.stack(np.meshgrid(range(256), [0, 90, 255], [0]), -1)[:, :, 0].astype("u1"),
    }


def check_equal(image: np.ndarray, seeds: range, **ranges) -> None:
    exact, fast = A.ColorJitter(**ranges, p=1), ColorJitter(**ranges, p=1)
    for seed in seeds:
        for transform in (exact, fast):
            transform.set_random_seed(seed)
        expected = exact(image=image)["image"]
        assert np.array_equal(fast(image=image)["image"], expected), fast.params


@pytest.mark.parametrize("name", pictures())
@pytest.mark.parametrize("ranges", [PAPER, WIDEST], ids=["paper", "widest"])
def test_every_value_is_that_of_albumentations(name, ranges):
    check_equal(pictures()[name], range(100), **ranges)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_every_order(order):
    image = pictures()["noise"]
    factors = dict(zip(FACTORS, (1.17, 0.83, 1.11, -0.07), strict=True))
    expected = A.ColorJitter().apply(image, **factors, order=list(order))

    assert np.array_equal(ColorJitter().apply(image, **factors, order=list(order)), expected)


@pytest.mark.parametrize(("name", "factor"), list(product(FACTORS, [0, 0.5, 1])))
def test_factors_that_albumentations_treats_apart(name, factor):
    # Nothing and all of it; half a turn of the hue.
    for image in pictures().values():
        factors = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0, name: factor}
        expected = A.ColorJitter().apply(image, **factors, order=[0, 1, 2, 3])
        assert np.array_equal(ColorJitter().apply(image, **factors, order=[0, 1, 2, 3]), expected)


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["isic2018/ISIC2018_Task3_Training_Input", "aptos2019"])
def test_every_value_of_warped_photographs(real_data: Path, folder):
    files = sorted((real_data / folder).rglob("*.jpg"))[::100]
    assert len(files) > 30
    warp = FlippedAffine(rotate=(-180, 180), horizontal_flip=0.5, interpolation=0, p=1)
    for number, file in enumerate(files):
        warp.set_random_seed(number)
        image = np.asarray(Image.open(file).convert("RGB"))
        check_equal(warp(image=image)["image"], range(number, number + 2), **PAPER)


def test_the_image_itself_is_left_as_it_is():
    image = pictures()["noise"]
    before = image.copy()
    image.flags.writeable = False  # as a row of the cache is
    jitter = ColorJitter(**PAPER, p=1)

    for seed in range(20):
        jitter.set_random_seed(seed)
        jitter(image=image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("image", [np.full((8, 8, 1), 90, "u1"), np.full((8, 8, 3), 0.3, "f4")])
def test_other_images_go_the_way_of_albumentations(image):
    check_equal(image, range(20), **PAPER)
