"""Trained model under explanation: its probabilities and heat maps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from aduni.data.module import ImageDataModule
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.explain.grad_cam import BATCH_SIZE, grad_cam
from aduni.inference.explain.page import Share
from aduni.inference.explain.pictures import IMAGE_SIZE, Pixels
from aduni.inference.explain.target_layer import Layer


@dataclass(frozen=True)
class ExplainedModel:
    """A trained model on its device, with what its explanation needs.

    Attributes:
        trained: model, whose method is on the device.
        device: device to compute on.
        layer: layer whose feature map Grad-CAM uses; None for no heat maps.
        data: data set that the model was trained on; None if no image of it is shown.
    """

    trained: TrainedModel
    device: torch.device
    layer: Layer | None
    data: ImageDataModule | None

    def calibrate(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated (n, C) probabilities; unchanged without a calibration."""
        calibration = self.trained.calibration
        return calibration.probabilities(probabilities) if calibration else probabilities

    @torch.inference_mode()
    def probabilities(self, images: torch.Tensor) -> NDArray[np.float64]:
        """Return the calibrated (N, C) probabilities of (N, 3, H, W) images."""
        logits = self.trained.method(images).double()
        if not torch.isfinite(logits).all():
            raise UserError(
                f"The outputs of {self.trained.path} are not finite; give another ckpt."
            )
        return self.calibrate(logits.softmax(dim=1).cpu().numpy())

    def heat_maps(
        self, images: torch.Tensor, target: int | None
    ) -> list[NDArray[np.float32] | None]:
        """Return a map in the size of the page for each of N images, or None for each."""
        if self.layer is None:
            return [None] * len(images)
        maps = grad_cam(self.trained.method, self.layer.module, images, target, IMAGE_SIZE)
        return list(maps.cpu().numpy())

    def shares(self, probabilities: NDArray[np.float64], count: int) -> list[Share]:
        """Return the most probable classes of (C,) probabilities in order."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [self.share(probabilities, int(label)) for label in order]

    def share(self, probabilities: NDArray[np.float64], label: int) -> Share:
        """Return a class with its probability."""
        return Share(self.trained.class_names[label], float(probabilities[label]))


def batches(
    pixels: Iterable[Pixels], total: int, device: torch.device, title: str
) -> Iterator[torch.Tensor]:
    """Yield batches of (N, 3, H, W) images on the device, with a progress bar.

    Args:
        pixels: (3, H, W) images.
        total: number of images.
        device: device of the batches.
        title: title of the progress bar.
    """
    images = iter(track(pixels, title, total=total))
    while batch := list(islice(images, BATCH_SIZE)):
        yield torch.from_numpy(np.stack(batch)).to(device)
