"""Warp and flips in one matrix equal albumentations' three transforms."""

import random
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import stats
from torchvision.transforms import InterpolationMode, functional

from aduni.data.augmentation.transforms import FlippedAffine

PAPER = {
    "rotate": (-180, 180),
    "scale": (0.8, 1.2),
    "keep_ratio": True,
    "shear": {"x": (0.8, 1.2), "y": (0, 0)},
}
EVERYTHING = {
    "rotate": (-30, 75),
    "scale": {"x": (0.5, 0.9), "y": (0.9, 2)},
    "translate_percent": (-0.2, 0.3),
    "shear": {"x": (-20, 10), "y": (0, 30)},
    "fill": (10, 20, 30),
}
WHITE = {"rotate": 40, "scale": 0.5, "fill": 255}
MIRRORED = {"rotate": 40, "translate_px": (-9, 9), "border_mode": cv2.BORDER_REFLECT_101}
NEAREST, LINEAR = cv2.INTER_NEAREST, cv2.INTER_LINEAR


def one_by_one(image: np.ndarray, seed: int, **affine) -> np.ndarray:
    """Apply the transforms one by one with the same generators, as the oracle."""
    generators = np.random.default_rng(seed), random.Random(seed)
    flips = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    for transform in (A.Affine(**affine, p=1), *flips):
        transform.set_random_state(*generators)
        image = transform(image=image)["image"]
    return image


def at_once(image: np.ndarray, seed: int, **affine) -> np.ndarray:
    transform = FlippedAffine(**affine, horizontal_flip=0.5, vertical_flip=0.5, p=1)
    transform.set_random_seed(seed)
    return transform(image=image)["image"]


def check_agreement(images: list[np.ndarray], interpolation: int, **affine) -> None:
    different = pixels = 0
    for seed, image in enumerate(images):
        expected = one_by_one(image, seed, interpolation=interpolation, **affine)
        warped = at_once(image, seed, interpolation=interpolation, **affine)
        assert warped.shape == image.shape
        assert warped.dtype == np.uint8
        if interpolation == LINEAR:  # rounded to one level or the next
            assert np.abs(warped.astype(int) - expected).max() <= 1
        different += (warped != expected).any(axis=2).sum()
        pixels += warped.shape[0] * warped.shape[1]
    # Nearest: ties between two neighbours.
    assert different <= pixels * (1e-4 if interpolation == NEAREST else 3e-3)


def noise(shape: tuple[int, int], count: int) -> list[np.ndarray]:
    """Return images of noise, every other one blurred."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(count)]
    return [cv2.GaussianBlur(image, (7, 7), 3 * (i % 2) + 0.1) for i, image in enumerate(images)]


@pytest.mark.parametrize("interpolation", [NEAREST, LINEAR])
@pytest.mark.parametrize("shape", [(16, 16), (25, 25), (31, 40), (64, 64)])
@pytest.mark.parametrize("affine", [PAPER, EVERYTHING, WHITE, MIRRORED])
def test_one_pass_equals_three(shape, interpolation, affine):
    check_agreement(noise(shape, 60), interpolation, **affine)


@pytest.mark.real_data
@pytest.mark.parametrize("interpolation", [NEAREST, LINEAR])
@pytest.mark.parametrize("side", [64, 65, 384])
def test_one_pass_equals_three_on_photographs(real_data: Path, side, interpolation):
    folders = ("isic2018/ISIC2018_Task3_Training_Input", "aptos2019/train_images")
    files = [file for name in folders for file in sorted((real_data / name).glob("*.jpg"))[::400]]
    images = [np.asarray(Image.open(file).convert("RGB").resize((side, side))) for file in files]

    assert len(images) > 30
    check_agreement(images, interpolation, **PAPER)


@pytest.mark.parametrize("affine", [PAPER, EVERYTHING, WHITE, MIRRORED])
def test_matrix_without_flips_is_albumentations(affine):
    params = {"shape": (31, 40, 3)}
    for seed in range(50):
        matrices = []
        for kind in (A.Affine, FlippedAffine):
            transform = kind(**affine, p=1)
            transform.set_random_seed(seed)
            matrices.append(transform.get_params_dependent_on_data(params, {})["matrix"])
        assert matrices[1] == pytest.approx(matrices[0][:2], abs=1e-11)


def sheared_first(seed: int, *, y_shear: bool) -> tuple[FlippedAffine, list]:
    """Return a deterministic transform and torchvision's arguments for the same."""
    rng = np.random.default_rng(seed)
    rotate, scale = rng.uniform(-180, 180), rng.uniform(0.8, 1.2)
    shear = [rng.uniform(-25, 25), rng.uniform(-25, 25) if y_shear else 0.0]
    shift = rng.integers(-9, 10, 2).tolist()
    ranges = [{axis: (pair[i],) * 2 for i, axis in enumerate("xy")} for pair in (shear, shift)]
    transform = FlippedAffine(
        rotate=(rotate, rotate),
        scale=(scale, scale),
        shear=ranges[0],
        translate_px=ranges[1],
        interpolation=NEAREST,
        order="shear_first",
        p=1,
    )
    return transform, [-rotate, shift, scale, shear]  # torchvision's angles are clockwise


