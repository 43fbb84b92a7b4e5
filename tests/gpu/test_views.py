"""The views that a GPU makes are those of the CPU."""

import albumentations as A
import numpy as np
import pytest
import torch
from lightning_fabric.utilities.apply_func import move_data_to_device

from aduni.data.augmentation.gpu import augment
from aduni.data.augmentation.gpu.augment import make_views
from aduni.data.augmentation.gpu.from_albumentations import read_recipe
from aduni.data.augmentation.gpu.fused import FusedViews
from aduni.data.augmentation.gpu.parameters import draw_parameters
from aduni.data.augmentation.transforms import FlippedAffine
from own_data import blotches

IMAGES, VIEWS = 16, 2
SHARE = 0.999
"""Of the channels of all pixels, within 1 of 255: a nearest pixel may be that of its neighbour."""


@pytest.fixture(params=["fused", "unfused"])
def kernels(monkeypatch, request):
    """Fuse the views' kernels, or do not."""
    made = {"fused": FusedViews(), "unfused": lambda *_, **__: None}
    monkeypatch.setattr(augment, "FUSED", made[request.param])


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("interpolation", [0, 1], ids=["nearest", "linear"])
@pytest.mark.parametrize("side", [16, 64, 384])
def test_views_are_those_of_the_cpu(device, side, interpolation, caplog):
    affine = FlippedAffine(
        rotate=(-180, 180),
        scale=(0.8, 1.2),
        shear={"x": (0.8, 1.2), "y": (0, 0)},
        horizontal_flip=0.5,
        vertical_flip=0.5,
        interpolation=interpolation,
        p=1,
    )
    jitter = A.ColorJitter((0.8, 1.2), (0.8, 1.2), (0.8, 1.2), (-0.1, 0.1), p=1)
    images = np.stack([np.array(blotches(number, (side, side))) for number in range(IMAGES)])
    rows = np.tile(np.arange(IMAGES), VIEWS)
    numbers = np.repeat(np.arange(VIEWS), IMAGES)
    drawn = draw_parameters(read_recipe([affine, jitter]), 1, rows * 0, rows, numbers, side)
    given = (torch.from_numpy(images), torch.arange(IMAGES), drawn)

    expected = make_views(*given, nearest=interpolation == 0)
    views = make_views(*move_data_to_device(given, device), nearest=interpolation == 0)

    assert not [line for line in caplog.messages if "torch.compile failed" in line]
    assert views.device.type == device.type
    assert views.shape == (VIEWS, IMAGES, 3, side, side)
    difference = (views.cpu().int() - expected.int()).abs()
    assert (difference <= 1).float().mean() >= SHARE
