"""The encoder computes in the memory format of the table."""

import pytest
import torch

from aduni.models.encoder import Encoder


@pytest.mark.parametrize(
    ("name", "image_size", "expected"),
    [
        ("resnet18", 95, torch.contiguous_format),
        ("resnet18", 96, torch.channels_last),
        ("resnet50", 32, torch.contiguous_format),
        ("resnet50", 64, torch.channels_last),
        ("efficientnet_lite0", 32, torch.channels_last),
        ("mobilenet_v3_small", 32, torch.contiguous_format),
    ],
)
def test_images_and_weights_have_the_format_of_the_table(name, image_size, expected):
    encoder = Encoder(name, image_size=image_size, mean=[0.5] * 3, std=[0.5] * 3)
    images = torch.zeros(2, image_size, image_size, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    kernels = [values for values in encoder.backbone.parameters() if values.ndim == 4]

    normalised = encoder.normalised(images)

    assert normalised.is_contiguous(memory_format=expected)
    assert all(values.is_contiguous(memory_format=expected) for values in kernels)


def test_both_formats_give_the_same_features():
    torch.manual_seed(0)
    encoder = Encoder("resnet18", image_size=32, mean=[0.5] * 3, std=[0.5] * 3).eval()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    features = []
    for channels_last in (False, True):
        encoder.set_memory_format(channels_last=channels_last)
        features.append(encoder(images))

    torch.testing.assert_close(*features, rtol=1e-4, atol=1e-5)
