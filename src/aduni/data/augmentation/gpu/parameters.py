"""Random parameters of a batch's views, as numbers that tensor operations can use at once.

They are drawn where the loader runs, on the CPU, so that no device changes them.
"""

from itertools import permutations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aduni.data.augmentation.affine import Order
from aduni.data.augmentation.gpu.counter_rng import uniforms
from aduni.data.augmentation.gpu.from_albumentations import Jitter, Range, Recipe, Warp

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
ORDERS = np.array(list(permutations([BRIGHTNESS, CONTRAST, SATURATION, HUE])))
HUE_TURNS = np.argmax(ORDERS == HUE, axis=1)
BLENDS = ORDERS[ORDERS != HUE].reshape(-1, 3)
HUE_STEPS = 180
"""Of a circle: hues of 8-bit images have two degrees."""


class Warps(NamedTuple):
    """Of N views: rotate (N,) and shear (2, N) in degrees, scale (2, N), translate (2, N) in pixels
    and flip (2, N); the pairs along x and y."""

    rotate: Floats
    scale: Floats
    shear: Floats
    translate: Floats
    flip: Flags


class Jitters(NamedTuple):
    """Of N views: factors (3, N) of brightness, contrast and saturation, shift of the hue (N,) as
    a share of a circle, and rows (N,) of ORDERS."""

    factors: Floats
    hue: Floats
    order: NDArray[np.int64]


class Colours(NamedTuple):
    """What `batch_colours` does to N views.

    Attributes:
        blends: (N, 3, 4) float32 in turns: factors of the pixel, of its grey and of the image's
            mean grey, and a constant.
        hue: (N,) float32, sixths of a circle.
        turns: (5,) the hue of views turns[i] to turns[i + 1] changes before blend i.
    """

    blends: Tensor
    hue: Tensor
    turns: list[int]


class Drawn(NamedTuple):
    """All about N = V * B views, in the order in which their hues change.

    Attributes:
        samples: (N,) int64, v * B + b.
        sampling: (N, 2, 3) float32, from a pixel's (x, y, 1) off the centre to where in the
            image, whose edges are at -1 and 1, it is taken from.
        colours: None where the recipe leaves them alone.
    """

    samples: Tensor
    sampling: Tensor
    colours: Colours | None


def draw(
    recipe: Recipe,
    seed: int,
    epochs: NDArray[np.int64],
    rows: NDArray[np.int64],
    numbers: NDArray[np.int64],
    side: int,
) -> Drawn:
    """Parameters of N views of square images, one by one (see `batch_draws.uniforms`).

    Args:
        recipe: ranges.
        seed: below 2^32.
        epochs: (N,).
        rows: (N,) of the image table.
        numbers: (N,) of the view among all views of the image in the epoch.
        side: H = W, pixels.
    """
    u = uniforms(seed, epochs, rows, numbers, 16).T
    warps = draw_warps(recipe, u[:10], side)
    jitters = None if recipe.jitter is None else draw_jitters(recipe.jitter, u[10:])
    forward = forward_matrices(warps, side, recipe.warp.order)
    return prepared(sampling(forward, side), jitters)


def draw_warps(recipe: Recipe, u: Floats, side: int) -> Warps:
    """Warps from u (10, N), uniform in [0, 1)."""
    warp = recipe.warp
    applied = u[0] < warp.p
    scale = np.stack([_between(warp.scale[0], u[2]), _between(warp.scale[1], u[3])])
    if warp.keep_ratio:
        scale[1] = scale[0]
    return Warps(
        rotate=np.where(applied, _between(warp.rotate, u[1]), 0),
        scale=np.where(applied, scale, 1),
        shear=np.where(applied, [-_between(warp.shear[i], u[4 + i]) for i in (0, 1)], 0),
        translate=np.where(applied, _translations(warp, u[6:8], side), 0),
        flip=u[8:10] < np.array(recipe.flips)[:, None],
    )


