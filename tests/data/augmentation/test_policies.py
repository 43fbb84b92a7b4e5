"""Test torchvision's policies as transforms of `dataset.augment`."""

import random

import albumentations as A
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from aduni.config.untrusted import read_stored
from aduni.data.augmentation.gpu.from_albumentations import read_recipe
from aduni.data.augmentation.policies import RandAugment, TrivialAugment
from aduni.errors import UserError
from composing import settings_of

IMAGE = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
IMAGE.flags.writeable = False  # as the training's data set passes it


def augment(transform: A.BasicTransform, seed: int) -> np.ndarray:
    transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return transform(image=IMAGE)["image"]


@pytest.mark.parametrize(
    ("own", "policy"),
    [
        (RandAugment(operations=3, magnitude=12), v2.RandAugment(3, 12)),
        (TrivialAugment(), v2.TrivialAugmentWide()),
    ],
)
def test_a_policy_is_torchvisions_with_the_transforms_own_random_numbers(own, policy):
    changed = 0
    for seed in range(30):
        found = augment(own, seed)
        generator = random.Random(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.getrandbits(32))
            expected = np.asarray(policy(Image.fromarray(IMAGE)))

        assert found.dtype == np.uint8
        assert np.array_equal(found, expected)
        assert np.array_equal(found, augment(own, seed))
        changed += not np.array_equal(found, IMAGE)
    assert changed > 15


def test_torchs_random_numbers_are_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    augment(RandAugment(), 5)

    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("policy", [RandAugment(), TrivialAugment()])
def test_a_gpu_path_refuses_them(policy, refusal):
    refusal(lambda: read_recipe([policy]), type(policy).__name__, "use augment=cpu")


def test_values_are_checked_and_stored(tmp_path):
    node = "dataset.augment=[{_target_: aduni.data.RandAugment, operations: 1, magnitude: %s}]"
    settings = settings_of(node % 5)
    assert read_stored(settings.model_dump(), tmp_path, []) == settings
    with pytest.raises(UserError, match=r"magnitude=31 is not valid"):
        settings_of(node % 31)