@pytest.mark.parametrize("shape", [(31, 40), (384, 384)])
@pytest.mark.parametrize("y_shear", [False, True])
def test_sheared_first_the_matrix_is_torchvisions(shape, y_shear):
    height, width = shape
    centre = [(width - 1) / 2, (height - 1) / 2]  # pixels are points here and squares in Pillow
    for seed in range(50):
        transform, (angle, shift, scale, shear) = sheared_first(seed, y_shear=y_shear)
        matrix = transform.get_params_dependent_on_data({"shape": (*shape, 3)}, {})["matrix"]
        backward = functional._get_inverse_affine_matrix(centre, angle, shift, scale, shear)
        whole = np.vstack([np.reshape(backward, (2, 3)), [0, 0, 1]])
        assert matrix == pytest.approx(np.linalg.inv(whole)[:2], abs=1e-9)


@pytest.mark.parametrize("side", [64, 129])
def test_sheared_first_the_pixels_are_torchvisions(side):
    different = 0
    images = noise((side, side), 20)
    for seed, image in enumerate(images):
        transform, (angle, shift, scale, shear) = sheared_first(seed, y_shear=True)
        nearest = InterpolationMode.NEAREST
        theirs = functional.affine(Image.fromarray(image), angle, shift, scale, shear, nearest)
        different += (transform(image=image)["image"] != np.asarray(theirs)).any(axis=2).sum()
    assert different < 0.01 * len(images) * side**2  # ties between two neighbours


def matrix_of(seed: int, side: int, **affine) -> np.ndarray:
    transform = FlippedAffine(**affine, horizontal_flip=0.5, vertical_flip=0.5, p=1)
    transform.set_random_seed(seed)
    return transform.get_params_dependent_on_data({"shape": (side, side, 3)}, {})["matrix"]


def test_the_order_moves_corners_by_a_few_pixels():
    corners = np.array([[0, 0, 1], [383, 0, 1], [0, 383, 1], [383, 383, 1]]).T
    moved = np.stack(
        [
            (matrix_of(seed, 384, order="shear_first", **PAPER) - matrix_of(seed, 384, **PAPER))
            @ corners
            for seed in range(500)
        ]
    )
    distances = np.hypot(moved[:, 0], moved[:, 1])
    assert 2 < np.median(distances) < 4
    assert 6 < distances.max() < 7


@pytest.mark.parametrize("affine", [PAPER, EVERYTHING])
def test_without_a_shear_both_orders_are_the_same_to_the_bit(affine):
    straight = {**affine, "shear": {"x": (0, 0), "y": (0, 0)}}
    for seed in range(50):
        first = matrix_of(seed, 40, order="shear_first", **straight)
        assert np.array_equal(first, matrix_of(seed, 40, order="shear_last", **straight))


@pytest.mark.parametrize("shape", [(16, 16), (25, 25), (17, 24)])
@pytest.mark.parametrize("interpolation", [NEAREST, LINEAR])
def test_flips_alone_move_every_pixel_to_its_mirror_image(shape, interpolation):
    (image,) = noise(shape, 1)
    for horizontal, vertical in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        flip = FlippedAffine(
            horizontal_flip=horizontal, vertical_flip=vertical, interpolation=interpolation, p=1
        )
        expected = image[:: 1 - 2 * vertical, :: 1 - 2 * horizontal]
        assert np.array_equal(flip(image=image)["image"], expected)


def test_turn_and_flips_are_drawn_independently_and_as_often_as_asked():
    transform = FlippedAffine(rotate=(-90, 90), horizontal_flip=0.5, vertical_flip=0.2, p=1)
    transform.set_random_seed(0)
    counts = np.zeros((2, 2, 2), dtype=int)
    for _ in range(4000):
        matrix = transform.get_params_dependent_on_data({"shape": (9, 9, 3)}, {})["matrix"]
        # Turns stay below a right angle: cosines are positive but for the flips' signs.
        horizontal, vertical = int(matrix[0, 0] < 0), int(matrix[1, 1] < 0)
        turned = int((matrix[0, 1] > 0) != horizontal)
        counts[turned, horizontal, vertical] += 1

    expected = 4000 * np.einsum("i,j,k->ijk", [0.5, 0.5], [0.5, 0.5], [0.8, 0.2])
    assert stats.chisquare(counts.ravel(), expected.ravel()).pvalue > 0.01


def test_without_a_warp_there_is_no_flip():
    (image,) = noise((16, 16), 1)
    transform = FlippedAffine(rotate=90, horizontal_flip=1, vertical_flip=1, p=0)

    assert transform(image=image)["image"] is image


def test_output_of_another_size_is_refused(refusal):
    refusal(lambda: FlippedAffine(rotate=45, fit_output=True), "dataset.augment", "fit_output")
