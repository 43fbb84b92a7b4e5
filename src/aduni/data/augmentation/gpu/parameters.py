"""Draw the random parameters of a batch's views, in the form that tensor operations use.

They are drawn by the loader, on the CPU, so that they do not depend on the device.
"""

from itertools import permutations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aduni.data.augmentation.gpu.counter_rng import uniforms
from aduni.data.augmentation.gpu.from_albumentations import Jitter, Range, Recipe, Warp
from aduni.data.augmentation.transforms import Order

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
ORDERS = np.array(list(permutations([BRIGHTNESS, CONTRAST, SATURATION, HUE])))
HUE_POSITIONS = np.argmax(ORDERS == HUE, axis=1)
BLEND_ORDERS = ORDERS[ORDERS != HUE].reshape(-1, 3)
HUE_STEPS = 180
"""Steps of the colour circle: the hues of 8-bit images have a resolution of two degrees."""


class Warps(NamedTuple):
    """Warps of N views, in pairs along x and y.

    rotate (N,) and shear (2, N) are in degrees, translate (2, N) is in pixels; scale and flip are
    (2, N).
    """

    rotate: Floats
    scale: Floats
    shear: Floats
    translate: Floats
    flip: Flags


class Jitters(NamedTuple):
    """Colour jitters of N views.

    factors (3, N) are of brightness, contrast and saturation; hue (N,) is a shift as a share of the
    circle; order (N,) are rows of ORDERS.
    """

    factors: Floats
    hue: Floats
    order: NDArray[np.int64]


class Colours(NamedTuple):
    """Parameters of `jitter_` for N views.

    Attributes:
        blends: (N, 3, 4) float32, three blends in their order: factors of the pixel, of its grey
            and of the image's mean grey, and a constant.
        hue: (N,) float32, sixths of a circle.
        hue_starts: (5,) the hue of views hue_starts[i] to hue_starts[i + 1] changes before blend i.
    """

    blends: Tensor
    hue: Tensor
    hue_starts: list[int]


class ViewParameters(NamedTuple):
    """Parameters of N = V * B views, sorted by the position of the hue in their colour jitters.

    Attributes:
        samples: (N,) int64, v * B + b.
        sampling: (N, 2, 3) float32, maps a view's pixel (x, y, 1), relative to the centre, to its
            source in the image, whose edges are at -1 and 1.
        colours: None if the recipe has no colour jitter.
    """

    samples: Tensor
    sampling: Tensor
    colours: Colours | None


def draw_parameters(
    recipe: Recipe,
    seed: int,
    epochs: NDArray[np.int64],
    rows: NDArray[np.int64],
    numbers: NDArray[np.int64],
    side: int,
) -> ViewParameters:
    """Draw the parameters of N views of square images with H = W = `side`; see `uniforms`."""
    u = uniforms(seed, epochs, rows, numbers, 16).T
    warps = draw_warps(recipe, u[:10], side)
    jitters = None if recipe.jitter is None else draw_jitters(recipe.jitter, u[10:])
    forward = forward_matrices(warps, side, recipe.warp.order)
    return sort_by_hue(sampling(forward, side), jitters)


def draw_warps(recipe: Recipe, u: Floats, side: int) -> Warps:
    """Map uniform numbers u (10, N) to warps."""
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
    """Map uniform numbers u (6, N) to colour jitters."""
    applied = u[0] < jitter.p
    ranges = (jitter.brightness, jitter.contrast, jitter.saturation)
    factors = [_between(range_, u[1 + i]) for i, range_ in enumerate(ranges)]
    return Jitters(
        factors=np.where(applied, factors, 1),
        hue=np.where(applied, _between(jitter.hue, u[4]), 0),
        order=(u[5] * len(ORDERS)).astype(np.int64),
    )


def forward_matrices(warps: Warps, side: int, order: Order = "shear_last") -> Floats:
    """Compute the (N, 3, 3) matrices from an image's pixel (x, y, 1) to the view's.

    They scale, rotate, shear, shift and flip about the centre, as albumentations does, or shear
    first, as torchvision does.
    """
    angle, (x, y) = np.deg2rad(warps.rotate), np.tan(np.deg2rad(warps.shear))
    cos, sin, one = np.cos(angle), np.sin(angle), np.ones_like(angle)
    rotation, scale = _matrices([[cos, sin], [-sin, cos]]), warps.scale.T
    if order == "shear_first":
        linear = rotation @ (scale[:, :, None] * _matrices([[one, x], [y, 1 + x * y]]))
    else:
        linear = _matrices([[one, x], [y, one]]) @ rotation * scale[:, None, :]
    flip = np.where(warps.flip, -1, 1).T[:, :, None]
    centre = np.full((2, 1), (side - 1) / 2)
    forward = np.tile(np.eye(3), (len(angle), 1, 1))
    forward[:, :2, :2] = flip * linear
    shift = flip * warps.translate.T[:, :, None]
    forward[:, :2, 2:] = centre + shift - forward[:, :2, :2] @ centre
    return forward


def sampling(forward: Floats, side: int) -> Tensor:
    """Invert matrices of `forward_matrices` to `ViewParameters.sampling`."""
    centred = np.array([[1, 0, (side - 1) / 2], [0, 1, (side - 1) / 2], [0, 0, 1]])
    backward = np.linalg.inv(centred) @ np.linalg.inv(forward) @ centred
    return torch.from_numpy((backward[:, :2] * (2 / side)).astype(np.float32))


def sort_by_hue(warp: Tensor, jitters: Jitters | None) -> ViewParameters:
    """Sort views by the position of the hue in their jitters, as `jitter_` expects them."""
    if jitters is None:
        return ViewParameters(torch.arange(len(warp)), warp, None)
    position = HUE_POSITIONS[jitters.order]
    samples = np.argsort(position, kind="stable")
    kinds = BLEND_ORDERS[jitters.order[samples]]
    factors = np.take_along_axis(jitters.factors.T[samples], kinds, axis=1)
    others = [(1 - factors) * (kinds == kind) for kind in (SATURATION, CONTRAST)]
    # albumentations truncates brightness and contrast, and rounds saturation.
    blends = np.stack([factors, *others, (kinds == SATURATION) / 2], axis=-1)
    steps = np.floor(HUE_STEPS * jitters.hue[samples])
    colours = Colours(
        torch.from_numpy(blends.astype(np.float32)),
        torch.from_numpy((6 / HUE_STEPS * steps).astype(np.float32)),
        np.searchsorted(position[samples], np.arange(5)).tolist(),
    )
    return ViewParameters(torch.from_numpy(samples), warp[samples], colours)


def _translations(warp: Warp, u: Floats, side: int) -> Floats:
    """Map u (2, N) to whole pixels; a range in pixels includes its upper end."""
    pairs = zip(warp.translate, u, strict=True)
    if warp.in_pixels:
        return np.stack([np.floor(_between((low, high + 1), u_)) for (low, high), u_ in pairs])
    return np.stack([np.trunc(_between(share, u_) * side) for share, u_ in pairs])


def _between(range_: Range, u: Floats) -> Floats:
    return range_[0] + (range_[1] - range_[0]) * u


def _matrices(entries: list[list[Floats]]) -> Floats:
    return np.stack([np.stack(row, axis=-1) for row in entries], axis=-2)
