"""Check the settings of conf/evaluate.yaml."""

from typing import Annotated

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field

from aduni.config.schema import read
from aduni.errors import UserError


class DataPlace(BaseModel, extra="forbid"):
    """Folders of a model's data set, None for the stored one, and of its resized images."""

    root: str | None
    cache_dir: str


class EvaluateSettings(BaseModel, extra="forbid", coerce_numbers_to_str=True, frozen=True):
    """All keys of conf/evaluate.yaml."""

    ckpt: Annotated[str, Field(min_length=1)]
    dataset: DataPlace
    trust: list[str]
    output: str | None
    verbose: bool


def read_evaluate_settings(config: DictConfig) -> EvaluateSettings:
    if OmegaConf.is_missing(config, "ckpt"):
        raise UserError("ckpt is missing; give it on the command line.")
    return read(config, EvaluateSettings, ())
