"""Untrained models to export, as a checkpoint would contain them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aduni.config.build import build_method
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.export.export_settings import SUFFIXES
from aduni.inference.export.exported_graph import ExportedModel
from aduni.inference.export.formats import FORMATS
from aduni.inference.export.metadata import describe
from aduni.metrics.calibration import Calibration
from aduni.models.encoder import Encoder
from composing import settings_of

CLASSES = 10
TRUST = ["exported_models"]


class Tiny(Encoder):
    """Encoder of one layer, for tests of the methods."""

    features = 8

    def __init__(self) -> None:
        nn.Module.__init__(self)  # an Encoder's own layers are those of a backbone
        self.layer = nn.Conv2d(3, 8, 4, stride=4)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images / 255 - 0.5).relu().mean(dim=(2, 3))


@dataclass
class Exported:
    """A trained model, its probabilities and what is exported.

    Attributes:
        images: (100, 3, H, W).
        probabilities: (100, C) probabilities of the model, computed by their definition.
    """

    trained: TrainedModel
    images: np.ndarray
    probabilities: np.ndarray
    description: dict[str, Any]
    model: ExportedModel

    def write(self, name: str, folder: Path) -> Path:
        """Write the file of a format."""
        path = folder / f"model{SUFFIXES[name]}"
        path.write_bytes(FORMATS[name].encode(self.model, self.description))
        return path

    def difference(self, name: str, folder: Path, counts: tuple[int, ...]) -> float:
        """Return the largest difference between model and file, over batches of several sizes."""
        run = FORMATS[name].runner(self.write(name, folder), TRUST)
        found = [run(self.images[:count]) for count in counts]
        expected = [self.probabilities[:count] for count in counts]
        return max(float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True))


def exported(
    folder: Path, *overrides: str, temperature: float | None = 1.7, tiny: bool = True
) -> Exported:
    """Return a method of conf/method whose weights differ for all classes.

    Args:
        folder: folder for the checkpoint's file.
        overrides: overrides of conf/train.yaml.
        temperature: temperature of the calibration; None for no calibration.
        tiny: whether to replace the backbone by the small encoder.
    """
    torch.manual_seed(0)
    settings = settings_of("epochs=2", "batch_size=32", *overrides)
    settings.dataset["root"] = str(folder / "secret_root")
    if tiny:
        settings.encoder = {"_target_": "exported_models.Tiny"}
    counts = np.arange(3, 3 + CLASSES)
    method = build_method(settings, counts)
    side = settings.dataset["image_size"]
    images = torch.randint(0, 256, (100, 3, side, side), dtype=torch.uint8)
    _settle(method, images)
    (folder / "best.ckpt").write_bytes(b"of a test")
    trained = TrainedModel(
        path=folder / "best.ckpt",
        method=method,
        settings=settings,
        epoch=1,
        class_names=[f"class {i}" for i in range(CLASSES)],
        class_counts=counts,
        split_hash="abc",
        calibration=temperature and Calibration(temperature, 1.0, [0.0] * CLASSES, [0.1] * CLASSES),
    )
    with torch.no_grad():
        logits = method(images).double().numpy()
    powers = np.exp((logits - logits.max()) / (temperature or 1))
    return Exported(
        trained=trained,
        images=images.numpy(),
        probabilities=powers / powers.sum(axis=1, keepdims=True),
        description=describe(trained),
        model=ExportedModel(method, temperature or 1.0, side),
    )


def _settle(method: nn.Module, images: Tensor) -> None:
    """Set batch norms to the statistics of the images, since untrained activations explode."""
    for module in method.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches
    method.train()
    with torch.no_grad():
        for name, parameter in method.named_parameters():
            if name.startswith("classifier"):
                parameter += torch.randn_like(parameter) / parameter[0].numel() ** 0.5
        for part in images.split(20):
            method(part)
    method.eval()
