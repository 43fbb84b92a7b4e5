"""Models of timm by name and from folders, at several image sizes."""

import json
import sys

import pytest
import timm
import torch
from torch.nn.functional import interpolate

from aduni.models.backbones.timm import architecture_of, normalisation
from aduni.models.encoder import Encoder

MEAN, STD = [0.1, 0.2, 0.3], [0.5, 0.25, 0.125]
NORMALISATION = {"mean": MEAN, "std": STD}


@pytest.fixture
def folder(tmp_path):
    """Write a ViT for 64 pixels as timm writes it for the hub."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit", img_size=64)
    model.pretrained_cfg |= {"mean": MEAN, "std": STD}
    timm.models.save_for_hf(model, tmp_path, model_args={"img_size": 64})
    return tmp_path


def make(name: str, weights: str | None = None, size: int = 64) -> Encoder:
    known = None if name.startswith("timm/") else architecture_of(name)
    return Encoder(name, weights, image_size=size, architecture=known, **NORMALISATION)


@pytest.mark.parametrize(
    ("name", "size", "features"),
    [("test_resnet", 20, 96), ("test_efficientnet", 32, 256), ("test_vit", 32, 64)],
)
def test_a_model_is_timms_without_its_classifier(name, size, features):
    encoder = make(f"timm/{name}", size=size).eval()
    options = {"img_size": size} if "vit" in name else {}
    reference = timm.create_model(name, num_classes=0, **options).eval()
    reference.load_state_dict(encoder.backbone.state_dict())
    images = torch.randint(0, 256, (2, 3, size, size)).byte()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))

    found = encoder(images)

    assert encoder.features == features
    torch.testing.assert_close(found, reference((images / 255 - mean) / std), rtol=1e-4, atol=1e-4)


def test_weights_of_a_folder_are_those_of_its_file(folder, capsys):
    whole = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0, img_size=64)
    encoder = make(f"local-dir:{folder}", "DEFAULT")

    found, expected = encoder.backbone.state_dict(), whole.state_dict()

    assert all(torch.equal(found[key], value) for key, value in expected.items())
    assert f"{folder}/pytorch_model.bin has 78 of the encoder's 78" in capsys.readouterr().err
    assert architecture_of(f"local-dir:{folder}")["name"] == "test_vit"
    assert normalisation(f"local-dir:{folder}", "DEFAULT") == (MEAN, STD)


def test_positions_are_interpolated_to_other_sizes(folder, capsys):
    stored = torch.load(folder / "pytorch_model.bin", weights_only=True)["pos_embed"]
    encoder = make(f"local-dir:{folder}", "DEFAULT", size=32)

    # 4 x 4 positions to 2 x 2, behind that of the class token
    grid = stored[:, 1:].reshape(1, 4, 4, 64).permute(0, 3, 1, 2)
    smaller = interpolate(grid, (2, 2), mode="bicubic", antialias=True).flatten(2).transpose(1, 2)
    expected = torch.cat([stored[:, :1], smaller], dim=1)
    torch.testing.assert_close(encoder.backbone.state_dict()["pos_embed"], expected)
    assert "interpolated to the images' size: pos_embed (1, 17, 64) to (1, 5, 64)" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("weights", ["MISSING", "r160"])
def test_a_folder_has_one_file_of_weights(weights, folder, refusal):
    refusal(lambda: make(f"local-dir:{folder}", weights), f"encoder.weights={weights}", "DEFAULT")


def test_faults_of_a_folder_are_named(folder, refusal):
    name = f"local-dir:{folder}"
    known = architecture_of(name)
    (folder / "pytorch_model.bin").unlink()
    refusal(
        lambda: Encoder(name, "DEFAULT", image_size=64, architecture=known, **NORMALISATION),
        f"{folder}/model.safetensors cannot be read",
    )
    refusal(lambda: Encoder(name, image_size=64, **NORMALISATION), "encoder.architecture")
    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    refusal(lambda: architecture_of(name), f"{folder}/config.json is none")
    (folder / "config.json").write_text("{")
    refusal(lambda: architecture_of(name), f"{folder}/config.json is none")
    refusal(lambda: architecture_of("local-dir:/nowhere"), "/nowhere/config.json")


OPTIONS = {"name": "test_vit", "global_pool": "avg"}


def test_options_of_a_config_reach_the_model():
    encoder = Encoder("hf-hub:a/b", image_size=32, architecture=OPTIONS, **NORMALISATION)
    assert encoder.backbone.global_pool == "avg"


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ({"name": "test_vot"}, "is test_vot, which timm"),
        ({"name": 3}, "is 3, which timm"),
        ({"name": "test_vit", "depht": 3}, "depht"),
        ({"name": "test_vit", "pretrained": True}, "pretrained"),
        ({"name": "test_vit", "features_only": True}, "maps one image"),
    ],
)
def test_options_that_timm_does_not_take_are_refused(architecture, words, refusal):
    make_it = lambda: Encoder(  # noqa: E731
        "hf-hub:a/b", image_size=32, architecture=architecture, **NORMALISATION
    )
    refusal(make_it, words)


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("timm/test_vot", 32, "(did you mean timm/test_vit?)"),
        ("timm/test_vit.r161_in1k", 32, "r161_in1k does not exist for timm/test_vit (did you mean"),
        (
            "timm/test_vit",
            40,
            "a multiple of 16 pixels, not of dataset.image_size=40; use 32 or 48",
        ),
        ("timm/test_vit", 8, "use 16 or 32"),
        ("timm/swin_tiny_patch4_window7_224", 30, "a multiple of 4 pixels"),
        ("test_vit", 32, "(did you mean timm/test_vit?)"),
    ],
)
def test_other_names_and_sizes_are_refused(name, size, words, refusal):
    refusal(lambda: Encoder(name, image_size=size, **NORMALISATION), words)


def test_weights_that_timm_does_not_have_are_named(refusal):
    refusal(lambda: make("timm/test_vit", "r16_in1k"), "(did you mean r160_in1k?)")
    refusal(lambda: make("timm/test_vit_relpos", "DEFAULT"), "does not exist for timm/test_vit_rel")
    url = "releases/download/v0.1-weights/legacy_senet154"
    refusal(lambda: make("timm/legacy_seresnet18", "DEFAULT"), "fetch", url[:30])


def test_without_timm_the_extra_is_named(monkeypatch, refusal):
    monkeypatch.setitem(sys.modules, "timm", None)

    refusal(lambda: make("timm/test_vit"), "encoder.name=timm/test_vit needs", "'aduni[timm]'")
    refusal(lambda: architecture_of("local-dir:/nowhere"), "'aduni[timm]'")
