"""The device of these tests, short trainings on it, and what exists on CUDA alone.

Without a GPU the tests are skipped. ADUNI_TEST_DEVICE=cpu lets the CPU stand in for one, to show
that the tests themselves are right; what exists on CUDA alone is skipped then.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from pytorch_lightning import seed_everything

from aduni.config.build import build_data, build_method
from aduni.config.schema import Settings
from aduni.data.image_data import ImageData
from aduni.methods.base import Method
from aduni.results.run_folder import RunFolder
from aduni.training.run import run
from composing import settings_of

QUICK = (
    "encoder.name=shufflenet_v2_x0_5",
    "epochs=2",
    "batch_size=50",
    "sampler.epoch_length=4",
    "num_workers=0",
    "augment=gpu",
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark all tests of this folder; warnings of another machine's libraries fail none."""
    item.add_marker(pytest.mark.gpu)
    item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU, or what stands in for it."""
    if name := os.environ.get("ADUNI_TEST_DEVICE"):
        return torch.device(name)
    if not torch.cuda.is_available():
        pytest.skip("PyTorch finds no GPU")
    return torch.device("cuda", 0)


@pytest.fixture
def cuda(device: torch.device) -> torch.device:
    """A GPU: nothing can stand in."""
    if device.type != "cuda":
        pytest.skip("exists on CUDA alone")
    return device


@pytest.fixture
def exact() -> Iterator[None]:
    """Multiply in 32 bits, as the CPU does, instead of in TF32."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = False
    yield
    for backend, value in zip(backends, before, strict=True):
        backend.allow_tf32 = value


@pytest.fixture(scope="session")
def accelerator(device: torch.device) -> str:
    """Lightning's name of the device."""
    return "gpu" if device.type == "cuda" else "cpu"


@pytest.fixture(scope="session")
def quick(accelerator: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Overrides of a short training on the device."""
    cache = tmp_path_factory.mktemp("cache")
    return (*QUICK, f"trainer={accelerator}", f"dataset.cache_dir={cache}")


@pytest.fixture
def train(quick: tuple[str, ...], tmp_path: Path) -> Callable[..., RunFolder]:
    """A short training in this process; returns its folder."""

    def call(*overrides: str, name: str = "run") -> RunFolder:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        run(settings_of(*quick, *overrides), folder)
        return folder

    return call


@pytest.fixture
def build_both(quick: tuple[str, ...]) -> Callable[..., tuple[ImageData, Method, Settings]]:
    """Build data and method of a command line, with the same weights in every call."""

    def call(*overrides: str) -> tuple[ImageData, Method, Settings]:
        settings = settings_of(*quick, *overrides)
        seed_everything(7, verbose=False)
        data = build_data(settings)
        data.prepare_data()
        return data, build_method(settings, data.training_counts), settings

    return call
