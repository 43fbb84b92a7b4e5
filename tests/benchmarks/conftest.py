"""The benchmark at tiny size."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from benchmarks.part import Bench, Effort
from benchmarks.settings import BenchmarkSettings, read_benchmark
from composing import CONF

TINY = Effort(
    rounds=1,
    sizes=(32, 16),
    pass_images=8,
    loss_batches=(4, 8),
    image_size=32,
    batch_size=4,
    steps=4,
    bare_steps=2,
    epochs=1,
    evaluated=7,
    extracted=14,
    growth_images=56,
    starts=1,
    table_rows=(90, 180),
    image_counts=(120, 180, 270),
    gpu_image_size=32,
    gpu_batch_size=4,
    gpu_pass_images=12,
    gpu_images=16,
    gpu_held_out=7,
    gpu_bare_steps=2,
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Tiny sizes, folders of the test's own, and Hydra as a command initialises it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield Bench(TINY, scratch, tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., BenchmarkSettings]:
    """What `benchmark.py OVERRIDES` runs with."""

    def read(*overrides: str) -> BenchmarkSettings:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("benchmark", overrides=[f"output={tmp_path}", *overrides])
        return read_benchmark(config)

    return read
