"""What a recipe of albumentations transforms asks of a batch: ranges and probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import albumentations as A
import cv2

from aduni.data.augmentation.affine import FlippedAffine, Order
from aduni.data.augmentation.color_jitter import ColorJitter
from aduni.errors import UserError

Range = tuple[float, float]
NOTHING: Range = (0.0, 0.0)
SAME: Range = (1.0, 1.0)

FLIPS = (A.HorizontalFlip, A.VerticalFlip)
PLACES: dict[type[A.BasicTransform], int] = {
    **dict.fromkeys((A.Affine, FlippedAffine), 0),
    **dict.fromkeys(FLIPS, 1),
    **dict.fromkeys((A.ColorJitter, ColorJitter), 2),
}
"""The transforms that a recipe may have, and their order."""

PLAIN = {
    "fill": 0,
    "border_mode": cv2.BORDER_CONSTANT,
    "fit_output": False,
    "balanced_scale": False,
}
"""Arguments of Affine that have no other value here."""


@dataclass(frozen=True)
class Warp:
    """Ranges of an affine warp; without arguments it does nothing.

    Attributes:
        p: probability that it is applied.
        rotate: degrees.
        scale: factors along x and y.
        keep_ratio: the factor along x holds for y as well.
        shear: degrees along x and y.
        translate: along x and y, pixels or shares of the side.
        in_pixels: which of them.
        order: of shear and rotation, as in `FlippedAffine`.
        nearest: interpolation; else linear.
    """

    p: float = 0.0
    rotate: Range = NOTHING
    scale: tuple[Range, Range] = (SAME, SAME)
    keep_ratio: bool = False
    shear: tuple[Range, Range] = (NOTHING, NOTHING)
    translate: tuple[Range, Range] = (NOTHING, NOTHING)
    in_pixels: bool = True
    order: Order = "shear_last"
    nearest: bool = True


@dataclass(frozen=True)
class Jitter:
    """Ranges of factors (brightness, contrast, saturation) and of the hue's shift, in turns."""

    p: float
    brightness: Range
    contrast: Range
    saturation: Range
    hue: Range


@dataclass(frozen=True)
class Recipe:
    """A warp, flips along x and y with their probabilities, and colours, in this order."""

    warp: Warp = Warp()
    flips: tuple[float, float] = (0.0, 0.0)
    jitter: Jitter | None = None


def read_recipe(transforms: Sequence[A.BasicTransform | A.BaseCompose]) -> Recipe:
    """The recipe that these transforms are.

    Raises:
        UserError: one of them, or their order, is none that a batch can be augmented with.
    """
    recipe = Recipe()
    before: list[type[A.BasicTransform]] = []
    for transform in transforms:
        kind = type(transform)
        _check_place(kind, before)
        if PLACES[kind] == 0:
            recipe = replace(recipe, warp=_warp(transform), flips=_flips(transform))
        elif PLACES[kind] == 1:
            flips = list(recipe.flips)
            flips[FLIPS.index(kind)] = transform.p
            recipe = replace(recipe, flips=(flips[0], flips[1]))
        else:
            recipe = replace(recipe, jitter=_jitter(transform))
        before.append(kind)
    return recipe


def _check_place(kind: type[A.BasicTransform], before: list[type[A.BasicTransform]]) -> None:
    if kind not in PLACES:
        known = ", ".join(dict.fromkeys(one.__name__ for one in PLACES))
        raise _refused(kind, f"is none of {known}")
    for one in before:
        two_flips = PLACES[one] == PLACES[kind] == 1 and one is not kind
        flips_again = one is FlippedAffine and PLACES[kind] == 1
        if flips_again or (PLACES[one] >= PLACES[kind] and not two_flips):
            raise _refused(kind, f"stands after {one.__name__}")


def _flips(affine: Any) -> tuple[float, float]:
    if not isinstance(affine, FlippedAffine):
        return 0.0, 0.0
    flips = (affine.horizontal_flip, affine.vertical_flip)
    if affine.p < 1 and any(flips):
        raise _refused(type(affine), f"has flips and p={affine.p}")
    return flips


def _warp(affine: Any) -> Warp:
    for name, value in PLAIN.items():
        if getattr(affine, name) != value:
            raise _refused(type(affine), f"has {name}={getattr(affine, name)}")
    if affine.interpolation not in (cv2.INTER_NEAREST, cv2.INTER_LINEAR):
        raise _refused(type(affine), f"has interpolation={affine.interpolation}")
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


def _jitter(jitter: Any) -> Jitter:
    return Jitter(jitter.p, jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)


def _pair(ranges: dict[str, Range]) -> tuple[Range, Range]:
    return ranges["x"], ranges["y"]


def _refused(kind: type[A.BasicTransform], fault: str) -> UserError:
    return UserError(
        f"dataset.augment: {kind.__name__} {fault}, which augment=gpu cannot do; use augment=cpu."
    )
