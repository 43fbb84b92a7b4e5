"""Check the settings of conf/fit.yaml."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from omegaconf import DictConfig
from pydantic import BaseModel, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from aduni.config.schema import check_keys, read
from aduni.config.times import MaxTime, seconds_of
from aduni.errors import UserError, did_you_mean
from aduni.fitting.duration import format_duration
from aduni.metrics.metric import Metric
from aduni.metrics.names import OF_PREDICTIONS

NOT_EMPTY = Field(min_length=1)
FORWARDED = ("dataset", "protocol")
"""Groups whose overrides go to every training."""
FLOOR_OF_FILES = ("method=shortcut_file",)
"""Overrides of the floor that only images in files have."""
# A calibration error is low, too, where only class frequencies are known.
TARGETS = {key: metric for key, metric in OF_PREDICTIONS.items() if metric.best == "highest"}
"""Metrics to decide by; a test compares the help text of `target` in conf/fit.yaml with them."""
RUN_SECONDS = 10.0
"""Start and end of a run: imports, checks, metrics and pages."""


class Scale(BaseModel, extra="forbid", frozen=True):
    """Size of the images in pixels, and update steps of a fine-tuning with one view."""

    image_size: PositiveInt
    steps: PositiveInt


class Sizes(BaseModel, extra="forbid", frozen=True):
    """Image size of the frozen rows and scale of the fine-tuned ones, as they fit the time."""

    frozen_size: PositiveInt
    fine_tuned: Scale | None = None

    @property
    def sides(self) -> list[int]:
        """Sides of the images, each once."""
        return [*dict.fromkeys([self.frozen_size, *self._fine_tuned_sides])]

    def size_of(self, row: "Row") -> int:
        """Return the image size of a row."""
        return self.frozen_size if row.is_frozen else self._fine_tuned_sides[0]

    @property
    def _fine_tuned_sides(self) -> list[int]:
        return [self.fine_tuned.image_size] if self.fine_tuned else []


class Row(BaseModel, extra="forbid", frozen=True):
    """A model of the portfolio.

    Attributes:
        overrides: of train.py.
        steps: share of the scale's steps; None for the epochs of the recipe.
    """

    overrides: tuple[str, ...]
    steps: PositiveFloat | None = None

    @property
    def is_frozen(self) -> bool:
        """Tell whether only heads are trained, on features of a frozen encoder."""
        return self.steps is None


class Preset(BaseModel, extra="forbid", frozen=True):
    """A portfolio: models from simple to complex, sizes from large to small, folds and seeds.

    Attributes:
        frozen_steps: most update steps of heads on a frozen encoder.
    """

    folds: Literal["first", "all"]
    frozen_steps: PositiveInt
    seeds: Annotated[tuple[NonNegativeInt, ...], NOT_EMPTY]
    frozen_sizes: Annotated[tuple[PositiveInt, ...], NOT_EMPTY]
    scales: tuple[Scale, ...]
    floors: Annotated[dict[str, tuple[str, ...]], NOT_EMPTY]
    rows: Annotated[dict[str, Row], NOT_EMPTY]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if both := set(self.floors) & set(self.rows):
            raise ValueError(f"has a row and a floor called {min(both)}; give one another name")
        return self


class FitSettings(BaseModel, extra="ignore", frozen=True):
    """Values of all keys of conf/fit.yaml but those of the data set, which trainings get."""

    preset: Preset
    max_time: MaxTime
    target: str
    gpus: tuple[NonNegativeInt, ...]
    output: Path | None
    verbose: bool

    @property
    def max_seconds(self) -> float:
        return seconds_of(self.max_time)

    @property
    def metric(self) -> Metric:
        """The metric that decides; raise UserError if there is none of this name."""
        if self.target not in TARGETS:
            short = next((key for key in TARGETS if key.endswith(f"_{self.target}")), self.target)
            raise UserError(
                f"target={self.target} is not a metric to decide by"
                f"{did_you_mean(short, TARGETS)}; choose from {', '.join(TARGETS)}."
            )
        return TARGETS[self.target]


def read_fit_settings(config: DictConfig, overrides: Sequence[str]) -> FitSettings:
    """Return the checked settings of fit.py; overrides without effect raise UserError."""
    check_keys("fit.py", ("data", *FORWARDED, *FitSettings.model_fields), overrides)
    if "dataset" not in config:
        raise UserError(
            "data is missing; give data=DIR, a folder with a folder of images for each class, "
            "data=FILE, a table with a row for each image, or dataset=NAME."
        )
    settings = read(config, FitSettings, ())
    _ = settings.metric
    _check_time(settings)
    return settings


def _check_time(settings: FitSettings) -> None:
    """Raise UserError if the time is over before all runs of one fold have started."""
    preset = settings.preset
    count = len(preset.rows) + sum(o != FLOOR_OF_FILES for o in preset.floors.values())
    if settings.max_seconds < count * RUN_SECONDS:
        raise UserError(
            f"max_time={settings.max_time} is too short: {count} trainings take "
            f"{format_duration(count * RUN_SECONDS)} for their start alone; give a longer "
            "max_time= or a smaller preset."
        )


def forwarded(overrides: Sequence[str]) -> tuple[str, ...]:
    """Return the overrides of this command line that every training gets."""
    keys = [override.lstrip("+~").partition("=")[0].partition(".")[0] for override in overrides]
    return tuple(o for o, key in zip(overrides, keys, strict=True) if key in FORWARDED)
