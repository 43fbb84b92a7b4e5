"""Schema that checkpoints from any source are validated against."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
    field_validator,
    model_validator,
)
from torch import Tensor

from aduni.metrics.calibration import MAX_BIAS, MAX_INVERSE_TEMPERATURE

SHARE_TOLERANCE = 1e-6
MAX_FAULT_CHARACTERS = 300  # keys in a file from elsewhere may have any length

Scalar = str | bool | int | float | None
Value = Scalar | list[Scalar]


class Checked(BaseModel, strict=True, allow_inf_nan=False, arbitrary_types_allowed=True):
    """Base of strict models of stored content that ignore further keys."""


class _Names(Checked):
    method: str
    dataset: str
    sampler: str


class _Dataset(Checked):
    image_size: int
    bits: Literal[8, 10, 12, 14, 16] = 16


class _Encoder(Checked):
    name: str
    stem: str


class _Config(Checked):
    """Settings that the reuse of a stage reads; `config.untrusted.read_stored` checks the rest."""

    names: _Names
    dataset: _Dataset
    encoder: _Encoder
    fold: int
    seed: int
    epochs: int
    batch_size: int
    lr: float


Temperature = Annotated[
    float, Field(ge=0.99 / MAX_INVERSE_TEMPERATURE, le=1.01 * MAX_INVERSE_TEMPERATURE)
]
"""Temperature within the rounded limits of the fit; beyond them probabilities overflow."""


class _Calibration(Checked):
    temperature: Temperature
    bias_temperature: Temperature
    bias: list[Annotated[float, Field(ge=-MAX_BIAS, le=MAX_BIAS)]]
    frequency: list[NonNegativeFloat]

    @field_validator("frequency")
    @classmethod
    def _sums_to_one(cls, shares: list[float]) -> list[float]:
        if abs(sum(shares) - 1) > SHARE_TOLERANCE:
            raise ValueError(f"shares sum to {sum(shares):g}, not to 1")
        return shares


class _Origin(Checked):
    epoch: NonNegativeInt
    trained_by: dict[str, Value]


class _Stored(Checked):
    config: _Config
    class_names: Annotated[list[str], Field(min_length=2)]
    class_counts: list[Annotated[int, Field(gt=0, lt=2**31)]]
    split_hash: str
    stage: str
    objective: dict[str, Value] = {}
    origin: _Origin | None = None
    calibration: _Calibration | None = None

    @model_validator(mode="after")
    def _one_of_each_class(self) -> "_Stored":
        classes = len(set(self.class_names))
        lists: list[list[Any]] = [self.class_names, self.class_counts]
        if self.calibration:
            lists += [self.calibration.bias, self.calibration.frequency]
        if {len(values) for values in lists} != {classes}:
            raise ValueError(f"not every list has one value for each of {classes} classes")
        return self


class CheckpointContent(Checked):
    epoch: NonNegativeInt
    state_dict: dict[str, Tensor | dict[str, Any]]  # a module's extra state may be a mapping
    aduni: _Stored


def first_fault(error: ValidationError) -> str:
    """Return the first fault of a file's content, on one line."""
    first = error.errors(include_input=False)[0]
    key = ".".join(map(str, first["loc"]))
    return " ".join(f"{key}: {first['msg']}".split())[:MAX_FAULT_CHARACTERS]
