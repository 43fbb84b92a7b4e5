"""Check the settings of conf/export.yaml."""

from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from aduni.config.schema import read
from aduni.errors import UserError, did_you_mean

SUFFIXES = {"onnx": ".onnx", "pt2": ".pt2", "safetensors": ".safetensors"}
"""Format -> suffix of its files; `FORMATS` has what writes them."""


def _as_list(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else [value]


class ExportSettings(BaseModel, extra="forbid", coerce_numbers_to_str=True, frozen=True):
    """Values of all keys of conf/export.yaml, which describes them."""

    ckpt: Annotated[str, Field(min_length=1)]
    format: str
    output: Path
    images: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        BeforeValidator(_as_list),
    ]
    trust: list[str]
    verbose: bool

    @field_validator("format")
    @classmethod
    def _check_format(cls, name: str) -> str:
        if name not in SUFFIXES:
            hint = did_you_mean(name, SUFFIXES)
            raise ValueError(f"is no format{hint}; choose one of {', '.join(SUFFIXES)}")
        return name

    @field_validator("output")
    @classmethod
    def _check_suffix(cls, output: Path, info: ValidationInfo) -> Path:
        name = info.data.get("format")
        if name is not None and output.suffix.lower() != SUFFIXES[name]:
            suffix = SUFFIXES[name]
            raise ValueError(f"does not end in {suffix}, as format={name} does; add {suffix}")
        return output


def read_export_settings(config: DictConfig) -> ExportSettings:
    for key in sorted(OmegaConf.missing_keys(config)):
        raise UserError(f"{key} is missing; give it on the command line.")
    return read(config, ExportSettings, ())
