"""scripts/augmentation_traffic.py counts what can be counted by hand, and what fusing saves."""

import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "augmentation_traffic.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_operations_read_their_arguments_and_write_their_results_once(script):
    with FakeTensorMode(), script["Traffic"]() as traffic:
        pixels = torch.empty((4, 100), device="cuda")
        assert (traffic.kernels, traffic.bytes) == (0, 0)
        (pixels.view(-1) * 2)[:10].add_(1)  # 400 floats twice, then ten twice
        assert (traffic.kernels, traffic.bytes) == (2, 4 * (800 + 20))
        pixels[torch.empty(3, dtype=torch.int64, device="cuda")]  # three rows twice
        assert (traffic.kernels, traffic.bytes) == (3, 4 * (820 + 600))
        pixels[:1].expand(4, 100).sum(dim=1)  # a row once
        assert (traffic.kernels, traffic.bytes) == (4, 4 * (1420 + 104))
        torch.neg(pixels, out=pixels)
        assert (traffic.kernels, traffic.bytes) == (5, 4 * (1524 + 800))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU")
@pytest.mark.filterwarnings("ignore")  # of the compiler, about the machine
def test_fused_functions_move_a_twentieth_of_the_bytes(script):
    unfused, fused = (script[f"count_{kind}"](96, 16, 2) for kind in ("unfused", "fused"))

    assert unfused[0] > 100 > 40 > fused[0]
    assert unfused[1] > 20 * fused[1]
    # Read and write: images, warp, hue and three blends, whose means read them once more.
    assert fused[1] == pytest.approx(15 * 2 * 16 * 96**2 * 3, rel=0.05)
