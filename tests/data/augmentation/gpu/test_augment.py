"""Batch augmentation gives the pixels of albumentations for the same parameters."""

import colorsys
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
import torch
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode

from aduni.data.augmentation.gpu import augment
from aduni.data.augmentation.gpu.augment import make_views
from aduni.data.augmentation.gpu.from_albumentations import read_recipe
from aduni.data.augmentation.gpu.fused import fuse_views
from aduni.data.augmentation.gpu.parameters import (
    ORDERS,
    Jitters,
    ViewParameters,
    draw_parameters,
    sampling,
    sort_by_hue,
)
from aduni.data.augmentation.transforms import FlippedAffine

AFFINE = {
    "rotate": (-180, 180),
    "scale": (0.8, 1.2),
    "keep_ratio": True,
    "shear": {"x": (0.8, 1.2), "y": (0, 0)},
}
COLOURS = {
    "brightness": (0.8, 1.2),
    "contrast": (0.8, 1.2),
    "saturation": (0.8, 1.2),
    "hue": (-0.1, 0.1),
}
SAME = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}


def blotches(seed: int, side: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.array(small.resize((side, side), Image.Resampling.BICUBIC))


def of(affine: A.Affine | None, jitter: A.ColorJitter | None, side: int) -> ViewParameters:
    """Return the parameters that these transforms used last, for one view of one image."""
    matrix = np.eye(3)
    if affine is not None:
        matrix[:2] = affine.params["matrix"][:2]
    warp = sampling(matrix[None], side)
    if jitter is None:
        return sort_by_hue(warp, None)
    used = jitter.params
    factors = np.array([[used[name]] for name in ("brightness", "contrast", "saturation")])
    order = ORDERS.tolist().index([int(number) for number in used["order"]])
    return sort_by_hue(warp, Jitters(factors, np.array([used["hue"]]), np.array([order])))


def deviations(
    images: list[np.ndarray], affine: A.Affine | None, jitter: A.ColorJitter | None
) -> Iterator[np.ndarray]:
    """Return the batch's pixels minus those of albumentations, image by image."""
    for seed, image in enumerate(images):
        expected = image
        for transform in (affine, jitter):
            if transform is not None:
                transform.set_random_seed(seed)
                expected = transform(image=expected)["image"]
        (view,) = make_views(
            torch.from_numpy(image)[None],
            torch.tensor([0]),
            of(affine, jitter, len(image)),
            nearest=affine is None or affine.interpolation == 0,
        )[0]
        yield view.permute(1, 2, 0).numpy().astype(int) - expected


@pytest.mark.parametrize("interpolation", [0, 1])
@pytest.mark.parametrize("side", [16, 17, 64, 65, 384])
def test_warps_and_flips_show_albumentations_pixels(side, interpolation):
    images = [blotches(seed, side) for seed in range(6)]
    moved = {**AFFINE, "translate_percent": (-0.2, 0.2), "horizontal_flip": 0.5}
    for options in (AFFINE, moved):
        kind = FlippedAffine if "horizontal_flip" in options else A.Affine
        affine = kind(**options, interpolation=interpolation, p=1)
        for difference in deviations(images, affine, None):
            assert abs(difference).mean() < 0.02
            # Neighbours can differ where nearest is between two, and there alone.
            assert interpolation == 0 or abs(difference).max() <= 2


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue", "all"])
@pytest.mark.parametrize("side", [17, 64])
def test_colours_are_albumentations(name, side):
    wide = {**COLOURS, "contrast": (0.2, 2), "saturation": (0, 3), "hue": (-0.5, 0.5)}
    options = wide if name == "all" else {**SAME, name: wide[name]}
    differences = list(
        deviations([blotches(s, side) for s in range(24)], None, A.ColorJitter(**options, p=1))
    )

    if name in ("brightness", "contrast", "saturation"):
        assert max(abs(one).max() for one in differences) <= (2 if name == "saturation" else 1)
        assert max(abs(one).mean() for one in differences) < 0.01
    else:  # opencv rounds hue and saturation to 8 bits
        assert max(abs(one).mean() for one in differences) < 2
        assert abs(np.mean([one.mean() for one in differences])) < 0.6


def photographs(folder: Path, side: int) -> list[np.ndarray]:
    files = sorted(file for file in folder.rglob("*.jpg"))[::50][:8]
    assert len(files) == 8
    pictures = [Image.open(file).convert("RGB") for file in files]
    return [np.array(one.resize((side, side), Image.Resampling.BILINEAR)) for one in pictures]


@pytest.mark.real_data
@pytest.mark.parametrize("interpolation", [0, 1])
@pytest.mark.parametrize("side", [16, 64, 384])
@pytest.mark.parametrize("name", ["isic2018", "aptos2019"])
def test_real_images_deviate_little(real_data, name, side, interpolation):
    affine = FlippedAffine(
        **AFFINE, horizontal_flip=0.5, vertical_flip=0.5, interpolation=interpolation, p=1
    )
    images = photographs(real_data / name, side)

    means = [abs(one).mean() for one in deviations(images, affine, A.ColorJitter(**COLOURS, p=1))]
    assert max(means) < 2
    assert np.mean(means) < 1


@pytest.mark.parametrize("side", [16, 17])
def test_synthetic_images_under_the_published_recipe_deviate_little(side):
    affine = FlippedAffine(**AFFINE, horizontal_flip=0.5, vertical_flip=0.5, interpolation=0, p=1)
    images = [blotches(seed, side) for seed in range(24)]

    for one in deviations(images, affine, A.ColorJitter(**COLOURS, p=1)):
        assert abs(one).mean() < 1


def test_hue_turns_every_colour_as_colorsys_does():
    levels = [0, 1, 60, 127, 128, 254, 255]
    colours = np.array(list(product(levels, repeat=3)), dtype=np.uint8)
    image = np.resize(colours, (20, 20, 3))
    for steps in (-90, -7, 0, 1, 30, 89):
        jitters = Jitters(np.ones((3, 1)), np.array([steps / 180]), np.array([5]))
        drawn = sort_by_hue(sampling(np.eye(3)[None], 20), jitters)
        (view,) = make_views(torch.from_numpy(image)[None], torch.tensor([0]), drawn, nearest=True)[
            0
        ]
        for given, got in zip(image.reshape(-1, 3), view.flatten(1).T.tolist(), strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*(given / 255.0))
            turned = colorsys.hsv_to_rgb((hue + steps / 180) % 1, saturation, value)
            assert got == pytest.approx(255 * np.array(turned), abs=0.5001)


# Batches


def recipe_draw(rows: list[int], view: int, side: int, **affine) -> ViewParameters:
    recipe = read_recipe([FlippedAffine(**AFFINE, **affine, p=1), A.ColorJitter(**COLOURS, p=1)])
    numbers = np.array(rows)
    return draw_parameters(recipe, 1, numbers * 0, numbers, numbers * 0 + view, side)


def joined(rows: list[int], views: int, side: int) -> ViewParameters:
    recipe = read_recipe([FlippedAffine(**AFFINE, p=1), A.ColorJitter(**COLOURS, p=1)])
    numbers = np.tile(rows, views)
    return draw_parameters(
        recipe, 1, numbers * 0, numbers, np.repeat(np.arange(views), len(rows)), side
    )


@pytest.mark.parametrize("pixels", [1, 5 * 16**2, 2**16])
@pytest.mark.parametrize("nearest", [True, False])
def test_each_view_is_that_of_its_image_alone(monkeypatch, pixels, nearest):
    monkeypatch.setattr(augment, "MAX_PIXELS_CPU", pixels)
    images = torch.from_numpy(np.stack([blotches(seed, 16) for seed in range(9)]))
    rows = [4, 8, 4, 0, 1, 2, 3, 5]
    views = make_views(images, torch.tensor(rows), joined(rows, 3, 16), nearest=nearest)

    assert views.shape == (3, 8, 3, 16, 16)
    assert views.dtype == torch.uint8
    assert views.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    for view, position in product(range(3), range(8)):
        row = rows[position]
        drawn = recipe_draw([row], view, 16)
        (alone,) = make_views(images[row : row + 1], torch.tensor([0]), drawn, nearest=nearest)[0]
        assert torch.equal(views[view, position], alone)


@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize("side", [16, 17, 64])
def test_parameters_that_do_nothing_leave_the_images_as_they_are(side, nearest):
    images = torch.randint(0, 256, (24, side, side, 3), dtype=torch.uint8)
    neutral = Jitters(np.ones((3, 24)), np.zeros(24), np.arange(24))
    drawn = sort_by_hue(sampling(np.tile(np.eye(3), (24, 1, 1)), side), neutral)

    views = make_views(images, torch.arange(24), drawn, nearest=nearest)
    assert torch.equal(views[0], images.permute(0, 3, 1, 2))


@pytest.mark.parametrize("views", ["fused", "unfused"])
def test_a_gpu_is_never_waited_for(views, monkeypatch):
    fused = partial(fuse_views, fuse=lambda function: function)
    monkeypatch.setattr(augment, "FUSED", {"fused": fused, "unfused": lambda *_, **__: None}[views])
    # Tensors without content refuse whatever needs a value, and mixing of devices.
    with FakeTensorMode() as mode:
        drawn = [mode.from_tensor(part).cuda() for part in joined([0, 1, 2], 2, 16)[:2]]
        colours = joined([0, 1, 2], 2, 16).colours
        moved = colours._replace(blends=colours.blends.cuda(), hue=colours.hue.cuda())
        images = torch.empty((9, 16, 16, 3), dtype=torch.uint8, device="cuda")
        rows = torch.empty(3, dtype=torch.int64, device="cuda")
        views = make_views(images, rows, ViewParameters(*drawn, moved), nearest=False)

    assert views.shape == (2, 3, 3, 16, 16)
    assert views.device.type == "cuda"
