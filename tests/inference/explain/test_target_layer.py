"""Selection of the feature map, and the error if there is none."""

import pytest
import torch
from torch import nn
from torchvision.models import SwinTransformer, VisionTransformer

from aduni.inference.explain.grad_cam import find_layer
from aduni.models.encoder import Encoder


@pytest.fixture(scope="module")
def shufflenet() -> Encoder:
    return Encoder("shufflenet_v2_x0_5", image_size=16, mean=[0.5] * 3, std=[0.2] * 3).eval()


@pytest.fixture(scope="module")
def resnet() -> Encoder:
    return Encoder("resnet18", image_size=64, mean=[0.5] * 3, std=[0.2] * 3).eval()


def vit() -> nn.Module:
    settings = {"num_layers": 1, "num_heads": 1, "hidden_dim": 8, "mlp_dim": 8}
    return VisionTransformer(image_size=16, patch_size=4, **settings).eval()


def test_a_layer_is_taken_by_its_name(resnet):
    layer = find_layer(resnet, "layer3.1.conv2", 64, "resnet18")
    assert layer.module is resnet.backbone.layer3[1].conv2
    assert (layer.height, layer.width) == (4, 4)


def test_a_last_map_of_one_position_is_passed_over(shufflenet):
    layer = find_layer(shufflenet, "auto", 16, "shufflenet_v2_x0_5")
    assert (layer.height, layer.width) == (2, 2)
    assert layer.name == "stage2"


def test_pooling_is_no_map_though_it_has_positions():
    """Backbone that pools to more positions than there were, as VGG does."""
    features = nn.Sequential(nn.Conv2d(3, 4, 3, stride=8, padding=1), nn.ReLU())
    encoder = nn.Sequential(features, nn.AdaptiveAvgPool2d(7), nn.Flatten())
    layer = find_layer(encoder, "auto", 16, "vgg11")
    assert (layer.name, layer.height) == ("0", 2)


def test_no_hook_stays(resnet):
    find_layer(resnet, "auto", 64, "resnet18")
    assert not any(module._forward_hooks for module in resnet.modules())


def test_a_vit_has_no_map_at_its_end(refusal):
    words = ("encoder.name=vit_b_16", "no convolutional feature map", "layer=none")
    refusal(lambda: find_layer(vit(), "auto", 16, "vit_b_16"), *words)


def test_its_patches_may_still_be_named():
    assert find_layer(vit(), "conv_proj", 16, "vit_b_16").height == 4


def test_channels_that_come_last_are_not_taken_for_positions(refusal):
    swin = SwinTransformer([2, 2], 8, [1, 1], [1, 1], [2, 2]).eval()
    swin.head = nn.Identity()
    assert find_layer(swin, "auto", 16, "swin_t").name == "permute"
    words = ("layer=features", "1 x 4 x 4 x 16", "layer=auto")
    refusal(lambda: find_layer(swin, "features", 16, "swin_t"), *words)


@pytest.mark.parametrize("name", ["layer9", "lyer4", "", "backbone"])
def test_an_unknown_module_is_named(resnet, refusal, name):
    words = (f"layer={name} ", "encoder.name=resnet18", "choose one of conv1, bn1", "layer4")
    message = refusal(lambda: find_layer(resnet, name, 64, "resnet18"), *words)
    assert ("did you mean layer4?" in message) == (name in ("layer9", "lyer4"))


@pytest.mark.parametrize("name", ["avgpool", "fc"])
def test_a_module_without_positions_is_refused(resnet, refusal, name):
    words = (f"layer={name}", "1 x 512", "choose an earlier layer")
    refusal(lambda: find_layer(resnet, name, 64, "resnet18"), *words)


def test_a_network_without_any_map_is_refused(refusal):
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
    refusal(lambda: find_layer(flat, "auto", 16, "flat"), "encoder.name=flat", "layer=none")
    assert torch.is_inference_mode_enabled() is False
