"""Read the checkpoint to export, and compare what was exported with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aduni.data.cache.decode import ALL_BITS
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel, load_trained
from aduni.inference.export.export_settings import ExportSettings
from aduni.inference.export.exported_graph import ExportedModel, Pixels, Probabilities
from aduni.inference.export.metadata import describe
from aduni.inference.images import image_files, read_image
from aduni.models.adaptation import merge_lora
from aduni.results.find_checkpoint import find_checkpoint

MAX_IMAGES = 32

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Source:
    """A checkpoint's model, its description, and images with the checkpoint's probabilities."""

    trained: TrainedModel
    model: ExportedModel
    description: dict[str, Any]
    images: Pixels
    expected: NDArray[np.float64]


def read_source(settings: ExportSettings) -> Source:
    """Load the checkpoint, and compute its probabilities before its model is changed."""
    trained = load_trained(find_checkpoint(settings.ckpt), settings.trust)
    images = check_images(settings.images, *trained.input_format)
    expected = original_probabilities(trained, images)
    _merge_lora(trained)
    description = describe(trained)
    model = ExportedModel(trained.method, description["temperature"] or 1.0, trained.image_size)
    return Source(trained, model, description, images, expected)


def compare(
    run: Callable[[Pixels], Probabilities], source: Source, settings: ExportSettings
) -> str:
    """Return a sentence on how well an export agrees; raise UserError if it does not."""
    difference = largest_difference(run, source.images, source.expected)
    if not difference <= TOLERANCE:
        raise UserError(
            f"{settings.output} was not kept: its probabilities differ from those of "
            f"{settings.ckpt} by up to {difference:.2g}; use another format, or another encoder."
        )
    return (
        f"{len(source.images)} images agree to {difference:.1g}, the largest difference of a "
        "probability."
    )


def _merge_lora(trained: TrainedModel) -> None:
    """Add the low-rank matrices to the weights, so that the file is that of a plain model."""
    if trained.settings.encoder.get("adaptation") == "lora":
        merge_lora(trained.method)
        trained.settings.encoder["adaptation"] = "full"


def check_images(sources: Sequence[str] | None, side: int, bits: int = ALL_BITS) -> Pixels:
    """Return at most 32 images, (n, 3, side, side), to compare on.

    Of the files in `sources` every k-th is taken; without them, images are random, half of them
    noise and half smooth, as photographs are.
    """
    if sources is not None:
        files = image_files(sources)
        chosen = files[:: -(-len(files) // MAX_IMAGES)]
        return np.stack([read_image(file, side, bits) for file in chosen])
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(MAX_IMAGES // 2, 3, side, side, generator=random)
    coarse = torch.rand(MAX_IMAGES // 2, 3, 4, 4, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    return np.asarray((torch.cat([noise, smooth]) * 255).round().byte())


def original_probabilities(trained: TrainedModel, images: Pixels) -> NDArray[np.float64]:
    """Return the checkpoint's (n, C) calibrated probabilities, as predict.py computes them."""
    with torch.inference_mode():
        logits = trained.method(torch.from_numpy(images)).double()
    if not torch.isfinite(logits).all():
        raise UserError(f"The outputs of {trained.path} are not finite; lower lr and train again.")
    probabilities: NDArray[np.float64] = logits.softmax(dim=1).numpy()
    return trained.calibrated(probabilities)


def largest_difference(
    run: Callable[[Pixels], Probabilities], images: Pixels, expected: NDArray[np.float64]
) -> float:
    """Return the largest difference of a probability, over batches of 1, 3 and all other images."""
    batches = [batch for batch in np.split(images, [1, 4]) if len(batch)]
    probabilities = np.concatenate([run(batch) for batch in batches])
    return float(np.abs(probabilities - expected).max())
