"""Check the settings of conf/predict.yaml."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from omegaconf import DictConfig, OmegaConf
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PositiveInt, field_validator

from aduni.config.schema import read
from aduni.data.names import ClassName
from aduni.data.shard import OptionalShard
from aduni.errors import UserError
from aduni.results.find_checkpoint import find_checkpoints

SUM_TOLERANCE = 1e-3
"""Deviation of the sum of class frequencies from 1, which are written with few digits."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _with_suffix(suffix: str) -> AfterValidator:
    """Require a suffix, so that a mistyped output does not overwrite an image."""

    def check(path: Path) -> Path:
        if path.suffix.lower() != suffix:
            raise ValueError(f"does not end in {suffix}; give the file another name")
        return path

    return AfterValidator(check)


Names = Annotated[
    list[Annotated[str, Field(min_length=1)]], Field(min_length=1), BeforeValidator(_as_list)
]


class PredictSettings(
    BaseModel, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True, frozen=True
):
    """Values of all keys of conf/predict.yaml, which describes them."""

    ckpt: Names
    images: Names
    output: Annotated[Path, _with_suffix(".csv")]
    batch_size: PositiveInt
    tta: Literal[1, 2, 4, 8]
    skip_unreadable: bool
    calibrated: Literal["auto", True, False]
    class_frequency: dict[ClassName, Annotated[float, Field(ge=0)]] | None
    embeddings: Annotated[Path, _with_suffix(".npy")] | None
    shard: OptionalShard
    trust: list[str]
    verbose: bool

    @property
    def checkpoints(self) -> list[Path]:
        """Checkpoints that `ckpt` names: those of a multirun's folder are an ensemble."""
        return [file for given in self.ckpt for file in find_checkpoints(given)]

    @property
    def models(self) -> int:
        """Number of models, without a look at files unless there is a folder."""
        has_folder = any(Path(given).is_dir() for given in self.ckpt)
        return len(self.checkpoints if has_folder else self.ckpt)

    @field_validator("class_frequency", mode="before")
    @classmethod
    def _read_text(cls, value: Any) -> Any:
        """Read a quoted mapping, since Hydra's grammar has no keys in other scripts or quotes."""
        try:
            return yaml.safe_load(value) if isinstance(value, str) else value
        except yaml.YAMLError:
            return value

    @field_validator("class_frequency")
    @classmethod
    def _check_sum(cls, shares: dict[str, float] | None) -> dict[str, float] | None:
        if shares is not None and abs(sum(shares.values()) - 1) > SUM_TOLERANCE:
            raise ValueError(f"sums to {sum(shares.values()):g}; make the shares add up to 1")
        return shares


def read_predict_settings(config: DictConfig) -> PredictSettings:
    for key in sorted(OmegaConf.missing_keys(config)):
        raise UserError(f"{key} is missing; give it on the command line.")
    settings = read(config, PredictSettings, ())
    if settings.class_frequency is not None and settings.calibrated is False:
        raise UserError(
            "class_frequency changes calibrated probabilities; leave calibrated=false out."
        )
    if settings.embeddings is not None and settings.models > 1:
        raise UserError(
            f"embeddings={settings.embeddings} are the features of one model, but ckpt names "
            f"{settings.models}; give one checkpoint."
        )
    return settings
