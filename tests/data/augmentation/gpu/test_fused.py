"""Fused views are those of one operation after another; where they fail, the others are made."""

import shutil

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor

from aduni.data.augmentation.gpu import augment, fused
from aduni.data.augmentation.gpu.augment import unfused_views
from aduni.data.augmentation.gpu.from_albumentations import Jitter, Recipe, Warp
from aduni.data.augmentation.gpu.fused import FusedViews, compiled, fuse_views
from aduni.data.augmentation.gpu.parameters import ViewParameters, draw_parameters
from aduni.data.augmentation.gpu.pixels import GREY, blend_

Arguments = tuple[Tensor, Tensor, ViewParameters]
COLOURS = Jitter(0.8, (0.2, 1.8), (0.2, 2), (0, 3), (-0.5, 0.5))


def make_arguments(
    side: int, *, nearest: bool, jitter: Jitter | None = COLOURS, batch: int = 12
) -> Arguments:
    """Return images, rows and the parameters of two views under a wide recipe."""
    scale = (0.6, 1.4)
    warp = Warp(0.9, (-180, 180), (scale, scale), shear=((-5, 5), (0, 0)), nearest=nearest)
    rng = np.random.default_rng(side)
    rows = rng.integers(0, 20, batch)
    samples, views = np.tile(rows, 2), np.repeat([0, 1], batch)
    drawn = draw_parameters(Recipe(warp, (0.5, 0.5), jitter), 1, samples * 0, samples, views, side)
    blocks = rng.integers(0, 256, (20, side, side // 4, 3), dtype=np.uint8).repeat(4, axis=2)
    return torch.from_numpy(blocks), torch.from_numpy(rows), drawn


@pytest.mark.parametrize("jitter", [COLOURS, None])
@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize("side", [16, 20, 64])
def test_the_functions_that_are_compiled_give_the_same_bits(side, nearest, jitter):
    arguments = make_arguments(side, nearest=nearest, jitter=jitter)

    expected = unfused_views(*arguments, nearest=nearest)
    found = fuse_views(*arguments, nearest=nearest, fuse=lambda function: function)

    assert torch.equal(found, expected)
    assert found.dtype == torch.uint8
    assert found.stride() == expected.stride()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU")
@pytest.mark.filterwarnings("ignore")  # of the compiler, about the machine
def test_compiled_functions_give_the_same_pixels():
    children = psutil.Process().children(recursive=True)
    for nearest in (True, False):
        arguments = make_arguments(64, nearest=nearest)
        expected = unfused_views(*arguments, nearest=nearest)
        found = fuse_views(*arguments, nearest=nearest, fuse=compiled)

        assert found.stride() == expected.stride()
        difference = (found.int() - expected.int()).abs()
        assert (difference <= 1).double().mean() >= 0.999
        assert (difference == 0).double().mean() >= 0.999
    assert psutil.Process().children(recursive=True) == children


# Failures


class BackendCompilerFailed(RuntimeError):
    """As dynamo's, with the first error inside."""

    def __init__(self, inner: Exception) -> None:
        super().__init__(f"backend='inductor' raised:\n{inner}")
        self.inner_exception = inner


def fail_to_compile(monkeypatch, error: Exception) -> list[int]:
    """Let compiled functions raise `error`, and count their calls."""
    calls = []

    def failing(*_: object) -> Tensor:
        calls.append(1)
        raise error

    monkeypatch.setattr(fused, "compiled", lambda function: failing)
    return calls


def test_where_compiling_fails_one_sentence_says_so(monkeypatch, caplog):
    cause = RuntimeError("Failed to find C compiler. Please specify via CC.\nmore")
    calls = fail_to_compile(monkeypatch, BackendCompilerFailed(cause))
    views = FusedViews()
    arguments = make_arguments(16, nearest=True)

    assert [views(*arguments, nearest=True) for _ in range(3)] == [None] * 3
    assert len(calls) == 1
    assert caplog.messages == [
        "augment=gpu makes its views by unfused kernels, which takes longer, as torch.compile "
        "failed (RuntimeError: Failed to find C compiler. Please specify via CC)."
    ]


def test_a_training_gets_its_views_where_compiling_fails(monkeypatch, caplog):
    fail_to_compile(monkeypatch, OSError())
    monkeypatch.setattr(augment, "FUSED", FusedViews())
    with torch._subclasses.FakeTensorMode() as mode:
        images, rows, drawn = make_arguments(16, nearest=True, jitter=None)
        tensors = [mode.from_tensor(one).cuda() for one in (images, rows, *drawn[:2])]
        parameters = ViewParameters(*tensors[2:], None)
        views = augment.make_views(*tensors[:2], parameters, nearest=True)

    assert views.shape == (2, 12, 3, 16, 16)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_lack_of_memory_is_no_failure_to_compile(monkeypatch, wrapped):
    error = torch.OutOfMemoryError("CUDA out of memory.")
    calls = fail_to_compile(monkeypatch, BackendCompilerFailed(error) if wrapped else error)
    views = FusedViews()

    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            views(*make_arguments(16, nearest=True), nearest=True)
    assert len(calls) == 2


def test_many_sizes_of_batches_are_compiled_and_one_too_many_says_so(monkeypatch, caplog):
    def traced(graph, _):
        return graph

    def trace(function):
        return torch.compile(function, backend=traced, dynamic=False, fullgraph=True)

    torch._dynamo.reset()  # forgets the sizes of earlier tests
    monkeypatch.setattr(fused, "compiled", trace)
    monkeypatch.setattr(fused, "MAX_SIZES", 10)
    views = FusedViews()
    for _ in range(2):
        for batch in range(1, 11):
            arguments = make_arguments(16, nearest=True, batch=batch, jitter=None)
            found = views(*arguments, nearest=True)
            assert torch.equal(found, unfused_views(*arguments, nearest=True))
    assert not [line for line in caplog.messages if line.startswith("augment=gpu")]
    assert views(*make_arguments(16, nearest=True, batch=11, jitter=None), nearest=True) is None
    (line,) = (line for line in caplog.messages if line.startswith("augment=gpu"))
    assert "(FailOnRecompileLimitHit: " in line


# Means


@pytest.mark.parametrize(("height", "width"), [(17, 17), (384, 384), (3, 60_000)])
@pytest.mark.parametrize("lowest", [0, 250])
def test_sums_of_rows_give_the_exact_mean(height, width, lowest):
    generator = torch.Generator().manual_seed(height)
    images = torch.randint(lowest, 256, (3, 3, height, width), generator=generator).float()
    blends = torch.tensor([[0, 0, 1, 0], [0.25, 0.25, 0.5, 0], [0.1, 0, 0.9, 0.5]])
    red, green, blue = images.chunk(3, dim=1)
    grey = (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2]).round_()
    total = grey.to(torch.int64).sum(dim=(1, 2, 3), keepdim=True)
    pixel, own_grey, mean, constant = blends.view(-1, 4, 1, 1, 1).unbind(1)
    mixed = grey * own_grey + (mean * (total / (height * width)) + constant)
    expected = (images * pixel + mixed).clamp(0, 255).floor()

    blend_(images, blends)

    assert torch.equal(images, expected)
