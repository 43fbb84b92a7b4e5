"""Compare the encoder with torchvision's backbones; test its stems for small images."""

from collections.abc import Iterator
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.transforms.functional import normalize

from aduni.errors import UserError
from aduni.models.backbones import torchvision as backbones
from aduni.models.encoder import Encoder

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: convolutions of two images are slower on many threads of a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_encoder(image_size: int = 32, **options: Any) -> Encoder:
    torch.manual_seed(0)
    return Encoder(image_size=image_size, **{"mean": MEAN, "std": STD} | options)


def make_encoder_unless_refused(image_size: int, name: str) -> Encoder | None:
    try:
        return make_encoder(image_size, name=name)
    except UserError:
        return None


def make_images(size: int, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator).byte()


def first_layers(encoder: Encoder) -> tuple[Any, Any]:
    backbone: Any = encoder.backbone
    return backbone.conv1, backbone.maxpool


def side_after_stem(encoder: Encoder, size: int) -> int:
    """Return the side of the feature map that enters the first residual block."""
    seen = []
    backbone: Any = encoder.backbone
    backbone.layer1.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[-1]))
    encoder.eval()(make_images(size))
    return int(seen[0])


@pytest.mark.parametrize(
    ("image_size", "kernel", "stride", "side"),
    [(16, 3, 1, 16), (31, 3, 1, 31), (32, 3, 2, 16), (63, 3, 2, 32), (64, 7, 2, 16)],
)
def test_small_images_keep_their_detail_in_the_stem(image_size, kernel, stride, side):
    encoder = make_encoder(image_size)
    conv, pool = first_layers(encoder)

    assert (conv.kernel_size, conv.stride) == ((kernel, kernel), (stride, stride))
    assert conv.padding == (kernel // 2, kernel // 2)
    assert conv.bias is None
    assert isinstance(pool, nn.MaxPool2d if image_size == 64 else nn.Identity)
    assert side_after_stem(encoder, image_size) == side
    assert encoder(make_images(image_size)).shape == (2, 512)
    assert encoder.features == 512


@pytest.mark.parametrize(
    ("stem", "image_size", "kernel"), [("standard", 32, 7), ("small", 64, 3), ("small", 224, 3)]
)
def test_a_named_stem_is_taken_at_every_size(stem, image_size, kernel):
    conv, pool = first_layers(make_encoder(image_size, stem=stem))

    assert conv.kernel_size == (kernel, kernel)
    assert isinstance(pool, nn.MaxPool2d if stem == "standard" else nn.Identity)


def test_the_small_stem_starts_as_the_other_convolutions_do():
    # Kaiming, fan out: variance 2 / (64 * 9).
    conv, _ = first_layers(make_encoder(32))

    assert conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)


def test_resnet18_with_the_standard_stem_is_torchvisions_before_its_classifier():
    reference = models.resnet18(weights=None)
    encoder = make_encoder(224)
    missing, unexpected = encoder.backbone.load_state_dict(reference.state_dict(), strict=False)
    reference.fc = nn.Identity()
    images = make_images(224)
    expected = reference.eval()(normalize(images / 255, MEAN, STD))

    features = encoder.eval()(images)

    assert missing == []
    assert unexpected == ["fc.weight", "fc.bias"]
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)


def test_pixels_are_normalised_per_channel():
    encoder = make_encoder(16, mean=[0.1, 0.2, 0.3], std=[0.5, 0.25, 2.0])
    encoder.backbone = nn.Identity()
    images = torch.full((1, 3, 16, 16), 51, dtype=torch.uint8)  # a fifth of 255

    normalised = encoder(images)

    assert normalised.dtype == torch.float32
    for channel, value in enumerate([0.2, 0.0, -0.05]):
        torch.testing.assert_close(normalised[0, channel], torch.full((16, 16), value))


def test_bytes_and_floats_from_0_to_255_give_the_same_features():
    encoder = make_encoder(32).eval()
    images = make_images(32)

    assert torch.equal(encoder(images), encoder(images.float()))


def test_normalisation_travels_with_the_weights():
    encoder = make_encoder(16, mean=[0.1, 0.2, 0.3], std=[0.5, 0.25, 2.0])
    other = make_encoder(16)
    images = make_images(16)

    other.load_state_dict(encoder.state_dict())

    assert torch.equal(other.eval()(images), encoder.eval()(images))


