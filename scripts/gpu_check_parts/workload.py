"""The pieces of AdUni's step on random images: no file is read, and no loader runs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from typing import Any, cast

import numpy as np
import torch
from hydra import initialize_config_dir
from torch import Tensor

import aduni.cli.app  # noqa: F401  registers the resolvers of conf/
from aduni.batch import Batch
from aduni.config.build import build_method
from aduni.config.instantiate import build
from aduni.data.augmentation.gpu.augment import FUSED
from aduni.data.augmentation.gpu.from_albumentations import read_recipe
from aduni.data.augmentation.gpu.parameters import ViewParameters, draw_parameters
from aduni.data.loading.torch_datasets import RawBatch, complete_batch
from aduni.methods.aduni import AdUni
from aduni.models.encoder import Encoder
from aduni.reproduce.planning import settings_of
from benchmarks.alternation import TINY_RATE, bare_step
from benchmarks.children import ROOT
from benchmarks.part import Section
from benchmarks.results import markdown
from gpu_check_parts.size import Size

VIEWS, CLASSES = 2, 7
UNFUSED = "The views were made by unfused kernels, as torch.compile failed; the log has the reason."


class Workload:
    """ResNet-18 under ISIC 2018's recipe in bf16; the images are on the device already."""

    def __init__(self, size: Size) -> None:
        self.size = size
        words = ["dataset=isic2018", f"dataset.image_size={size.side}", "encoder.stem=standard"]
        words += [f"batch_size={size.batch}", f"trainer={size.trainer}", "num_workers=0"]
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            settings = settings_of(words)
        self.recipe = read_recipe([build(node) for node in settings.dataset["augment"]])
        counts = np.full(CLASSES, 100, dtype=np.int64)
        method = build_method(settings, counts).to(size.device).train()
        self.method = cast(AdUni, method)
        self.encoder = cast(Encoder, method.encoder)
        self.optimiser = build(settings.optimizer)(list(method.named_parameters()), TINY_RATE)
        generator = torch.Generator().manual_seed(0)
        shape = (size.batch, size.side, size.side, 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        labels = torch.arange(size.batch) % CLASSES
        self.raw = RawBatch(
            images.to(size.device), labels.to(size.device), labels.to(size.device), self.drawn(0)
        )
        self.batch = self.augmented()

    def drawn(self, epoch: int) -> ViewParameters:
        """Return the parameters of all views on the device, as the loader draws and sends them."""
        rows = np.tile(np.arange(self.size.batch, dtype=np.int64), VIEWS)
        numbers = np.repeat(np.arange(VIEWS, dtype=np.int64), self.size.batch)
        drawn = draw_parameters(
            self.recipe, 1, np.full_like(rows, epoch), rows, numbers, self.size.side
        )
        device, colours = self.size.device, drawn.colours
        if colours is not None:
            blends, hue = colours.blends.to(device), colours.hue.to(device)
            colours = colours._replace(blends=blends, hue=hue)
        return ViewParameters(drawn.samples.to(device), drawn.sampling.to(device), colours)

    def mixed(self) -> AbstractContextManager[Any]:
        """Return autocast of bf16-mixed."""
        return torch.autocast(self.size.device, torch.bfloat16)

    def augmented(self) -> Batch:
        """Make the views."""
        return complete_batch(self.raw, None, nearest=self.recipe.warp.nearest)

    def normalised(self) -> Tensor:
        """Normalise the views, as the encoder does first."""
        with self.mixed():
            return self.encoder.normalised(self.batch.views.flatten(0, 1))

    def trained(self) -> None:
        """Take a step on views that are there."""
        self._step(self.batch)

    def whole(self) -> None:
        """Take a step from the images to the new weights."""
        self._step(self.augmented())

    def bare(self) -> Callable[[], None]:
        """Return the step of the bare model on normalised floats."""
        return bare_step(self.method, self.optimiser, self.batch, self.mixed)

    def _step(self, batch: Batch) -> None:
        self.optimiser.zero_grad()
        with self.mixed():
            loss = self.method.loss(batch, 0)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()


def report(section: Section) -> dict[str, Any]:
    """Return what the report takes of a section, which says so if views could not be fused."""
    if FUSED.has_failed:
        section = replace(section, notes=(*section.notes, UNFUSED))
    return {"section": asdict(section), "markdown": markdown(section)}


@contextmanager
def cudnn_benchmark(enabled: bool) -> Iterator[None]:
    """Let cuDNN try its algorithms for each new size of a convolution, or not."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = enabled
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