def draw_jitters(jitter: Jitter, u: Floats) -> Jitters:
    """Colours from u (6, N), uniform in [0, 1)."""
    applied = u[0] < jitter.p
    ranges = (jitter.brightness, jitter.contrast, jitter.saturation)
    factors = [_between(one, u[1 + i]) for i, one in enumerate(ranges)]
    return Jitters(
        factors=np.where(applied, factors, 1),
        hue=np.where(applied, _between(jitter.hue, u[4]), 0),
        order=(u[5] * len(ORDERS)).astype(np.int64),
    )


def forward_matrices(warps: Warps, side: int, order: Order = "shear_last") -> Floats:
    """(N, 3, 3) from an image's pixel (x, y, 1) to the view's.

    Scaled, rotated, sheared, shifted and flipped about the centre, as albumentations does; or
    sheared first, as torchvision does.
    """
    angle, (x, y) = np.deg2rad(warps.rotate), np.tan(np.deg2rad(warps.shear))
    cos, sin, one = np.cos(angle), np.sin(angle), np.ones_like(angle)
    turn, scale = _matrices([[cos, sin], [-sin, cos]]), warps.scale.T
    if order == "shear_first":
        linear = turn @ (scale[:, :, None] * _matrices([[one, x], [y, 1 + x * y]]))
    else:
        linear = _matrices([[one, x], [y, one]]) @ turn * scale[:, None, :]
    flip = np.where(warps.flip, -1, 1).T[:, :, None]
    centre = np.full((2, 1), (side - 1) / 2)
    forward = np.tile(np.eye(3), (len(angle), 1, 1))
    forward[:, :2, :2] = flip * linear
    shift = flip * warps.translate.T[:, :, None]
    forward[:, :2, 2:] = centre + shift - forward[:, :2, :2] @ centre
    return forward


def sampling(forward: Floats, side: int) -> Tensor:
    """(N, 2, 3) of `Drawn` for matrices (N, 3, 3) of `forward_matrices`."""
    centred = np.array([[1, 0, (side - 1) / 2], [0, 1, (side - 1) / 2], [0, 0, 1]])
    backward = np.linalg.inv(centred) @ np.linalg.inv(forward) @ centred
    return torch.from_numpy((backward[:, :2] * (2 / side)).astype(np.float32))


def prepared(warp: Tensor, jitters: Jitters | None) -> Drawn:
    """What the device gets: views sorted by the turn of their hue."""
    if jitters is None:
        return Drawn(torch.arange(len(warp)), warp, None)
    turn = HUE_TURNS[jitters.order]
    samples = np.argsort(turn, kind="stable")
    kinds = BLENDS[jitters.order[samples]]
    factors = np.take_along_axis(jitters.factors.T[samples], kinds, axis=1)
    others = [(1 - factors) * (kinds == kind) for kind in (SATURATION, CONTRAST)]
    # albumentations cuts off fractions of brightness and contrast, and rounds saturations.
    blends = np.stack([factors, *others, (kinds == SATURATION) / 2], axis=-1)
    steps = np.floor(HUE_STEPS * jitters.hue[samples])
    colours = Colours(
        torch.from_numpy(blends.astype(np.float32)),
        torch.from_numpy((6 / HUE_STEPS * steps).astype(np.float32)),
        np.searchsorted(turn[samples], np.arange(5)).tolist(),
    )
    return Drawn(torch.from_numpy(samples), warp[samples], colours)


def _translations(warp: Warp, u: Floats, side: int) -> Floats:
    """(2, N) whole pixels; the upper end of a range in pixels is part of it."""
    pairs = zip(warp.translate, u, strict=True)
    if warp.in_pixels:
        return np.stack([np.floor(_between((low, high + 1), one)) for (low, high), one in pairs])
    return np.stack([np.trunc(_between(share, one) * side) for share, one in pairs])


def _between(range_: Range, u: Floats) -> Floats:
    return range_[0] + (range_[1] - range_[0]) * u


def _matrices(entries: list[list[Floats]]) -> Floats:
    """(N, 2, 2) from 2 x 2 arrays (N,)."""
    return np.stack([np.stack(row, axis=-1) for row in entries], axis=-2)
