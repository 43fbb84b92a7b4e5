"""Weights files of other programs reach the encoder under the names that they publish.

Each tensor of a file is one number, so that every weight shows which entry it came from.
"""

import argparse
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor
from torchvision import models

from aduni.models.encoder import Encoder

DOCS = Path(__file__).resolve().parents[2] / "docs"
MEAN = {"mean": [0.5] * 3, "std": [0.5] * 3}
BLOCK = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")

Shapes = Mapping[str, Sequence[int]]


def numbered(shapes: Shapes) -> dict[str, Tensor]:
    """Return a tensor for each name, all of whose elements are the same number, 1, 2, 3, ..."""
    numbers = count(1)
    return {name: torch.tensor(float(next(numbers))).expand(tuple(shapes[name])) for name in shapes}


def numbers_of(encoder: Encoder) -> dict[str, float]:
    """Return the number of each weight; NaN for one with different elements.

    Interpolation rounds.
    """
    state = encoder.backbone.state_dict()
    same = {k: torch.allclose(v.min().double(), v.max().double(), 1e-5) for k, v in state.items()}
    return {k: round(float(v.min()), 3) if same[k] else float("nan") for k, v in state.items()}


def resnet18(prefix: str = "", fc: Shapes | None = None) -> dict[str, Sequence[int]]:
    own = {k: tuple(v.shape) for k, v in models.resnet18(weights=None).state_dict().items()}
    head = fc or {"fc.weight": own["fc.weight"], "fc.bias": own["fc.bias"]}
    trunk = {k: v for k, v in own.items() if not k.startswith("fc.")}
    return {prefix + k: v for k, v in {**trunk, **head}.items()}


