"""Make views on a GPU by a few kernels that torch.compile fuses from the functions on pixels.

As one kernel for each operation, they would read and write all pixels some forty times in 32 bits.
Here the warp and four passes over the colours read and write them in 8 bits, which hold their whole
numbers exactly.
"""

import logging
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from aduni.data.augmentation.gpu.parameters import Colours, ViewParameters
from aduni.data.augmentation.gpu.pixels import blend_, shift_hue_, warp
from aduni.errors import warn

log = logging.getLogger(__name__)

OPTIONS: dict[str, str | int | bool | Callable[..., Any]] = {
    "compile_threads": 1,  # else a pool of processes that stays
    # Compute values again where they are used in place of writing them to memory.
    **dict.fromkeys(
        ("realize_opcount_threshold", "realize_reads_threshold", "realize_acc_reads_threshold"),
        2**30,
    ),
    # Round as a CPU does: no contracted products and sums, no approximate quotients.
    "emulate_precision_casts": True,
    "eager_numerics.division_rounding": True,
}

MAX_SIZES = 64  # of batches in a process; each is compiled for

Function = Callable[..., Tensor]


class FusedViews:
    """Make views by compiled functions, until compiling them has failed once.

    Attributes:
        has_failed: whether it has.
    """

    def __init__(self) -> None:
        self.has_failed = False
        self._known: set[tuple[object, ...]] = set()

    def __call__(
        self, images: Tensor, rows: Tensor, parameters: ViewParameters, *, nearest: bool
    ) -> Tensor | None:
        """Return what `fuse_views` does, or None and, the first time, a warning if it fails."""
        if self.has_failed:
            return None
        constants = (images.shape[1:], parameters.sampling.shape, nearest)
        kind = (*constants, len(rows), parameters.colours is None)
        # Compilers warn of themselves and give advice on what is not done here.
        quiet = nullcontext() if kind in self._known else warnings.catch_warnings(action="ignore")
        self._known.add(kind)
        try:
            with quiet, torch._dynamo.config.patch(recompile_limit=MAX_SIZES):
                return fuse_views(images, rows, parameters, nearest=nearest, fuse=compiled)
        except Exception as error:  # of a compiler, its cache or its driver, of any type
            if isinstance(cause := _innermost(error), torch.OutOfMemoryError):
                raise cause from None
            self.has_failed = True
            warn(log, _sentence(error))
            return None


@cache
def compiled(function: Function) -> Function:
    """Compile a function for constant shapes, in this process alone."""
    return torch.compile(function, dynamic=False, fullgraph=True, options=OPTIONS)


def fuse_views(
    images: Tensor,
    rows: Tensor,
    parameters: ViewParameters,
    *,
    nearest: bool,
    fuse: Callable[[Function], Function],
) -> Tensor:
    """Make the views of `make_views` by functions that `fuse` is applied to, all at once."""
    samples, colours = parameters.samples, parameters.colours
    # Parameters are put into the views' order, as pixels take longer to sort.
    order = torch.empty_like(samples)
    order.scatter_(0, samples, torch.arange(len(samples), device=samples.device))
    sources = images[rows.repeat(len(samples) // len(rows))]
    sampling = parameters.sampling[order]
    views = fuse(warp_views)(sources, sampling, nearest)
    if colours is not None:
        shifts = hue_shifts(colours)[:, order]
        views = fuse(shift_hues)(views, shifts[0])
        for blends, shift in zip(colours.blends[order].unbind(1), shifts[1:], strict=True):
            views = fuse(change_colours)(views, blends, shift)
    return views.view(-1, len(rows), *views.shape[1:]).permute(0, 1, 4, 2, 3)


def hue_shifts(colours: Colours) -> Tensor:
    """Return (4, N) sixths of a circle before each blend and after the last: one is not 0."""
    shifts = colours.hue.new_zeros((4, len(colours.hue)))
    for step, shift in enumerate(shifts):
        group = slice(colours.hue_starts[step], colours.hue_starts[step + 1])
        shift[group] = colours.hue[group]
    return shifts


def warp_views(images: Tensor, sampling: Tensor, nearest: bool) -> Tensor:
    """Warp (N, H, W, 3) uint8 by (N, 2, 3)."""
    return _to_bytes(warp(images, sampling, nearest))


def shift_hues(images: Tensor, shift: Tensor) -> Tensor:
    """Shift the hues of (N, H, W, 3) uint8 by (N,) sixths of a circle."""
    pixels = _to_floats(images)
    shift_hue_(pixels, shift)
    return _to_bytes(pixels)


def change_colours(images: Tensor, blends: Tensor, shift: Tensor) -> Tensor:
    """Blend (N, H, W, 3) uint8 by the (N, 4) of `Colours.blends`, then shift the hues."""
    pixels = _to_floats(images)
    blend_(pixels, blends)
    shift_hue_(pixels, shift)
    return _to_bytes(pixels)


def _to_floats(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)


def _to_bytes(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 2, 3, 1).to(torch.uint8, memory_format=torch.contiguous_format)


def _innermost(error: BaseException) -> BaseException:
    """Return the error that dynamo and inductor have wrapped."""
    while inner := getattr(error, "inner_exception", None):
        error = inner
    return error


def _sentence(error: BaseException) -> str:
    error = _innermost(error)
    reason = (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
    return (
        f"augment=gpu makes its views by unfused kernels, which takes longer, as torch.compile "
        f"failed ({type(error).__name__}: {reason})."
    )
