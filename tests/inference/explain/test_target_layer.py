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
    settings = {"num_layers": 2, "num_heads": 1, "hidden_dim": 8, "mlp_dim": 8}
    return VisionTransformer(image_size=16, patch_size=4, **settings).eval()


def test_a_layer_is_taken_by_its_name(resnet):
    layer = find_layer(resnet, "layer3.1.conv2", 64, "resnet18")
    assert layer.module is resnet.backbone.layer3[1].conv2
    assert (layer.height, layer.width) == (4, 4)


@pytest.mark.parametrize(("side", "positions"), [(56, 7), (32, 8), (16, 8), (8, 4), (4, 2)])
def test_auto_is_the_last_map_of_7_else_of_4_else_of_2_positions_along_a_side(side, positions):
    halving = [nn.Conv2d(width, 4, 3, stride=2, padding=1) for width in (3, 4, 4)]
    encoder = nn.Sequential(*halving, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    layer = find_layer(encoder, "auto", side, "halving")
    assert (layer.height, layer.width) == (positions, positions)
    sides = [side // 2, side // 4, side // 8]
    assert layer.name == str(sides.index(positions))


def test_a_branch_is_no_layer_of_all_features(shufflenet):
    layer = find_layer(shufflenet, "auto", 16, "shufflenet_v2_x0_5")
    assert (layer.name, layer.height) == ("conv1", 8)


def test_pooling_is_no_map_though_it_has_positions():
    """Backbone that pools to more positions than there were, as VGG does."""
    features = nn.Sequential(nn.Conv2d(3, 4, 3, stride=8, padding=1), nn.ReLU())
    encoder = nn.Sequential(features, nn.AdaptiveAvgPool2d(7), nn.Flatten())
    layer = find_layer(encoder, "auto", 16, "vgg11")
    assert (layer.name, layer.height) == ("0", 2)


def test_no_hook_stays(resnet):
    find_layer(resnet, "auto", 64, "resnet18")
    assert not any(module._forward_hooks for module in resnet.modules())


def test_a_vit_has_tokens_before_its_last_attention():
    layer = find_layer(vit(), "auto", 16, "vit_b_16")
    assert (layer.name, layer.height) == ("encoder.layers.encoder_layer_1.ln_1", 4)
    tokens = torch.arange(17.0)[None, :, None].expand(2, 17, 3)
    torch.testing.assert_close(layer.positions(tokens)[1, 2], torch.arange(1.0, 17).view(4, 4))


def test_its_patches_may_still_be_named():
    assert find_layer(vit(), "conv_proj", 16, "vit_b_16").height == 4


def test_channels_may_come_last():
    swin = SwinTransformer([2, 2], 8, [1, 1], [1, 1], [2, 2]).eval()
    swin.head = nn.Identity()
    assert find_layer(swin, "auto", 28, "swin_t").name == "permute"
    first, last = (find_layer(swin, name, 28, "swin_t") for name in ("permute", "norm"))
    seen: dict[str, torch.Tensor] = {}
    for layer in (first, last):
        layer.module.register_forward_hook(
            lambda module, inputs, output, name=layer.name: seen.update({name: output})
        )
    swin(torch.rand(2, 3, 28, 28))
    assert seen["norm"].shape == (2, 7, 7, 16)
    assert torch.equal(first.positions(seen["permute"]), last.positions(seen["norm"]))


def test_tokens_that_are_fewer_than_the_patches_are_refused(refusal):
    class Fewer(nn.Module):
        """Average pairs of tokens, so that their places are not known."""

        def forward(self, maps):
            return maps.flatten(2).mT.unflatten(1, (-1, 2)).mean(dim=2)

    merging = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), Fewer(), nn.Flatten())
    refusal(
        lambda: find_layer(merging, "auto", 16, "merging"), "encoder.name=merging", "layer=none"
    )


@pytest.mark.parametrize(("side", "positions"), [(224, 7), (128, 8), (96, 12)])
def test_lite0_has_at_least_seven_positions_along_a_side(side, positions):
    encoder = Encoder("efficientnet_lite0", image_size=side, mean=[0.5] * 3, std=[0.2] * 3).eval()
    assert find_layer(encoder, "auto", side, "efficientnet_lite0").height == positions


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
