"""Grad-CAM agrees with networks whose maps are known, and with slow loops."""

import copy

import numpy as np
import pytest
import timm
import torch
from torch import nn

from aduni.inference.explain.grad_cam import Layer, find_layer, grad_cam
from aduni.methods.base import Method
from aduni.models.encoder import Encoder

SIDE = 6


class Tiny(Method):
    """Network with a map of two channels, half of red and of green, and a given head."""

    stages = ()

    def __init__(self, head: nn.Module, between: nn.Module | None = None) -> None:
        super().__init__()
        self.map = nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            self.map.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0.5, 0]])[..., None, None])
        self.between = between or nn.Identity()
        self.head = head

    def forward(self, images):
        return self.head(self.between(self.map(images.to(self.map.weight.dtype))))


class Pooled(nn.Module):
    """Head of a mean over the positions and a linear layer, for which Grad-CAM is exactly known."""

    def __init__(self, weight: list[list[float]]) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight))

    def forward(self, maps):
        return maps.mean(dim=(2, 3)) @ self.weight.T


class Curved(nn.Module):
    """Head that is nonlinear and different at each position."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.mix = nn.Conv2d(2, 3, 3)
        self.last = nn.Linear(3 * 4 * 4, 3)

    def forward(self, maps):
        return self.last(torch.tanh(self.mix(maps / 100)).flatten(1)) ** 2


def whole(module: nn.Module) -> Layer:
    """Return a module as a layer with a position for each pixel."""
    return Layer("map", module, SIDE, SIDE)


@pytest.fixture
def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)


def test_one_channel_that_speaks_for_the_class_is_the_map(images):
    method = Tiny(Pooled([[1.0, 0.0], [0.0, 1.0]]))
    for target, channel, factor in ((0, 0, 1.0), (1, 1, 0.5)):
        maps = grad_cam(method, whole(method.map), images, target, SIDE)
        known = factor * images[:, channel].float() / SIDE**2
        torch.testing.assert_close(maps, known)


def test_what_speaks_against_the_class_is_left_out(images):
    method = Tiny(Pooled([[-1.0, 0.0], [1.0, -3.0]]))
    assert not grad_cam(method, whole(method.map), images, 0, SIDE).any()
    red, green = images[:, 0].float(), images[:, 1].float()
    known = ((red - 1.5 * green) / SIDE**2).clamp(min=0)
    torch.testing.assert_close(grad_cam(method, whole(method.map), images, 1, SIDE), known)


def test_finite_differences_and_a_loop_give_the_same_map(images):
    method = Tiny(Curved()).double()
    maps = grad_cam(method, whole(method.map), images, 2, SIDE).numpy()
    with torch.no_grad():
        features = method.map(images.double())
        for n in range(len(images)):
            weights = []
            for k in range(2):
                slopes = []
                for y in range(SIDE):
                    for x in range(SIDE):
                        up, down = features[n : n + 1].clone(), features[n : n + 1].clone()
                        up[0, k, y, x] += 1e-3
                        down[0, k, y, x] -= 1e-3
                        rise = method.head(up)[0, 2] - method.head(down)[0, 2]
                        slopes.append(float(rise) / 2e-3)
                weights.append(sum(slopes) / len(slopes))
            slow = sum(w * features[n, k].numpy() for k, w in enumerate(weights))
            np.testing.assert_allclose(maps[n], np.maximum(slow, 0), rtol=1e-4, atol=1e-7)
    assert maps.any()


def test_a_map_is_enlarged_bilinearly(images):
    method = Tiny(Pooled([[1.0, 0.0], [0.0, 1.0]]))
    small = grad_cam(method, whole(method.map), images, 0, SIDE).numpy()
    large = grad_cam(method, whole(method.map), images, 0, 15).numpy()
    for i in range(15):
        for j in range(15):
            y, x = (np.clip((p + 0.5) * SIDE / 15 - 0.5, 0, SIDE - 1) for p in (i, j))
            top, left = min(int(y), SIDE - 2), min(int(x), SIDE - 2)
            v, h = y - top, x - left
            corners = small[:, top : top + 2, left : left + 2]
            slow = corners @ np.array([1 - h, h]) @ np.array([1 - v, v])
            np.testing.assert_allclose(large[:, i, j], slow, rtol=1e-4)


def test_the_predicted_class_is_each_images_own(images):
    method = Tiny(Pooled([[1.0, 0.0], [0.0, 2.0]]))
    predicted = method(images).argmax(dim=1).tolist()
    assert set(predicted) == {0, 1}
    maps = grad_cam(method, whole(method.map), images, None, SIDE)
    for n, target in enumerate(predicted):
        one = grad_cam(method, whole(method.map), images[n : n + 1], target, SIDE)
        torch.testing.assert_close(maps[n : n + 1], one)


def test_an_activation_in_place_belongs_to_the_map(images):
    method = Tiny(Pooled([[1.0, 1.0], [1.0, -1.0]]), between=nn.ReLU(inplace=True))
    with torch.no_grad():
        method.map.weight[1] *= -1  # green is negative everywhere, and 0 after the ReLU
    maps = grad_cam(method, whole(method.map), images, 0, SIDE)
    torch.testing.assert_close(maps, images[:, 0].float() / SIDE**2)


def test_the_model_is_in_eval_mode_and_keeps_its_weights_without_gradients(images):
    head = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5), Pooled([[1.0, 0.0], [0.0, 1.0]]))
    method = Tiny(head).train()
    before = copy.deepcopy(method.state_dict())
    first, second = (grad_cam(method, whole(method.map), images, 0, SIDE) for _ in range(2))
    assert torch.equal(first, second)
    assert not method.training
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert all(p.grad is None for p in method.parameters())
    assert not method.map._forward_hooks


BACKBONES = {
    "resnet18": "layer4",
    "densenet121": "features",
    "shufflenet_v2_x0_5": "conv5",
    "squeezenet1_1": "features",
    "mobilenet_v3_small": "features",
    "efficientnet_b0": "features",
    "convnext_tiny": "features",
    "swin_t": "permute",
}


class Whole(Method):
    """Take a whole network for images -> logits."""

    stages = ()

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)


class Linear(Method):
    """Return a backbone under a linear classifier of three classes."""

    stages = ()

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = nn.Linear(encoder.features, 3)

    def forward(self, images):
        return self.classifier(self.encoder(images))


@pytest.mark.parametrize(("name", "layer"), BACKBONES.items())
def test_at_224_pixels_auto_is_the_last_map(name, layer):
    encoder = Encoder(name, image_size=224, mean=[0.5] * 3, std=[0.2] * 3).eval()
    found = find_layer(encoder, "auto", 224, name)
    assert (found.name, found.height >= 7) == (layer, True)


@pytest.mark.parametrize(("name", "layer"), BACKBONES.items())
def test_under_pooling_and_a_linear_layer_it_is_cam(name, layer):
    """Zhou et al. 2016: the map is the channels weighted by the classifier."""
    torch.manual_seed(0)
    method = Linear(Encoder(name, image_size=64, mean=[0.5] * 3, std=[0.2] * 3)).eval()
    weight = method.classifier.weight.requires_grad_(False)
    weight[1] *= weight[1].sign()  # what is active speaks for the class
    found = find_layer(method.encoder, layer, 64, name)
    seen = []
    hook = found.module.register_forward_hook(lambda module, inputs, output: seen.append(output))
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        pooled = method.encoder(images)
    hook.remove()
    near = {"rtol": 1e-4, "atol": 1e-5 * float(pooled.abs().max())}
    torch.testing.assert_close(seen[0].mean(dim=(2, 3)), pooled, **near)
    weights = weight[1] / (found.height * found.width)
    known = torch.einsum("k,nkhw->nhw", weights, seen[0]).clamp(min=0).detach()
    maps = grad_cam(method, found, images, 1, found.height)
    torch.testing.assert_close(maps, known, rtol=1e-3, atol=float(known.max()) * 1e-4)
    assert known.any()


@pytest.mark.parametrize(
    ("prefix", "pool"), [(1, "token"), (5, "token"), (0, "avg"), (1, "avg"), (5, "avg")]
)
def test_finite_differences_on_tokens_give_the_same_map(prefix, pool):
    """Perturb every value of every token: class and register tokens have no place in the map."""
    torch.manual_seed(0)
    options = {"img_size": 12, "patch_size": 4, "embed_dim": 4, "depth": 2, "num_heads": 2}
    tokens = {"class_token": prefix > 0, "reg_tokens": max(prefix - 1, 0), "global_pool": pool}
    vit = timm.models.VisionTransformer(num_classes=3, **options, **tokens).double().eval()
    nn.init.normal_(vit.head.weight)
    found = find_layer(vit.float(), "auto", 12, "vit")
    assert (found.name, found.height, found.width) == ("blocks.1.norm1", 3, 3)
    vit.double()
    method = Whole(vit)
    images = torch.rand(2, 3, 12, 12, dtype=torch.float64)
    step = 1e-5

    def logits(image: torch.Tensor, token: int, channel: int, change: float) -> np.ndarray:
        def shift(module, inputs, output):
            changed = output.clone()
            changed[0, token, channel] += change
            return changed

        handle = vit.blocks[1].norm1.register_forward_hook(shift)
        with torch.no_grad():
            values = vit(image)[0].numpy()
        handle.remove()
        return values

    found_any = False
    for image in images.split(1):
        with torch.no_grad():
            embedded = vit.patch_drop(vit._pos_embed(vit.patch_embed(image)))
            tokens = vit.blocks[1].norm1(vit.blocks[0](vit.norm_pre(embedded)))
        known = np.zeros((3, 3, 3))  # class, row, column
        for channel in range(4):
            slope = np.zeros(3)
            for place in range(9):
                token = prefix + place
                up, down = (logits(image, token, channel, sign * step) for sign in (1, -1))
                slope += (up - down) / (2 * step) / 9
            for place in range(9):
                value = float(tokens[0, prefix + place, channel])
                known[:, place // 3, place % 3] += slope * value
        for target in range(3):
            (own,) = grad_cam(method, found, image, target, 3).numpy()
            np.testing.assert_allclose(own, np.maximum(known[target], 0), rtol=1e-4, atol=1e-7)
            found_any |= own.any()
    assert found_any
