"""Check the settings of trained models that predict together."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PositiveInt,
    field_validator,
)

from aduni.config.one_or_more import OneOrMore
from aduni.data.names import ClassName
from aduni.results.find_checkpoint import find_checkpoints

SUM_TOLERANCE = 1e-3
"""Deviation of the sum of class frequencies from 1, which are written with few digits."""


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):  # true would count as 1
        raise ValueError("is not a number of views; choose 1, 2, 4 or 8")
    return value


Names = Annotated[OneOrMore[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class ModelSettings(
    BaseModel, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True, frozen=True
):
    """Values of the keys of conf/predict.yaml that are about models, not about files."""

    ckpt: Names
    batch_size: PositiveInt
    tta: Annotated[Literal[1, 2, 4, 8], BeforeValidator(_no_boolean)]
    calibrated: Literal["auto", True, False]
    class_frequency: dict[ClassName, Annotated[float, Field(ge=0)]] | None
    trust: list[str]

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
