"""The number of images that folds need, and the settings for which those there are suffice."""

import math


def needed_images(folds: int, parts: int) -> int:
    """Count the images of a class that fill k folds, and then all parts of the training folds.

    The validation part is 1/`parts` of the training folds; `parts` is 0 without one.
    """
    # The largest test fold has ceil(n / folds) of n images; the rest must be `parts` or more.
    return max(folds, math.ceil(parts * folds / (folds - 1)))


def suggest_settings(available: int, folds: int, parts: int) -> str | None:
    """Return the nearest settings for which the images of a class suffice, if there are any."""
    for fewer in range(folds, 1, -1):
        for k in range(parts, 1, -1) if parts else [0]:
            if needed_images(fewer, k) <= available:
                settings = [f"protocol.folds={fewer}"] if fewer < folds else []
                if k < parts:
                    settings.append(f"protocol.validation_fraction={1 / k:.4g}")
                return " ".join(settings)
    return None
