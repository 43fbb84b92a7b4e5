"""Folded networks compute the same, with fewer layers."""

import pytest
import torch
from torch import nn

from aduni.models.backbones import efficientnet_lite as backbones
from aduni.models.fold_batch_norms import fold_batch_norms


def build(*layers):
    torch.manual_seed(0)
    network = nn.Sequential(*layers).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_var, module.weight.data):
                values.uniform_(0.5, 2)
            for values in (module.running_mean, module.bias.data):
                values.normal_()
    return network


def norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        ([nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()], 0),
        ([nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6, eps=0.1)], 0),
        ([nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)], 1),
        ([nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), nn.Conv2d(4, 2, 3)], 0),
        ([nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)], 1),
    ],
    ids=["plain", "grouped", "relu between", "nested", "before"],
)
def test_outputs_are_the_same(layers, left):
    network = build(*layers).eval()
    images = torch.randn(2, 3, 8, 8).double()
    folded = fold_batch_norms(network)
    assert torch.allclose(folded(images), network(images), atol=1e-12)
    assert norms(folded) == left


def test_features_of_lite0_are_the_same_to_1e_5_of_the_largest():
    """At 224 pixels, where rounding adds up most."""
    network = backbones.build("efficientnet_lite0", "DEFAULT", 224, None).eval()
    torch.manual_seed(0)
    with torch.inference_mode():
        images = nn.functional.interpolate(torch.randn(2, 3, 28, 28), 224)
        expected, found = network(images), fold_batch_norms(network)(images)
    assert expected.max() > 1
    assert (found - expected).abs().max() < 1e-5 * expected.max()


def test_the_network_itself_is_left_as_it_was():
    network = build(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    fold_batch_norms(network)
    assert network.training
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
