"""Compare the probabilities of an exported file with those of its checkpoint."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from aduni.data.cache.decode import ALL_BITS
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.export.exported_graph import Pixels, Probabilities
from aduni.inference.images import image_files, read_image

MAX_IMAGES = 32

TOLERANCE = 1e-4
"""Largest accepted difference of a probability."""


def check_images(sources: Sequence[str] | None, side: int, bits: int = ALL_BITS) -> Pixels:
    """Return (n, 3, side, side) pixels to compare on, n <= 32.

    Args:
        sources: files and folders, of which every k-th image is taken; None for random images,
            half of them noise and half smooth, as photographs are.
        side: side of the images, pixels.
        bits: bits of the grey levels in 16-bit files.

    Raises:
        UserError: if there is no image, or one is damaged.
    """
    if sources is not None:
        files = image_files(sources)
        chosen = files[:: -(-len(files) // MAX_IMAGES)]
        return np.stack([read_image(file, side, bits) for file in chosen])
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(MAX_IMAGES // 2, 3, side, side, generator=random)
    coarse = torch.rand(MAX_IMAGES // 2, 3, 4, 4, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    pixels: Pixels = (torch.cat([noise, smooth]) * 255).round().byte().numpy()
    return pixels


def original_probabilities(trained: TrainedModel, images: Pixels) -> NDArray[np.float64]:
    """Return the checkpoint's (n, C) calibrated probabilities, as predict.py computes them.

    Raises:
        UserError: if the outputs are not finite.
    """
    with torch.inference_mode():
        logits = trained.method(torch.from_numpy(images)).double()
    if not torch.isfinite(logits).all():
        raise UserError(f"The outputs of {trained.path} are not finite; lower lr and train again.")
    probabilities: NDArray[np.float64] = logits.softmax(dim=1).numpy()
    calibration = trained.calibration
    return probabilities if calibration is None else calibration.probabilities(probabilities)


def largest_difference(
    run: Callable[[Pixels], Probabilities], images: Pixels, expected: NDArray[np.float64]
) -> float:
    """Return the largest difference from the expected probabilities.

    The exported model is run on batches of 1, 3 and the remaining images.

    Args:
        run: exported model.
        images: (n, 3, H, W) pixels.
        expected: (n, C) probabilities of the checkpoint.
    """
    batches = [batch for batch in np.split(images, [1, 4]) if len(batch)]
    probabilities = np.concatenate([run(batch) for batch in batches])
    return float(np.abs(probabilities - expected).max())
