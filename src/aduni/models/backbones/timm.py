"""Backbones of timm: by name, from the Hugging Face hub, or from a folder in the hub's layout."""

import json
import logging
from pathlib import Path
from typing import Any

from torch import nn

from aduni.errors import UserError, did_you_mean, missing_extra, warn
from aduni.models.backbones import check_patches
from aduni.models.backbones.hub import fetch, licence_of
from aduni.models.weights import load_weights
from aduni.shortage import raise_shortage

DEFAULT = "DEFAULT"
FILES: tuple[str, ...] = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights in a repository of the hub, the preferred one first."""

log = logging.getLogger(__name__)


def build(
    name: str, weights: str | None, image_size: int, architecture: dict[str, Any] | None
) -> nn.Module:
    """Return a model of timm without its classifier, with published weights unless None.

    Args:
        architecture: timm's name and options, for names that have them in a config.json.
    """
    timm = _import_timm(name)
    model, options = arguments(name, weights, image_size, architecture)
    try:
        backbone: nn.Module = timm.create_model(model, pretrained=False, num_classes=0, **options)
    except (AssertionError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise_shortage(error)
        raise UserError(
            f"encoder.name={name} cannot be made for images of dataset.image_size={image_size} "
            f"pixels ({error}); use another size, or another encoder."
        ) from error
    patch = getattr(getattr(backbone, "patch_embed", None), "patch_size", None)
    side = patch[0] if isinstance(patch, tuple) else patch
    if isinstance(side, int):
        check_patches(name, side, image_size)
    if weights is not None:
        load_weights(backbone, _weights_file(name, weights))
    return backbone


def arguments(
    name: str, weights: str | None, image_size: int, architecture: dict[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """Return timm's name of a model and the options of its constructor for an image size."""
    timm = _import_timm(name)
    options = _options(name, weights, architecture)
    model = str(options.pop("name", ""))
    if not timm.is_model(model.partition(".")[0]):
        raise UserError(
            f"encoder.name={name} is {model}, which timm {timm.__version__} does not have; use "
            "another version of timm, or another encoder."
        )
    is_fixed = timm.get_pretrained_cfg(model).fixed_input_size
    if "img_size" in options or (is_fixed and not options.get("dynamic_img_size")):
        options["img_size"] = image_size
    return model, options


def _options(name: str, weights: str | None, architecture: dict[str, Any] | None) -> dict[str, Any]:
    """Return the arguments of timm's constructor, with the model's name as `name`."""
    if name.startswith("timm/"):
        return {"name": _registered(name, weights)}
    if not architecture:
        raise UserError(
            f"encoder.name={name} needs encoder.architecture; give its name and options in timm."
        )
    return dict(architecture)


def normalisation(name: str, weights: str) -> tuple[list[float], list[float]] | None:
    """Return mean and std of published weights."""
    if name.startswith("timm/"):
        published = _import_timm(name).get_pretrained_cfg(_registered(name, weights)).to_dict()
    else:
        published = _config(name).get("pretrained_cfg", _config(name))
    pair = published.get("mean"), published.get("std")
    return (list(pair[0]), list(pair[1])) if pair[0] and pair[1] else None


def architecture_of(name: str) -> dict[str, Any]:
    """Return the name and the options in timm of the model that a config.json describes."""
    _import_timm(name)
    config = _config(name)
    options = dict(config.get("model_args", {}))
    for key in ("num_classes", "pretrained"):
        options.pop(key, None)
    return {"name": config["architecture"], **options}


def _import_timm(name: str) -> Any:
    try:
        import timm
    except ModuleNotFoundError as error:
        raise missing_extra(f"encoder.name={name}", str(error.name), "timm") from error
    return timm


def _registered(name: str, weights: str | None) -> str:
    """Return timm's name of a model, with a dot and the name of its weights if these are given."""
    timm = _import_timm(name)
    model, _, tag = name.removeprefix("timm/").partition(".")
    if not timm.is_model(model):
        raise UserError(
            f"encoder.name={name} is not a model of timm"
            f"{did_you_mean(name, [f'timm/{known}' for known in timm.list_models()])}; choose one "
            "of timm.list_models()."
        )
    if weights not in (None, DEFAULT):
        tag = str(weights)
    tags = [known.partition(".")[2] for known in timm.list_models(f"{model}.*", pretrained=True)]
    if tag and tag not in tags:
        raise UserError(
            f"encoder.weights={tag} does not exist for timm/{model}{did_you_mean(tag, tags)}; "
            f"choose {', '.join(tags) or 'null, for there are none'}, or give a file."
        )
    if weights and not tags:
        raise UserError(
            f"encoder.weights={weights} does not exist for timm/{model}; give a file, or null to "
            "train from scratch."
        )
    return f"{model}.{tag}" if tag and weights else model


def _config(name: str) -> dict[str, Any]:
    """Return the content of the config.json of a repository or a folder."""
    kind, _, place = name.partition(":")
    file = Path(place) / "config.json" if kind == "local-dir" else fetch(place, "config.json")
    try:
        content = json.loads(file.read_text())
        if isinstance(content["architecture"], str):
            return dict(content)
        raise TypeError
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise_shortage(error)
        raise UserError(
            f"encoder.name={name} needs a config.json of timm, and {file} is none; give a folder "
            "or repository that timm.models.save_for_hf or push_to_hf_hub wrote."
        ) from error


def _weights_file(name: str, weights: str) -> Path:
    """Return the file of published weights, fetched if it is not there, and state its licence."""
    kind, _, place = name.partition(":")
    if kind in ("local-dir", "hf-hub") and weights != DEFAULT:
        raise UserError(
            f"encoder.weights={weights} does not exist for {name}; choose DEFAULT, null or a file."
        )
    if kind == "local-dir":
        local = [Path(place) / file for file in FILES]
        return next((file for file in local if file.is_file()), local[0])
    if kind == "hf-hub":
        licence, files = licence_of(place), FILES
    else:
        published = _import_timm(name).get_pretrained_cfg(_registered(name, weights))
        place, licence = published.hf_hub_id, published.license
        files = (published.hf_hub_filename,) if published.hf_hub_filename else FILES
        if not place:
            raise UserError(
                f"The weights {weights} of {name} are not on the Hugging Face hub; fetch "
                f"{published.url}, and give the file with encoder.weights=."
            )
    warn(log, f"The licence of {place} is {licence or 'not stated'}.")
    return fetch(place, *files)
