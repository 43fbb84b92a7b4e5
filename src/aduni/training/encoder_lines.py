"""Say which encoder is trained, from which weights, and where a recipe does not suit them."""

import time
from collections.abc import Iterator

import torch

from aduni.config.schema import Settings
from aduni.models.backbones import describe_weights
from aduni.models.encoder import Encoder

FROM_SCRATCH = ("paper", "scratch", "digits")
"""Recipes whose rates suit random weights."""
FINETUNE_EPOCHS = 12
"""Epochs of recipe=finetune."""
TIMED_IMAGES = 8
STEP_TO_FORWARD = 3
"""Time of a training step over that of its forward pass: backward takes about twice as long."""


def describe_encoder(
    settings: Settings, encoder: Encoder, images: tuple[int, int], *, is_timed: bool
) -> str:
    """Return the encoder's weights and what is trained of it.

    Args:
        images: numbers of all images, and of those of the training part.
        is_timed: whether to measure on this machine, and to say, how long the extraction of a
            frozen encoder's features takes, and the training of all weights.
    """
    options = settings.encoder
    words = [describe_weights(options["name"], options["weights"])]
    if options.get("adaptation", "full") != "full":
        words.append(options["adaptation"])
    if not encoder.is_frozen:
        return ", ".join(words)
    draws = encoder.feature_views
    seen = f"{draws} augmented draws of each image" if draws else "the unaugmented images"
    extraction = training = ""
    if is_timed:
        seconds = _seconds_of_forward(encoder, options["image_size"])
        extraction = f", extracted in {_minutes(images[0] * (1 + draws) * seconds)} on this machine"
        steps = FINETUNE_EPOCHS * images[1] * STEP_TO_FORWARD
        training = f" in {_minutes(steps * seconds)}"
    return (
        f"{', '.join(words)}, heads are trained on features of {seen}{extraction}; recipe=finetune "
        f"trains all weights{training}, recipe=scratch begins with random ones"
    )


def _minutes(seconds: float) -> str:
    return f"about {max(seconds / 60, 0.1):.1f} min"


@torch.inference_mode()
def _seconds_of_forward(encoder: Encoder, size: int) -> float:
    """Measure the seconds that a forward pass takes for each image."""
    pixels = torch.zeros(TIMED_IMAGES, 3, size, size, dtype=torch.uint8)
    pixels = pixels.to(memory_format=torch.channels_last)
    seconds = []
    for _ in range(3):  # the first warms up
        start = time.perf_counter()
        encoder.eval()(pixels)
        seconds.append(time.perf_counter() - start)
    return min(seconds) / TIMED_IMAGES


def warnings_of_recipe(settings: Settings) -> Iterator[str]:
    """Yield a sentence where what is trained does not suit the encoder's weights."""
    encoder, recipe = settings.encoder, settings.names.recipe
    if encoder["weights"] is None and encoder.get("adaptation") == "frozen":
        yield (
            f"The frozen encoder {encoder['name']} has random weights: set encoder.weights, or "
            "recipe=scratch."
        )
    if encoder.get("adaptation") == "frozen" and encoder.get("layer_decay", 1) != 1:
        yield (
            f"encoder.layer_decay={encoder['layer_decay']} changes nothing, as the encoder is "
            "frozen: leave it out, or set recipe=finetune."
        )
    if encoder["weights"] is not None and recipe in FROM_SCRATCH:
        yield (
            f"recipe={recipe} is made for random weights, and would undo those of "
            f"{encoder['name']}: set recipe=finetune or recipe=frozen."
        )