def vit(width: int, patch: int, tokens: int, depth: int = 2) -> dict[str, Sequence[int]]:
    """Return the names and shapes of the ViTs of DINO, MAE, DINOv2 and timm."""
    shapes: dict[str, Sequence[int]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, tokens, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
    }
    for block in range(depth):
        sizes = {"attn.qkv": (3, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
        for layer in BLOCK:
            outputs, inputs = sizes.get(layer, (1, 1))
            full = (outputs * width, inputs * width)
            name = f"blocks.{block}.{layer}"
            shapes[f"{name}.weight"] = (width,) if "norm" in layer else full
            shapes[f"{name}.bias"] = full[:1]
    return {**shapes, "norm.weight": (width,), "norm.bias": (width,)}


def encoder_with(file: Path, name: str, size: int = 32, **options: Any) -> Encoder:
    return Encoder(name, str(file), image_size=size, **MEAN, **options)


def timm_encoder(file: Path, size: int, name: str, **options: Any) -> Encoder:
    return encoder_with(file, "local-dir:", size, architecture={"name": name, **options})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


MLP = {
    "fc.0.weight": (512, 512),
    "fc.0.bias": (512,),
    "fc.2.weight": (128, 512),
    "fc.2.bias": (128,),
}
# github.com/facebookresearch/moco main_moco.py, github.com/sthalles/SimCLR simclr.py (both save
# arch, epoch, state_dict and optimizer), and what DistributedDataParallel and Lightning add.
RESNETS = {
    "torchvision": ("", lambda state: state),
    "timm": ("", lambda state: {"state_dict": state}),
    "DistributedDataParallel": ("module.", lambda state: {"model": state, "epoch": 3}),
    "MoCo v2": (
        "module.encoder_q.",
        lambda state: {
            **{"epoch": 800, "arch": "resnet50", "optimizer": {"state": {0: {"step": 1}}}},
            "state_dict": {
                "module.queue": torch.zeros(128, 8),
                **{k.replace("encoder_q", "encoder_k"): v + 1000 for k, v in state.items()},
                **state,
            },
        },
    ),
    "SimCLR": ("backbone.", lambda state: {"epoch": 200, "state_dict": state}),
    "BYOL in Lightning": ("online_network.encoder.", lambda state: {"state_dict": state}),
}


@pytest.mark.parametrize(
    ("source", "name"), [*((source, "resnet18") for source in RESNETS), ("timm", "timm/resnet18")]
)
def test_resnets_of_other_programs(source, name, file, capsys):
    prefix, wrap = RESNETS[source]
    stored = numbered(resnet18(prefix, MLP if source in ("MoCo v2", "SimCLR") else None))
    torch.save(wrap(stored), file)

    found = numbers_of(encoder_with(file, name, 64))

    expected = {k.removeprefix(prefix): float(v.flatten()[0]) for k, v in stored.items()}
    assert found == {k: expected[k] for k in found}
    said = capsys.readouterr().err
    assert f"{file} has 100 of the encoder's 100 weights" in said  # without num_batches_tracked
    heads = 4 if source in ("MoCo v2", "SimCLR") else 2
    assert f"{heads} of a classifier are not used" in said
    # the queue, and encoder_k with its 120 entries and 4 of the projector
    others = f"{1 + 120 + 4} others are not used" if source == "MoCo v2" else "classifier are not"
    assert others in said
    assert " 0 " not in said
    assert said.count("\n") == 1


def test_the_small_stem_is_counted_as_missing(file, capsys):
    torch.save(numbered(resnet18()), file)

    encoder_with(file, "resnet18", 32)

    expected = "99 of the encoder's 100 weights; 1 missing or of another shape: conv1.weight;"
    assert expected in capsys.readouterr().err


def _check_vit(encoder: Encoder, stored: Mapping[str, Tensor], renamed: Mapping[str, str]) -> None:
    """Compare each weight with the number of its entry, which may have another name there."""
    found = numbers_of(encoder)
    expected = {name: float(stored[renamed.get(name, name)].flatten()[0]) for name in found}
    assert found == pytest.approx(expected)


def test_dino(file):
    """github.com/facebookresearch/dino main_dino.py: student and teacher, each with its head."""
    head = {"head.mlp.0.weight": (8, 384), "head.last_layer.weight_g": (16, 1)}
    teacher = numbered({f"backbone.{k}": v for k, v in {**vit(384, 16, 197), **head}.items()})
    student = {f"module.{name}": value + 1000 for name, value in teacher.items()}
    options = argparse.Namespace(arch="vit_small", lr=0.0005)
    torch.save({"student": student, "teacher": teacher, "epoch": 1, "args": options}, file)

    encoder = timm_encoder(file, 224, "vit_small_patch16_224", depth=2)

    _check_vit(encoder, {k.removeprefix("backbone."): v for k, v in teacher.items()}, {})


def test_retfound_mae(file, capsys):
    """github.com/rmaphoh/RETFound_MAE models_mae.py: an MAE of ViT-L with its decoder."""
    decoder = {f"decoder_{k}": v for k, v in vit(512, 16, 197).items() if k.startswith("blocks")}
    further = {"mask_token": (1, 1, 512), "decoder_pos_embed": (1, 197, 512)}
    further |= {"decoder_embed.weight": (512, 1024), "decoder_pred.weight": (768, 512)}
    stored = numbered({**vit(1024, 16, 197), **decoder, **further})
    options = argparse.Namespace(mask_ratio=0.75, lr=np.float64(0.001))
    torch.save({"model": stored, "optimizer": {}, "epoch": 799, "args": options}, file)

    _check_vit(timm_encoder(file, 96, "vit_large_patch16_224", depth=2), stored, {})
    said = capsys.readouterr().err
    assert "30 of the encoder's 30 weights" in said
    assert "interpolated to the images' size: pos_embed (1, 197, 1024) to (1, 37, 1024)" in said


@pytest.mark.parametrize("registers", [0, 4])
def test_dinov2(file, registers, capsys):
    """github.com/facebookresearch/dinov2 models/vision_transformer.py."""
    shapes = vit(384, 14, 1370) | {"mask_token": (1, 384)}
    shapes |= {f"blocks.{b}.ls{n}.gamma": (384,) for b in (0, 1) for n in (1, 2)}
    if registers:
        shapes["register_tokens"] = (1, registers, 384)
    stored = numbered(shapes)
    torch.save(stored, file)
    name = "vit_small_patch14_reg4_dinov2" if registers else "vit_small_patch14_dinov2"

    encoder = timm_encoder(file, 518, name, depth=2)

    if registers:  # timm adds the class token's position to it
        stored["cls_token"] = stored["cls_token"] + stored["pos_embed"][0, 0, 0]
    _check_vit(encoder, stored, {"reg_token": "register_tokens"})
    assert "interpolated" not in capsys.readouterr().err
    _check_vit(timm_encoder(file, 56, name, depth=2), stored, {"reg_token": "register_tokens"})
    assert "interpolated" in capsys.readouterr().err


def test_dinov3(file, capfd):
    """github.com/facebookresearch/dinov3 models/vision_transformer.py."""
    shapes = {k: v for k, v in vit(384, 16, 197).items() if k != "pos_embed"}
    shapes |= {f"blocks.{b}.ls{n}.gamma": (384,) for b in (0, 1) for n in (1, 2)}
    shapes |= {f"blocks.{b}.attn.qkv.bias_mask": (1152,) for b in (0, 1)}
    shapes |= {"storage_tokens": (1, 4, 384), "mask_token": (1, 384), "rope_embed.periods": (16,)}
    stored = numbered(shapes)
    torch.save(stored, file)

    encoder = timm_encoder(file, 64, "vit_small_patch16_dinov3", depth=2)

    renamed = {f"blocks.{b}.gamma_{n}": f"blocks.{b}.ls{n}.gamma" for b in (0, 1) for n in (1, 2)}
    _check_vit(encoder, stored, {"reg_token": "storage_tokens", **renamed})
    assert "\n" not in capfd.readouterr().err.strip()


def test_panderm(file, capsys):
    """github.com/SiyuanYan1/PanDerm modeling_finetune.py: CAE's ViT-L, stored as `encoder`."""
    shapes = {k: v for k, v in vit(1024, 16, 197).items() if not k.endswith("qkv.bias")}
    shapes |= {f"blocks.{b}.attn.{n}_bias": (1024,) for b in (0, 1) for n in "qv"}
    shapes |= {f"blocks.{b}.gamma_{n}": (1024,) for b in (0, 1) for n in (1, 2)}
    stored = numbered(shapes)
    others = {f"{part}.{k}": v + 1000 for part in ("teacher", "decoder") for k, v in stored.items()}
    torch.save({"model": {**others, **{f"encoder.{k}": v for k, v in stored.items()}}}, file)

    (text,) = re.findall(r"```json\n(.*?)```", (DOCS / "encoders.md").read_text(), re.DOTALL)
    config = json.loads(text)
    options = {"name": config["architecture"], **config["model_args"], "depth": 2}
    encoder = encoder_with(file, "local-dir:", 224, architecture=options)

    _check_vit(encoder, stored, {})
    assert "has 36 of the encoder's 36 weights, under encoder." in capsys.readouterr().err


def test_other_formats_hold_the_same(tmp_path, file):
    state = {k: v.clone() for k, v in numbered(resnet18()).items()}
    state["bn1.num_batches_tracked"] = torch.tensor(7)
    torch.save(state, file, _use_new_zipfile_serialization=False)  # as torch before 1.6 did
    other = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(state, other)

    assert numbers_of(encoder_with(file, "resnet18", 64)) == numbers_of(
        encoder_with(other, "resnet18", 64)
    )


class Malicious:
    """Object that creates a folder when it is unpickled without restrictions."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self._folder,)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _whole(file: Path) -> None:
    torch.save(models.resnet18(weights=None).state_dict(), file)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda file: None, "cannot be read (No such file or directory)"),
    "a folder": (lambda file: file.mkdir(), "cannot be read (Is a directory)"),
    "cut": (lambda file: (_whole(file), _cut(file))[1], "is damaged"),
    "changed": (lambda file: (_whole(file), _flip(file))[1], "is damaged"),
    "text": (
        lambda file: file.write_text("<html>") and None,
        "is damaged, or is not a file of weights",
    ),
    "empty": (lambda file: file.touch(), "is damaged"),
    "numbers": (lambda file: torch.save({"a": 1}, file), "holds no weights"),
    "a list": (lambda file: torch.save([torch.zeros(2)], file), "holds no weights"),
    "another architecture": (
        lambda file: torch.save(models.resnet50(weights=None).state_dict(), file),
        "of the encoder's 100 weights, and lacks layer1.0.conv1.weight, layer1.1.conv1.weight",
    ),
    "a deeper network": (
        lambda file: torch.save(models.resnet34(weights=None).state_dict(), file),
        "100 of the encoder's 100 weights, and has 80 more: layer1.2.conv1.weight, layer1.2.bn1.w",
    ),
    "no numbers": (
        lambda file: torch.save(
            models.resnet18(weights=None).state_dict() | {"bn1.bias": torch.full((64,), np.nan)},
            file,
        ),
        "has values that are not finite, in bn1.bias; give",
    ),
    "a ViT": (
        lambda file: torch.save(numbered(vit(384, 16, 197)), file),
        "has none of the encoder's 100 weights, and lacks conv1.weight, bn1.weight, bn1.bias, ...",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_files_are_refused(fault, file, refusal):
    make, words = FAULTS[fault]
    make(file)

    refusal(lambda: encoder_with(file, "resnet18", 64), f"encoder.weights={file} ", words)


def test_a_cut_safetensors_file_is_refused(tmp_path, refusal):
    file = tmp_path / "weights.safetensors"
    refusal(lambda: encoder_with(file, "resnet18", 64), file, "No such file")
    safetensors.torch.save_file(models.resnet18(weights=None).state_dict(), file)
    _cut(file)

    refusal(lambda: encoder_with(file, "resnet18", 64), file, "is damaged")


def test_code_in_a_file_is_not_run(file, tmp_path, refusal):
    torch.save({"state_dict": {"conv1.weight": Malicious(tmp_path / "ran")}}, file)

    refusal(
        lambda: encoder_with(file, "resnet18", 64), "holds objects that code would have to make"
    )
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_vit_are_counted(file, refusal):
    torch.save(numbered(vit(192, 16, 197)), file)

    message = refusal(
        lambda: timm_encoder(file, 224, "vit_small_patch16_224", depth=2),
        "none of the encoder's 30",
    )
    assert re.search(r"lacks cls_token, pos_embed, patch_embed.proj.weight, \.\.\.", message)
