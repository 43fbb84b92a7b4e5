"""Trained model under explanation: its probabilities and heat maps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from aduni.data.image_data import ImageData
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.explain.grad_cam import BATCH_SIZE, Layer, grad_cam
from aduni.inference.explain.page import IMAGE_SIZE, Pixels, Share


@dataclass(frozen=True)
class ExplainedModel:
    """A trained model on its device; Grad-CAM's layer and the data set are None if not needed."""

    trained: TrainedModel
    device: torch.device
    layer: Layer | None
    data: ImageData | None

    def heat_maps(
        self, images: torch.Tensor, target: int | None
    ) -> list[NDArray[np.float32] | None]:
        """Return a map in the size of the page for each of N images, or None for each."""
        if self.layer is None:
            return [None] * len(images)
        maps = grad_cam(self.trained.method, self.layer, images, target, IMAGE_SIZE)
        return list(maps.cpu().numpy())

    def shares(self, probabilities: NDArray[np.float64], count: int) -> list[Share]:
        """Return the most probable classes of (C,) probabilities in order."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [self.share(probabilities, int(label)) for label in order]

    def share(self, probabilities: NDArray[np.float64], label: int) -> Share:
        return Share(self.trained.class_names[label], float(probabilities[label]))


def batches(
    pixels: Iterable[Pixels], total: int, device: torch.device, title: str
) -> Iterator[torch.Tensor]:
    """Yield batches of (N, 3, H, W) images on the device, with a progress bar."""
    images = iter(track(pixels, title, total=total))
    while batch := list(islice(images, BATCH_SIZE)):
        yield torch.from_numpy(np.stack(batch)).to(device)
