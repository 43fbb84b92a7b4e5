"""Kernels and memory traffic of augment=gpu for one batch, without a GPU.

    python scripts/augmentation_traffic.py [--side 384] [--batch 128] [--views 2]

Prints a Markdown table:

    unfused   one kernel for each operation on tensors without content; each reads its arguments
              and writes its results once
    fused     the same for what is left between the fused functions, and what torch's inductor
              counts for these: for the GPU if there is one, else for the CPU, whose C++ has the
              same passes over the pixels
"""

import logging
import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._inductor import compile_fx, metrics
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from aduni.cli.app import run_command
from aduni.data.augmentation.gpu import fused
from aduni.data.augmentation.gpu.augment import unfused_views
from aduni.data.augmentation.gpu.from_albumentations import Jitter, Recipe, Warp
from aduni.data.augmentation.gpu.parameters import ViewParameters, draw_parameters

RECIPE = Recipe(
    Warp(p=1, rotate=(-180, 180), scale=((0.8, 1.2), (0.8, 1.2)), nearest=False),
    flips=(0.5, 0.5),
    jitter=Jitter(1, (0.8, 1.2), (0.8, 1.2), (0.8, 1.2), (-0.1, 0.1)),
)


class Traffic(TorchDispatchMode):
    """Count operations that launch a kernel, and the bytes that they read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels, self.bytes, self.fused = 0, 0, False

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        launches = function.namespace == "aten" and not function.is_view and "empty" not in name
        if launches and not self.fused:
            self.kernels += 1
            read = {key: value for key, value in (kwargs or {}).items() if key != "out"}
            self.bytes += _moved(name, _tensors((args, read)), _tensors(result))
        return result


def _moved(name: str, given: list[Tensor], results: list[Tensor]) -> int:
    """Return the bytes that an operation reads and writes."""
    if name == "index":  # reads what it returns
        return 2 * _bytes(results[0])
    if name in ("index_copy_", "scatter_"):  # writes what it is given last
        return 2 * _bytes(given[-1])
    return sum(map(_bytes, [*given, *results]))


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _bytes(tensor: Tensor) -> int:
    """Return the bytes of a tensor's different elements."""
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return tensor.element_size() * int(np.prod([size for size, stride in sizes if stride]))


def count_unfused(side: int, batch: int, views: int) -> tuple[int, int]:
    """Return the kernels and bytes of a batch's views without fused functions."""
    with FakeTensorMode() as mode, Traffic() as traffic:
        unfused_views(*_arguments(mode, side, batch, views), nearest=False)
    return traffic.kernels, traffic.bytes


def count_fused(side: int, batch: int, views: int) -> tuple[int, int]:
    """Return the kernels and bytes of a batch's views with them."""
    calls: list[tuple[Callable[..., Tensor], tuple[Any, ...]]] = []
    traffic = Traffic()

    def noted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(*arguments: Any) -> Tensor:
            calls.append((function, arguments))
            traffic.fused = True
            result = torch.empty_like(arguments[0])
            traffic.fused = False
            return result

        return call

    with FakeTensorMode() as mode, traffic:
        arguments = _arguments(mode, side, batch, views)
        fused.fuse_views(*arguments, nearest=False, fuse=noted)
    counts = [(traffic.kernels, traffic.bytes), *_compiled_counts(calls)]
    kernels, moved = np.sum(counts, axis=0).tolist()
    return kernels, moved


def _compiled_counts(calls: list[tuple[Any, tuple[Any, ...]]]) -> Iterable[tuple[int, int]]:
    """Compile each function once, and yield its counts for each call."""
    logging.getLogger(compile_fx.inductor_metrics_log.name).setLevel(logging.INFO)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    known: dict[Any, tuple[int, int]] = {}
    for function, arguments in calls:
        if function not in known:
            metrics.reset()
            torch._dynamo.reset()
            values = [
                torch.zeros(value.shape, dtype=value.dtype, device=device)
                if isinstance(value, Tensor)
                else value
                for value in arguments
            ]
            with (
                torch._inductor.config.patch(force_disable_caches=True),
                warnings.catch_warnings(action="ignore"),
            ):
                fused.compiled(function)(*values)
            known[function] = metrics.generated_kernel_count, metrics.num_bytes_accessed
        yield known[function]


def _arguments(
    mode: FakeTensorMode, side: int, batch: int, views: int
) -> tuple[Tensor, Tensor, ViewParameters]:
    """Return a batch's images, rows and parameters on a GPU, without content."""

    def moved(tensor: Tensor) -> Tensor:
        return torch.empty(tensor.shape, dtype=tensor.dtype, device="cuda")

    rows = np.arange(batch).repeat(views)
    drawn = draw_parameters(RECIPE, 0, rows * 0, rows, np.arange(len(rows)), side)
    samples, sampling, colours = drawn
    assert colours is not None
    moved_colours = colours._replace(blends=moved(colours.blends), hue=moved(colours.hue))
    images = torch.empty((batch, side, side, 3), dtype=torch.uint8, device="cuda")
    indices = torch.empty(batch, dtype=torch.int64, device="cuda")
    return images, indices, ViewParameters(moved(samples), moved(sampling), moved_colours)


def main() -> None:
    """Print the table of the batch that the command line describes."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    for name, value in (("side", 384), ("batch", 128), ("views", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    sizes = vars(parser.parse_args())
    print("| augment=gpu | kernels | GB |\n|---|---:|---:|")
    for name, count in (("unfused", count_unfused), ("fused", count_fused)):
        kernels, moved = count(**sizes)
        print(f"| {name} | {kernels} | {moved / 1e9:.2f} |", flush=True)


if __name__ == "__main__":
    run_command(main)
