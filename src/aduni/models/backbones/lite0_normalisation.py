"""Mean and std that EfficientNet-Lite0's weights were trained with, told without torch."""

from aduni.errors import UserError
from aduni.models.backbones import LITE0


def normalisation(name: str, weights: str) -> tuple[list[float], list[float]]:
    """Return mean and std of the installed weights."""
    check_weights(weights)
    return [127 / 255] * 3, [128 / 255] * 3


def check_weights(weights: str | None) -> None:
    """Raise UserError for weights other than those of the installed package."""
    if weights not in (None, "DEFAULT"):
        raise UserError(
            f"encoder.weights={weights} does not exist for {LITE0}; choose DEFAULT, give a file, "
            "or null to train from scratch."
        )
