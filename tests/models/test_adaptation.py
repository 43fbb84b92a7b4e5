"""Compare low-rank adaptation with its formula, and refuse backbones that it cannot change."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from aduni.errors import UserError
from aduni.models.adaptation import adapt, merge_lora
from aduni.models.encoder import Encoder
from aduni.models.memory import MomentumCopy

EXAMPLE = torch.zeros(1, 3, 16, 16)


def of_timm() -> nn.Module:
    options = {"img_size": 16, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
    return timm.models.VisionTransformer(num_classes=0, **options)


def of_torchvision() -> nn.Module:
    vit = models.VisionTransformer(16, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32)
    vit.heads = nn.Identity()
    return vit


def original_name(name: str) -> str:
    return name.replace(".base_layer", "")


def train(network: nn.Module, steps: int = 3) -> None:
    learning = [values for values in network.parameters() if values.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=0.01, fused=True)
    for _ in range(steps):
        images = torch.randn(4, 3, 16, 16).to(learning[0])
        network(images).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


both = pytest.mark.parametrize("build", [of_timm, of_torchvision])


@both
def test_low_rank_matrices_are_all_that_learns_and_begin_at_zero(build: Callable[[], nn.Module]):
    torch.manual_seed(0)
    network = build().eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = torch.randn(4, 3, 16, 16)
    expected = network(images)

    adapt(network, "lora", EXAMPLE, "vit")
    torch.testing.assert_close(network(images), expected)
    train(network)

    after = {original_name(name): value for name, value in network.state_dict().items()}
    added = {name for name in after if ".lora_" in name}
    assert {name for name, _ in network.named_parameters() if ".lora_" in name} == {
        name for name, values in network.named_parameters() if values.requires_grad
    }
    assert len(added) == 2 * 2  # two matrices for each of two blocks
    assert after.keys() - added == before.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not torch.allclose(network(images), expected)


@both
def test_merged_weights_are_those_of_the_formula_and_give_the_same_features(build):
    torch.manual_seed(0)
    network = build().double().eval()
    plain = copy.deepcopy(network)
    adapt(network, "lora", EXAMPLE.double(), "vit")
    train(network.double())
    images = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    features = network(images)
    state = network.state_dict()
    known = {key: value.clone() for key, value in plain.state_dict().items()}
    for name in [key for key in state if ".lora_A." in key]:
        a, b = state[name], state[name.replace("lora_A", "lora_B")]
        attention = name.split(".lora_A")[0]
        weight = known.get(f"{attention}.weight", known.get(f"{attention}.in_proj_weight"))
        for row in range(b.shape[0]):
            for column in range(a.shape[1]):
                for rank in range(8):
                    weight[row, column] += 16 / 8 * b[row, rank] * a[rank, column]

    merge_lora(network)

    merged = network.state_dict()
    assert merged.keys() == known.keys()
    for name, value in known.items():
        torch.testing.assert_close(merged[name], value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(network(images), features)
    plain.load_state_dict(merged)
    torch.testing.assert_close(plain(images), features)


@both
def test_a_momentum_copy_follows_each_matrix(build):
    torch.manual_seed(0)
    network = build()
    adapt(network, "lora", EXAMPLE, "vit")
    keys = MomentumCopy(network, 0.75)
    train(network)
    before = {name: values.clone() for name, values in keys.model.named_parameters()}

    keys.update_from(network)

    own = dict(keys.model.named_parameters())
    for name, values in network.named_parameters():
        known = 0.75 * before[name] + 0.25 * values
        torch.testing.assert_close(own[name], known, msg=name)
        assert torch.equal(own[name], before[name]) == (not values.requires_grad)


@both
def test_stored_matrices_are_loaded(build):
    torch.manual_seed(0)
    network, other = build().eval(), build().eval()
    for each in (network, other):
        adapt(each, "lora", EXAMPLE, "vit")
    train(network)
    images = torch.randn(4, 3, 16, 16)

    other.load_state_dict(network.state_dict())

    assert torch.equal(network(images), other(images))


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
def test_an_encoder_without_attention_is_refused(name):
    with pytest.raises(UserError, match=f"lora changes attention.*{name}.*norm_bias"):
        Encoder(name, adaptation="lora", image_size=32, mean=[0.5] * 3, std=[0.5] * 3)


def test_attention_that_reads_the_weights_itself_is_refused():
    swin = models.SwinTransformer([2, 2], 8, [1, 1], [1, 1], [2, 2])
    with pytest.raises(UserError, match=r"lora has no effect on encoder.name=swin_t.*norm_bias"):
        adapt(swin, "lora", EXAMPLE, "swin_t")


def test_what_was_fixed_stays_so_if_all_is_adapted():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)
    adapt(network, "full", torch.zeros(1, 2), "own")
    assert [values.requires_grad for values in network.parameters()] == [False] * 2 + [True] * 2
