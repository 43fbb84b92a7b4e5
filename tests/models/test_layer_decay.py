"""Compare the layer-wise decay with MAE's formula and with timm's."""

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn
from torchvision import models

from aduni.errors import UserError
from aduni.models.encoder import Encoder
from aduni.models.layer_decay import rate_factors


def published_layer(name: str, layers: int) -> int:
    """Return what `get_layer_id_for_vit` of MAE's and BEiT's released code does."""
    if name in ("cls_token", "pos_embed"):
        return 0
    if name.startswith("patch_embed"):
        return 0
    if name.startswith("blocks"):
        return int(name.split(".")[1]) + 1
    return layers


def named_factors(module: nn.Module, decay: float) -> dict[str, float]:
    factors = rate_factors(module, decay)
    return {name: factors[values] for name, values in module.named_parameters()}


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    return timm.create_model("vit_tiny_patch16_224", img_size=32, depth=12, embed_dim=12)


def test_a_vision_transformer_decays_as_published(vit):
    factors = named_factors(vit, 0.65)

    layers = 12 + 1
    for name, factor in factors.items():
        expected = 1.0
        for _ in range(layers - published_layer(name, layers)):
            expected *= 0.65
        assert factor == pytest.approx(expected, rel=1e-12), name
    assert factors["pos_embed"] == pytest.approx(0.65**13)
    assert factors["blocks.11.mlp.fc1.weight"] == pytest.approx(0.65)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vit"])
def test_timm_has_the_same_factors_but_for_the_last_norm(name, vit):
    network = vit if name == "vit" else timm.create_model(name)
    names = {values: key for key, values in network.named_parameters()}
    published = {
        names[values]: group["lr_scale"]
        for group in param_groups_layer_decay(network, layer_decay=0.7)
        for values in group["params"]
    }

    ours = named_factors(network, 0.7)

    assert published.keys() == ours.keys()
    different = {key for key, factor in ours.items() if factor != pytest.approx(published[key])}
    assert different == ({"norm.weight", "norm.bias"} if name == "vit" else set())


def test_torchvisions_transformer_counts_its_encoder_layers():
    network = models.VisionTransformer(32, 8, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=8)

    factors = named_factors(network, 0.5)

    assert factors["class_token"] == factors["conv_proj.weight"] == 0.5**4
    assert factors["encoder.pos_embedding"] == 0.5**4
    for layer in range(3):
        own = {f for name, f in factors.items() if f"encoder_layer_{layer}." in name}
        assert own == {0.5 ** (3 - layer)}
    assert factors["encoder.ln.weight"] == factors["heads.head.weight"] == 1


def test_parameters_between_two_blocks_belong_to_the_one_before():
    network = nn.ModuleDict(
        {
            "stem": nn.Linear(1, 1),
            "layers": nn.ModuleList([nn.ModuleList([nn.Linear(1, 1)]), nn.Linear(1, 1)]),
            "between": nn.Linear(1, 1),
            "later": nn.ModuleList([nn.Linear(1, 1)]),
            "norm": nn.LayerNorm(1),
        }
    )

    weights = {k: f for k, f in named_factors(network, 0.5).items() if k.endswith("weight")}

    assert weights == {
        "stem.weight": 0.5**4,
        "layers.0.0.weight": 0.5**3,
        "layers.1.weight": 0.5**2,
        "between.weight": 0.5**2,
        "later.0.weight": 0.5,
        "norm.weight": 1,
    }


def test_an_encoder_without_numbered_blocks_is_refused():
    options = {"image_size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}
    with pytest.raises(UserError, match=r"layer_decay needs numbered blocks.*layer_decay=1"):
        Encoder("densenet121", layer_decay=0.7, **options)

    assert Encoder("densenet121", **options).rate_factors() == {}


def test_every_weight_of_an_encoder_has_a_factor_and_no_other_module_does():
    torch.manual_seed(0)
    encoder = Encoder(
        "efficientnet_lite0", layer_decay=0.9, image_size=32, mean=[0.5] * 3, std=[0.5] * 3
    )

    factors = encoder.rate_factors()

    assert set(factors) == set(encoder.backbone.parameters())
    blocks = {name.split(".")[0] for name, _ in encoder.backbone.named_parameters()}
    assert min(factors.values()) == pytest.approx(0.9 ** len(blocks))
    assert max(factors.values()) == pytest.approx(0.9)
