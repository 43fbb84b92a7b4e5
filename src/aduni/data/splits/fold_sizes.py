"""How many images of a class folds need, and which folds so few images are enough for."""

import math


def needed_images(folds: int, parts: int) -> int:
    """Count the images of a class that fill all folds, and then all parts of the training folds.

    Args:
        folds: k of the cross-validation.
        parts: of so many parts of the training folds one is the validation part; 0 without one.
    """
    # The largest test fold has ceil(n / folds) of n; the rest are to reach `parts`.
    return max(folds, math.ceil(parts * folds / (folds - 1)))


def settings_for(available: int, folds: int, parts: int) -> str | None:
    """Name the settings nearest to these for which so few images of a class are enough.

    Args:
        available: images of the class.
        folds: that are too many.
        parts: as for `needed_images`.

    Returns:
        Keys with their values; None where no folds can be made.
    """
    for fewer in range(folds, 1, -1):
        for k in range(parts, 1, -1) if parts else [0]:
            if needed_images(fewer, k) <= available:
                lower = [f"protocol.folds={fewer}"] if fewer < folds else []
                more = [f"protocol.validation_fraction={1 / k:.4g}"] if k < parts else []
                return " ".join(lower + more)
    return None