def test_a_new_encoder_is_in_training_mode_and_untouched():
    encoder = make_encoder(32)

    assert encoder.training
    assert encoder.backbone.training
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    # Counting the features must not have moved the statistics.
    assert int(encoder.state_dict()["backbone.bn1.num_batches_tracked"]) == 0


@pytest.mark.parametrize(
    ("name", "image_size", "features"),
    [
        ("mobilenet_v3_small", 32, 576),
        ("shufflenet_v2_x0_5", 32, 1024),
        ("resnet50", 32, 2048),
        ("efficientnet_b0", 64, 1280),
        ("vit_b_16", 32, 768),
    ],
)
def test_other_backbones_train_on_pooled_features(name, image_size, features):
    encoder = make_encoder(image_size, name=name).train()

    assert encoder.features == features
    assert encoder(make_images(image_size)).shape == (2, features)


@pytest.mark.parametrize(
    ("name", "image_size", "features"),
    [
        ("convnext_tiny", 32, 768),  # normalises and flattens within its classifier
        ("googlenet", 64, 1024),  # has further classifiers, in training only
        ("squeezenet1_1", 64, 512),  # pools within its classifier
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_backbones_of_another_build_are_refused_or_train_on_pooled_features(
    name, image_size, features
):
    encoder = make_encoder_unless_refused(image_size, name=name)

    if encoder is not None:
        assert encoder.features == features
        assert encoder.train()(make_images(image_size)).shape == (2, features)


def test_other_backbones_keep_their_own_stem_at_small_sizes():
    encoder = make_encoder(32, name="mobilenet_v3_small")
    reference = models.mobilenet_v3_small(weights=None)
    reference.classifier = nn.Identity()

    shapes = [parameter.shape for parameter in encoder.parameters()]

    assert shapes == [parameter.shape for parameter in reference.parameters()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet81"}, r"resnet81 .*did you mean resnet18"),
        ({"name": "fcn_resnet50"}, "fcn_resnet50 is not a torchvision classification backbone"),
        ({"name": "mobilenet_v3_small", "stem": "small"}, "mobilenet_v3_small.*stem=standard"),
        ({"image_size": 15}, "image_size=15 is too small; use 16 or more"),
        (
            {"weights": "IMAGENET"},
            "IMAGENET does not exist for resnet18; choose one of IMAGENET1K_V1",
        ),
        (
            {"name": "vit_b_16", "image_size": 40},
            "multiple of 16 pixels, not of dataset.image_size=40; use 32 or 48",
        ),
        ({"name": "alexnet"}, "alexnet cannot take images of dataset.image_size=32 pixels"),
    ],
)
def test_what_cannot_be_built_is_named(options, message):
    with pytest.raises(UserError, match=message):
        make_encoder(**options)


@pytest.mark.parametrize("stem", ["auto", "standard"])
def test_a_new_first_layer_on_pretrained_ones_is_said(stem, monkeypatch, capsys):
    published = models.resnet18(weights=None)
    monkeypatch.setattr(backbones, "load_pretrained", lambda name, weights: published)

    make_encoder(32, weights="DEFAULT", stem=stem)

    said = capsys.readouterr().err
    assert ("encoder.stem=standard keeps the pretrained one" in said) == (stem == "auto")


def test_weights_that_cannot_be_fetched_are_named(monkeypatch):
    def no_network(*args: Any, **kwargs: Any) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(models, "get_model", no_network)

    with pytest.raises(UserError, match=r"weights DEFAULT of resnet18 .*no route to host.*null"):
        make_encoder(weights="DEFAULT")


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
@pytest.mark.parametrize("adaptation", ["full", "norm_bias", "frozen"])
def test_only_what_is_adapted_learns(name, adaptation):
    encoder = make_encoder(64, name=name, adaptation=adaptation, stem="standard").train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    learning = [values for values in encoder.parameters() if values.requires_grad]
    if learning:
        optimizer = torch.optim.SGD(learning, lr=0.1)
        encoder(make_images(64, 4)).square().sum().backward()
        optimizer.step()
    else:
        encoder(make_images(64, 4))
    changed = {
        key for key, value in encoder.state_dict().items() if not torch.equal(before[key], value)
    }

    convolutions = {key for key, value in before.items() if value.ndim == 4 and key != "mean"}
    if adaptation == "frozen":
        assert not changed
    elif adaptation == "norm_bias":
        assert changed
        assert not changed & convolutions
    else:
        assert changed & convolutions
