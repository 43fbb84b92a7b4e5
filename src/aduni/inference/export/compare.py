"""Does an exported file compute what its checkpoint does?"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from aduni.data.cache.decode import ALL_BITS
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.export.exported_graph import Pixels, Probabilities
from aduni.inference.images import image_files, read_image

COUNT = 32
"""Images that both are given."""

TOLERANCE = 1e-4
"""Largest accepted difference of a probability."""


def check_images(sources: Sequence[str] | None, side: int, bits: int = ALL_BITS) -> Pixels:
    """(n, 3, side, side) pixels, n = 32 or as many as there are.

    Args:
        sources: files and folders, of whose images every k-th is taken; None for made ones, of
            which half are noise and half are smooth, as photographs are.
        side: in pixels.
        bits: of the grey levels that 16-bit files hold.

    Raises:
        UserError: there is no image, or one is damaged.
    """
    if sources is not None:
        files = image_files(sources)
        chosen = files[:: -(-len(files) // COUNT)]
        return np.stack([read_image(file, side, bits) for file in chosen])
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(COUNT // 2, 3, side, side, generator=random)
    coarse = torch.rand(COUNT // 2, 3, 4, 4, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    pixels: Pixels = (torch.cat([noise, smooth]) * 255).round().byte().numpy()
    return pixels


def original_probabilities(trained: TrainedModel, images: Pixels) -> NDArray[np.float64]:
    """(n, C) calibrated probabilities, as predict.py and the calibration give them.

    Raises:
        UserError: they are not finite.
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
    """Between the file's probabilities and the expected ones, in batches of 1, 3 and the rest.

    Args:
        run: what the file computes.
        images: (n, 3, H, W).
        expected: (n, C).
    """
    batches = [batch for batch in np.split(images, [1, 4]) if len(batch)]
    found = np.concatenate([run(batch) for batch in batches])
    return float(np.abs(found - expected).max())
