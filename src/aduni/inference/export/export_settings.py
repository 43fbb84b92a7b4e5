"""Check the settings of conf/export.yaml."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from aduni.config.one_or_more import OneOrMore
from aduni.config.schema import read
from aduni.errors import UserError, did_you_mean, missing_extra

FOLDER = "huggingface"
"""The format that is a folder."""

SUFFIXES = {"onnx": ".onnx", "pt2": ".pt2", "safetensors": ".safetensors", FOLDER: None}
"""Format -> suffix of its files; `FORMATS` has what writes them."""


PACKAGES = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "safetensors": ("safetensors",),
    FOLDER: ("timm",),
}
"""Format -> modules of an extra that it needs: `timm` for the folder, else `export`."""


class ExportSettings(BaseModel, extra="forbid", coerce_numbers_to_str=True, frozen=True):
    """Values of all keys of conf/export.yaml, which describes them."""

    ckpt: Annotated[str, Field(min_length=1)]
    format: str
    output: Path
    images: OneOrMore[Annotated[str, Field(min_length=1)]] | None
    trust: list[str]
    verbose: bool

    @field_validator("format")
    @classmethod
    def _check_format(cls, name: str) -> str:
        if name not in SUFFIXES:
            hint = did_you_mean(name, SUFFIXES)
            raise ValueError(f"is not a format{hint}; choose one of {', '.join(SUFFIXES)}")
        return name

    @field_validator("output")
    @classmethod
    def _check_suffix(cls, output: Path, info: ValidationInfo) -> Path:
        name = info.data.get("format")
        suffix = SUFFIXES.get(name or FOLDER)
        if suffix is not None and output.suffix.lower() != suffix:
            raise ValueError(f"does not end in {suffix}, as format={name} does; add {suffix}")
        return output


def read_export_settings(config: DictConfig) -> ExportSettings:
    for key in sorted(OmegaConf.missing_keys(config)):
        raise UserError(f"{key} is missing; give it on the command line.")
    settings = read(config, ExportSettings, ())
    check_packages(settings.format)
    return settings


def check_packages(name: str) -> None:
    """Raise a UserError that says what to install if a format's packages are missing."""
    missing = [package for package in PACKAGES.get(name, ()) if find_spec(package) is None]
    if missing:
        extra = "timm" if name == FOLDER else "export"
        raise missing_extra(f"format={name}", " and ".join(missing), extra)
