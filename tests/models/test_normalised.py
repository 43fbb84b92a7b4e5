"""Test that normalising by rows equals the formula to the bit, and leaves its input unchanged."""

import pytest
import torch

from aduni.models.encoder import Encoder

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(("height", "side"), [(32, 32), (127, 127), (128, 128), (130, 150)])
def test_pixels_are_the_formulas(dtype, channels_last, height, side):
    encoder = Encoder("squeezenet1_1", image_size=side, mean=MEAN, std=STD)
    generator = torch.Generator().manual_seed(side)
    images = torch.randint(256, (3, 3, height, side), generator=generator).to(dtype)
    if channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    before = images.clone()
    mean, std = (255 * torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))

    found = encoder.normalised(images)

    assert torch.equal(found, (images.float() - mean) / std)
    assert torch.equal(images, before)
    last = side >= 128
    assert found.is_contiguous(memory_format=torch.channels_last) == last
    assert found.is_contiguous() != last


def test_gradients_reach_the_images():
    encoder = Encoder("squeezenet1_1", image_size=128, mean=MEAN, std=STD)
    images = torch.rand(2, 3, 128, 128, requires_grad=True)

    encoder.normalised(images).sum().backward()

    expected = 1 / (255 * torch.tensor(STD).view(1, 3, 1, 1))
    torch.testing.assert_close(images.grad, expected.expand_as(images))
