"""Test that normalising by rows equals the formula to the bit, and leaves its input unchanged."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from aduni.models.encoder import Encoder

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(("height", "side"), [(32, 32), (63, 63), (64, 64), (130, 150)])
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
    last = side >= 64
    assert found.is_contiguous(memory_format=torch.channels_last) == last
    assert found.is_contiguous() != last


def test_gradients_reach_the_images():
    encoder = Encoder("squeezenet1_1", image_size=128, mean=MEAN, std=STD)
    images = torch.rand(2, 3, 128, 128, requires_grad=True)

    encoder.normalised(images).sum().backward()

    expected = 1 / (255 * torch.tensor(STD).view(1, 3, 1, 1))
    torch.testing.assert_close(images.grad, expected.expand_as(images))


# On a GPU


@pytest.mark.parametrize("autocast", [None, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("side", [32, 128])
def test_one_pass_gives_what_two_round_to(side, autocast):
    encoder = Encoder("squeezenet1_1", image_size=side, mean=MEAN, std=STD)
    images = torch.arange(256, dtype=torch.uint8).repeat(side**2 // 256 * 6)
    images = images.view(2, side, side, 3).permute(0, 3, 1, 2)

    with torch.autocast("cpu", dtype=autocast, enabled=autocast is not None):
        found = encoder._normalised_at_once(images)

    dtype = autocast or torch.float32
    expected = encoder.normalised(images)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    bound = 2 * torch.finfo(torch.float32).eps * 3 + torch.finfo(dtype).eps / 2 * expected.abs()
    assert ((found.float() - expected).abs() <= bound).all()


def test_a_gpu_normalises_bytes_by_one_kernel_and_never_floats():
    encoder = Encoder("squeezenet1_1", image_size=128, mean=MEAN, std=STD)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, Operations() as operations:
        for name in ("mean", "std"):
            setattr(encoder, name, mode.from_tensor(getattr(encoder, name)).cuda())
        images = torch.empty((2, 3, 128, 128), dtype=torch.uint8, device="cuda")
        operations.large.clear()
        found = encoder.normalised(images)
        assert operations.large == ["addcmul"]
        encoder.normalised(images.float())

    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert operations.large.count("addcmul") == 1


class Operations(TorchDispatchMode):
    """Names of the operations that write whole images."""

    def __init__(self) -> None:
        super().__init__()
        self.large: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        writes = not function.is_view and not name.startswith("empty")
        if writes and isinstance(result, torch.Tensor) and result.numel() >= 2 * 3 * 128**2:
            self.large.append(name)
        return result
