"""The files of a folder in the layout of the Hugging Face hub, and the model that they hold."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from aduni.errors import UserError
from aduni.inference.export.exported_graph import ExportedModel, Pixels, Probabilities
from aduni.inference.export.huggingface.head import head_of
from aduni.inference.export.huggingface.timm_network import TimmNetwork, timm_network
from aduni.inference.export.huggingface.torch_network import TorchNetwork
from aduni.methods.base import encoder_of

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


@dataclass(frozen=True)
class ModelFolder:
    """The content of a folder beside its card.

    Attributes:
        network: model that timm builds from the folder, or the parts that lines of torch build.
        description: as of other formats; the entry `aduni` of config.json.
    """

    network: TimmNetwork | TorchNetwork
    description: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write weights and config.json."""
        network = self.network
        if isinstance(network, TimmNetwork):
            state = network.model.state_dict()
            config = _timm_config(network, self.description)
        else:
            state, config = network.state, _torch_config(self.description)
        tensors = {name: value.contiguous() for name, value in state.items()}
        (folder / WEIGHTS).write_bytes(safetensors.torch.save(tensors, {"format": "pt"}))
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def runner(self, folder: Path) -> Callable[[Pixels], Probabilities]:
        """Load a folder as its card shows, and return the function that runs it."""
        if isinstance(self.network, TimmNetwork):
            model = timm.create_model(f"local-dir:{folder}", pretrained=True)
        else:
            model = self.network.loaded(folder / WEIGHTS)
        return partial(_run, model.eval(), json.loads((folder / CONFIG).read_text())["aduni"])


def model_folder(model: ExportedModel, description: dict[str, Any]) -> ModelFolder:
    """Return what the folder of a model holds; raise UserError if its parts are not separable."""
    method, size = model.method, model.image_size
    encoder = encoder_of(method)
    head = head_of(method, encoder) if encoder and hasattr(encoder, "backbone") else None
    if encoder is None or head is None:
        raise UserError(
            "format=huggingface needs an encoder of this project and a classifier that is linear "
            "in its features or in their directions; use format=pt2 or format=safetensors."
        )
    network = timm_network(encoder, head, size) or TorchNetwork(encoder, head, size)
    return ModelFolder(network, description)


def _torch_config(description: dict[str, Any]) -> dict[str, Any]:
    """Return a config.json without `architecture`, which timm therefore refuses."""
    return {
        "num_classes": len(description["class_names"]),
        "label_names": description["class_names"],
        "input": _input(description),
        "aduni": description,
    }


def _timm_config(network: TimmNetwork, description: dict[str, Any]) -> dict[str, Any]:
    """Return the config.json that timm builds and loads the model by."""
    known = network.model.pretrained_cfg
    kept = ("fixed_input_size", "first_conv", "classifier")
    classes = len(description["class_names"])
    return {
        "architecture": network.name,
        "num_classes": classes,
        "num_features": network.model.num_features,
        "label_names": description["class_names"],
        "model_args": network.options,
        "pretrained_cfg": {
            **{key: known[key] for key in kept if key in known},
            **_input(description),
            "num_classes": classes,
            "pool_size": None,
            "custom_load": False,
        },
        "aduni": description,
    }


def _input(description: dict[str, Any]) -> dict[str, Any]:
    """Return how images become the model's input, in timm's words.

    A square of the whole image, without regard to its shape, is timm's `squash`.
    """
    side = description["image_size"]
    return {
        "input_size": [3, side, side],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "mean": description["mean"],
        "std": description["std"],
    }


@torch.inference_mode()
def _run(model: nn.Module, description: dict[str, Any], images: Pixels) -> Probabilities:
    """Return the calibrated (N, C) probabilities of (N, 3, H, W) uint8 images."""
    mean, std = (torch.tensor(description[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    logits: Tensor = model((torch.from_numpy(images) / 255 - mean) / std)
    probabilities: Probabilities = (logits / (description["temperature"] or 1)).softmax(1).numpy()
    return probabilities
