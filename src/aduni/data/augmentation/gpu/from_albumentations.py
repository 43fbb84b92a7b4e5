"""Read the ranges and probabilities of albumentations transforms for batch augmentation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import albumentations as A
import cv2

from aduni.data.augmentation.transforms import ColorJitter, FlippedAffine, Order
from aduni.errors import UserError

Range = tuple[float, float]
ZERO: Range = (0.0, 0.0)
ONE: Range = (1.0, 1.0)

FLIPS = (A.HorizontalFlip, A.VerticalFlip)
POSITIONS: dict[type[A.BasicTransform], int] = {
    **dict.fromkeys((A.Affine, FlippedAffine), 0),
    **dict.fromkeys(FLIPS, 1),
    **dict.fromkeys((A.ColorJitter, ColorJitter), 2),
}
"""Transforms that a recipe may have, with their positions in it."""

REQUIRED = {
    "fill": 0,
    "border_mode": cv2.BORDER_CONSTANT,
    "fit_output": False,
    "balanced_scale": False,
}


@dataclass(frozen=True)
class Warp:
    """Ranges of an affine warp, by default the identity.

    Attributes:
        keep_ratio: whether the factor along x is used for y as well.
        shear: degrees along x and y.
        translate: shift along x and y, in pixels or as a share of the side.
        in_pixels: whether `translate` is in pixels.
        order: order of shear and rotation, as in `FlippedAffine`.
        nearest: whether to take the nearest pixel or to interpolate linearly.
    """

    p: float = 0.0
    rotate: Range = ZERO
    scale: tuple[Range, Range] = (ONE, ONE)
    keep_ratio: bool = False
    shear: tuple[Range, Range] = (ZERO, ZERO)
    translate: tuple[Range, Range] = (ZERO, ZERO)
    in_pixels: bool = True
    order: Order = "shear_last"
    nearest: bool = True


@dataclass(frozen=True)
class Jitter:
    """Ranges of the factors and of the hue's shift, as a share of the colour circle."""

    p: float
    brightness: Range
    contrast: Range
    saturation: Range
    hue: Range


@dataclass(frozen=True)
class Recipe:
    """Augmentation: a warp, flips along x and y with these probabilities, then a colour jitter."""

    warp: Warp = Warp()
    flips: tuple[float, float] = (0.0, 0.0)
    jitter: Jitter | None = None


def read_recipe(transforms: Sequence[A.BasicTransform | A.BaseCompose]) -> Recipe:
    """Convert transforms to a recipe."""
    recipe = Recipe()
    previous: list[type[A.BasicTransform]] = []
    for transform in transforms:
        kind = type(transform)
        _check_supported(kind, previous)
        if POSITIONS[kind] == 0:
            recipe = replace(recipe, warp=_warp(transform), flips=_flips(transform))
        elif POSITIONS[kind] == 1:
            flips = list(recipe.flips)
            flips[FLIPS.index(kind)] = transform.p
            recipe = replace(recipe, flips=(flips[0], flips[1]))
        else:
            ranges = (transform.brightness, transform.contrast, transform.saturation)
            recipe = replace(recipe, jitter=Jitter(transform.p, *ranges, transform.hue))
        previous.append(kind)
    return recipe


def _check_supported(kind: type[A.BasicTransform], previous: list[type[A.BasicTransform]]) -> None:
    if kind not in POSITIONS:
        known = ", ".join(dict.fromkeys(one.__name__ for one in POSITIONS))
        raise _unsupported(kind, f"is none of {known}")
    for one in previous:
        two_flips = POSITIONS[one] == POSITIONS[kind] == 1 and one is not kind
        flips_again = one is FlippedAffine and POSITIONS[kind] == 1
        if flips_again or (POSITIONS[one] >= POSITIONS[kind] and not two_flips):
            raise _unsupported(kind, f"stands after {one.__name__}")


def _flips(affine: Any) -> tuple[float, float]:
    if not isinstance(affine, FlippedAffine):
        return 0.0, 0.0
    flips = (affine.horizontal_flip, affine.vertical_flip)
    if affine.p < 1 and any(flips):
        raise _unsupported(type(affine), f"has flips and p={affine.p}")
    return flips


def _warp(affine: Any) -> Warp:
    for name, value in REQUIRED.items():
        if getattr(affine, name) != value:
            raise _unsupported(type(affine), f"has {name}={getattr(affine, name)}")
    if affine.interpolation not in (cv2.INTER_NEAREST, cv2.INTER_LINEAR):
        raise _unsupported(type(affine), f"has interpolation={affine.interpolation}")
    in_pixels = affine.translate_px is not None
    return Warp(
        p=affine.p,
        rotate=affine.rotate,
        scale=_pair(affine.scale),
        keep_ratio=affine.keep_ratio,
        shear=_pair(affine.shear),
        translate=_pair(affine.translate_px if in_pixels else affine.translate_percent),
        in_pixels=in_pixels,
        order=affine.order if isinstance(affine, FlippedAffine) else "shear_last",
        nearest=affine.interpolation == cv2.INTER_NEAREST,
    )


def _pair(ranges: dict[str, Range]) -> tuple[Range, Range]:
    return ranges["x"], ranges["y"]


def _unsupported(kind: type[A.BasicTransform], fault: str) -> UserError:
    return UserError(
        f"dataset.augment: {kind.__name__} {fault}, which augment=gpu cannot do; use augment=cpu."
    )
