"""Say which encoder is trained, from which weights, and where a recipe does not suit them."""

import time
from collections.abc import Iterator

import torch

from aduni.config.schema import Settings
from aduni.models.encoder import Encoder

FROM_SCRATCH = ("paper", "scratch", "digits")
"""Recipes whose rates suit random weights."""
TIMED_IMAGES = 8
STEP_TO_FORWARD = 3
"""Time of a training step over that of its forward pass: backward takes about twice as long."""


def describe_encoder(settings: Settings, encoder: Encoder, images: int, *, on_cpu: bool) -> str:
    """Return the encoder's weights and what is trained of it, with the time of training all.

    Args:
        images: number of training images.
        on_cpu: whether the training is on this machine's CPU, where the time is measured.
    """
    options = settings.encoder
    weights = options["weights"]
    words = [f"weights {weights}" if weights else "random weights"]
    adaptation = options.get("adaptation", "full")
    if adaptation != "full":
        words.append(adaptation)
    if encoder.is_frozen and weights:
        draws = encoder.feature_views
        seen = f"{draws} augmented draws of each image" if draws else "the unaugmented images"
        words.append(f"heads are trained on features of {seen}; recipe=finetune trains all weights")
        if on_cpu:
            minutes = images * _seconds_of_step(encoder, options["image_size"]) / 60
            words.append(f"in about {max(minutes, 0.1):.1f} min an epoch on this machine")
    return ", ".join(words)


@torch.inference_mode()
def _seconds_of_step(encoder: Encoder, size: int) -> float:
    """Estimate the seconds that a training step of all weights takes for each image."""
    pixels = torch.zeros(TIMED_IMAGES, 3, size, size, dtype=torch.uint8)
    pixels = pixels.to(memory_format=torch.channels_last)
    seconds = []
    for _ in range(3):  # the first warms up
        start = time.perf_counter()
        encoder.eval()(pixels)
        seconds.append(time.perf_counter() - start)
    return STEP_TO_FORWARD * min(seconds) / TIMED_IMAGES


def warnings_of_recipe(settings: Settings) -> Iterator[str]:
    """Yield a sentence where what is trained does not suit the encoder's weights."""
    encoder, recipe = settings.encoder, settings.names.recipe
    if encoder["weights"] is None and encoder.get("adaptation") == "frozen":
        yield (
            f"The frozen encoder {encoder['name']} has random weights: set encoder.weights, or "
            "recipe=scratch."
        )
    if encoder["weights"] is not None and recipe in FROM_SCRATCH:
        yield (
            f"recipe={recipe} is made for random weights, and would undo those of "
            f"{encoder['name']}: set recipe=finetune or recipe=frozen."
        )
