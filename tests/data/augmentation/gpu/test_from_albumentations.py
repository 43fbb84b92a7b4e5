"""Recipes are read from transforms, and unsupported transforms are refused."""

import albumentations as A
import pytest

from aduni.data.augmentation import transforms
from aduni.data.augmentation.gpu.from_albumentations import Jitter, Recipe, Warp, read_recipe

SEPARATE = [
    A.Affine(
        rotate=(-180, 180),
        scale=(0.8, 1.2),
        keep_ratio=True,
        shear={"x": (0.8, 1.2), "y": (0, 0)},
        interpolation=0,
        p=1.0,
    ),
    A.HorizontalFlip(p=0.5),
    A.VerticalFlip(p=0.25),
    A.ColorJitter(
        brightness=(0.8, 1.2), contrast=(0.7, 1.2), saturation=(0.6, 1.2), hue=(-0.1, 0.1), p=0.9
    ),
]


def test_ranges_and_probabilities_are_those_of_the_transforms():
    expected = Recipe(
        Warp(
            p=1.0,
            rotate=(-180, 180),
            scale=((0.8, 1.2), (0.8, 1.2)),
            keep_ratio=True,
            shear=((0.8, 1.2), (0, 0)),
            nearest=True,
        ),
        flips=(0.5, 0.25),
        jitter=Jitter(0.9, (0.8, 1.2), (0.7, 1.2), (0.6, 1.2), (-0.1, 0.1)),
    )

    plain, *_, colours = SEPARATE
    arguments = {name: getattr(plain, name) for name in ("rotate", "scale", "keep_ratio", "shear")}
    folded = transforms.FlippedAffine(
        **arguments, interpolation=0, horizontal_flip=0.5, vertical_flip=0.25, p=1.0
    )
    assert read_recipe(SEPARATE) == read_recipe([folded, colours]) == expected


def test_the_order_of_shear_and_rotation_is_the_transforms():
    kinds = [
        A.Affine(p=1),
        transforms.FlippedAffine(p=1),
        transforms.FlippedAffine(order="shear_first", p=1),
    ]
    orders = [read_recipe([kind]).warp.order for kind in kinds]
    assert orders == ["shear_last", "shear_last", "shear_first"]


def test_translations_are_shares_or_pixels():
    share = read_recipe([A.Affine(translate_percent=(-0.1, 0.1), p=1)]).warp
    pixels = read_recipe([A.Affine(translate_px={"x": (-3, 2)}, p=1)]).warp

    assert (share.translate, share.in_pixels) == (((-0.1, 0.1), (-0.1, 0.1)), False)
    assert (pixels.translate, pixels.in_pixels) == (((-3, 2), (0, 0)), True)
    assert not share.nearest


@pytest.mark.parametrize("name", ["isic2018", "aptos", "digits"])
def test_every_recipe_of_conf_can_be_done_in_batches(make_data, name):
    recipe = read_recipe(make_data(name).augment)

    assert recipe.warp.p == 1
    assert recipe.flips == ((0, 0) if name == "digits" else (0.5, 0.5))
    assert (recipe.jitter is None) == (name == "digits")


@pytest.mark.parametrize(
    ("transforms", "words"),
    [
        ([A.GaussNoise()], ["GaussNoise"]),
        ([A.SafeRotate()], ["SafeRotate"]),
        ([A.Compose([A.HorizontalFlip()])], ["Compose"]),
        ([A.HorizontalFlip(), A.Affine()], ["Affine", "HorizontalFlip"]),
        ([A.ColorJitter(), A.VerticalFlip()], ["VerticalFlip", "ColorJitter"]),
        ([A.HorizontalFlip(), A.HorizontalFlip()], ["HorizontalFlip"]),
        ([A.Affine(), transforms.FlippedAffine()], ["FlippedAffine", "Affine"]),
        ([A.ColorJitter(), transforms.ColorJitter()], ["ColorJitter"]),
        ([transforms.FlippedAffine(horizontal_flip=0.5, p=1), A.VerticalFlip()], ["VerticalFlip"]),
        ([transforms.FlippedAffine(horizontal_flip=0.5, p=0.5)], ["FlippedAffine", "p=0.5"]),
        ([A.Affine(border_mode=4)], ["Affine", "border_mode=4"]),
        ([A.Affine(fill=255)], ["Affine", "fill=255"]),
        ([A.Affine(fit_output=True)], ["Affine", "fit_output=True"]),
        ([A.Affine(balanced_scale=True)], ["Affine", "balanced_scale=True"]),
        ([A.Affine(interpolation=2)], ["Affine", "interpolation=2"]),
    ],
    ids=lambda value: value[-1] if isinstance(value[-1], str) else "",
)
def test_anything_else_is_refused_by_name(transforms, words, refusal):
    refusal(lambda: read_recipe(transforms), "dataset.augment", "augment=cpu", *words)
