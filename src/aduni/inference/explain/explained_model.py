"""The model that is explained, and what its answers look like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from aduni.data.module import ImageDataModule
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.explain.grad_cam import BATCH, grad_cam
from aduni.inference.explain.page import Share
from aduni.inference.explain.pictures import SHOWN, Pixels
from aduni.inference.explain.target_layer import Layer


@dataclass(frozen=True)
class Subject:
    """A trained model under explanation.

    Attributes:
        trained: its method is on the device.
        device: where to compute.
        layer: whose map Grad-CAM takes; None for no heat maps.
        data: that the model learned from; None where nothing of it is shown.
    """

    trained: TrainedModel
    device: torch.device
    layer: Layer | None
    data: ImageDataModule | None

    def calibrated(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, C) probabilities at the temperature, where the checkpoint holds one."""
        calibration = self.trained.calibration
        return calibration.probabilities(probabilities) if calibration else probabilities

    @torch.inference_mode()
    def probabilities(self, images: torch.Tensor) -> NDArray[np.float64]:
        """(N, C) calibrated probabilities of (N, 3, H, W) images."""
        logits = self.trained.method(images).double()
        if not torch.isfinite(logits).all():
            raise UserError(
                f"The outputs of {self.trained.path} are not finite; give another ckpt."
            )
        return self.calibrated(logits.softmax(dim=1).cpu().numpy())

    def heats(self, images: torch.Tensor, target: int | None) -> list[NDArray[np.float32] | None]:
        """For each of N images its (S, S) heat map in the size that is shown; None without."""
        if self.layer is None:
            return [None] * len(images)
        maps = grad_cam(self.trained.method, self.layer.module, images, target, SHOWN)
        return list(maps.cpu().numpy())

    def shares(self, probabilities: NDArray[np.float64], count: int) -> list[Share]:
        """The most probable classes of (C,) probabilities, in order."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [self.share(probabilities, int(label)) for label in order]

    def share(self, probabilities: NDArray[np.float64], label: int) -> Share:
        """A class with its probability."""
        return Share(self.trained.class_names[label], float(probabilities[label]))


def batches(
    pixels: Sequence[Pixels] | Iterator[Pixels], total: int, device: torch.device, title: str
) -> Iterator[torch.Tensor]:
    """(N, 3, H, W) images on the device, a few at a time, with a progress bar.

    Args:
        pixels: (3, H, W) each.
        total: how many there are.
        device: where to.
        title: of the bar.
    """
    held: list[Pixels] = []
    for number, picture in enumerate(track(pixels, title, total=total), start=1):
        held.append(picture)
        if len(held) == BATCH or number == total:
            yield torch.from_numpy(np.stack(held)).to(device)
            held = []
