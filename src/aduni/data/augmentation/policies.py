"""Augmentation policies of torchvision as albumentations transforms, for `dataset.augment`."""

import random
from typing import Annotated, Any

import albumentations as A
import numpy as np
import torch
from PIL import Image
from pydantic import Field, PositiveInt
from torch import nn
from torchvision.transforms import v2

from aduni.data.augmentation.transforms import Probability
from aduni.data.cache.image_cache import Pixels

Magnitude = Annotated[int, Field(ge=0, le=30)]


class Policy(A.ImageOnlyTransform):  # type: ignore[misc]  # no types
    """Apply a torchvision policy, whose random numbers follow from the transform's own.

    Args:
        policy: transform of PIL images that draws from torch's generator.
        p: probability that an image is transformed.
    """

    py_random: random.Random

    def __init__(self, policy: nn.Module, p: float) -> None:
        super().__init__(p=p)
        self._policy = policy

    def get_params(self) -> dict[str, Any]:
        """Draw the seed of the policy's random numbers."""
        return {"policy_seed": self.py_random.getrandbits(32)}

    def apply(self, img: Pixels, policy_seed: int, **params: Any) -> Pixels:
        """Return the transformed (H, W, 3) uint8 image; torch's generators stay as they are."""
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(policy_seed)  # of the CPU alone
        try:
            return np.asarray(self._policy(Image.fromarray(img)))
        finally:
            torch.default_generator.set_state(state)


class RandAugment(Policy):
    """Apply operations drawn from a list of 14, all of one strength (Cubuk et al. 2020).

    Args:
        operations: operations on each image.
        magnitude: strength from 0 to 30.
        p: probability that an image is transformed.
    """

    def __init__(
        self, *, operations: PositiveInt = 2, magnitude: Magnitude = 9, p: Probability = 1.0
    ) -> None:
        super().__init__(v2.RandAugment(operations, magnitude), p)


class TrivialAugment(Policy):
    """Apply one operation drawn from a list of 14, of a random strength (Müller and Hutter 2021).

    Args:
        p: probability that an image is transformed.
    """

    def __init__(self, *, p: Probability = 1.0) -> None:
        super().__init__(v2.TrivialAugmentWide(), p)
