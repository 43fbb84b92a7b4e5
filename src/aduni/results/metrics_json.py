"""The fields of metrics.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from aduni.data.names import GRADED
from aduni.errors import UserError
from aduni.metrics.metric import Task


def is_ordinal(metrics: Mapping[str, Any]) -> bool:
    """Return whether the classes of a run have an order: without one there is no quadratic kappa.

    Earlier versions stored `ordinal`, or nothing: of their data sets the published ones are known.
    """
    if "task" in metrics:
        return bool(metrics["task"] == "ordinal")
    return bool(metrics.get("ordinal", metrics["dataset"] in GRADED))


def value_at(config: Any, key: str) -> Any:
    """Return the value at a dotted key of a configuration; None if there is none."""
    for part in key.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


class Hardware(BaseModel, strict=True):
    """The machine that a run was trained on."""

    processor: str
    threads: int
    gpus: list[str]


class Stage(BaseModel, strict=True):
    """A stage of a training."""

    name: str
    handed_over: str


class Metrics(BaseModel, strict=True, allow_inf_nan=False):
    """Keys of metrics.json that the report reads; others may stand beside them."""

    method: str
    dataset: str
    sampler: str
    alpha: str | None
    protocol: str
    encoder: str
    fold: NonNegativeInt
    seed: NonNegativeInt
    epochs: PositiveInt
    batch_size: PositiveInt
    lr: PositiveFloat
    image_size: PositiveInt
    split_hash: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    training_counts: Annotated[dict[str, NonNegativeInt], Field(min_length=2)]
    validation: dict[str, Any] | None
    test: dict[str, Any]
    versions: dict[str, str]
    git_commit: str | None
    hardware: Hardware
    train_seconds: NonNegativeFloat
    caveat: str | None
    task: Task = "multiclass"
    selected_on: Literal["validation", "test"]
    selected_epoch: int | None
    stages: list[Stage] = []


def check_metrics(metrics: Mapping[str, Any], file: Path) -> None:
    """Raise UserError if metrics.json lacks a key, or a value is not of its type."""
    try:
        Metrics.model_validate(metrics)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise UserError(
                f"{file} lacks {key}: it is of an evaluation, or another version of this project "
                "wrote it; give the folder of a run, or train it again."
            ) from error
        wanted = first["msg"].removeprefix("Input ")
        raise UserError(f"{file} has a {key} that {wanted}; train the run again.") from error
