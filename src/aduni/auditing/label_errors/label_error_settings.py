"""Check the settings of conf/label_errors.yaml."""

from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig
from pydantic import BaseModel, Field

from aduni.config.schema import DataPlace, read
from aduni.errors import UserError


class LabelErrorSettings(BaseModel, extra="forbid", coerce_numbers_to_str=True, frozen=True):
    """Values of all keys of conf/label_errors.yaml."""

    runs: str | None
    predictions: str | tuple[str, ...] | None
    images: str | None
    dataset: DataPlace
    row: str | None
    limit: Annotated[int, Field(ge=0, le=1000)]
    output: str | None
    verbose: bool

    def folder(self, beside: Path) -> Path:
        """Return the folder to write to: the given one, or one inside of a folder of inputs."""
        return Path(self.output) if self.output else beside / "label_errors"


def read_label_error_settings(config: DictConfig) -> LabelErrorSettings:
    """Return the checked settings; raise UserError unless there is one source of predictions."""
    settings = read(config, LabelErrorSettings, ())
    if (settings.runs is None) == (not settings.predictions):
        raise UserError(
            "give either a folder that holds finished runs, runs=DIR, or tables of predictions, "
            "predictions='*.csv'."
        )
    if settings.runs and settings.images:
        raise UserError(
            "images= is for predictions=; each run knows its data set: give dataset.root=DIR if "
            "its images were moved."
        )
    if settings.predictions and settings.dataset.root:
        raise UserError("dataset.root= is for runs=; give the folder of the images as images=DIR.")
    if settings.images and not Path(settings.images).is_dir():
        raise UserError(f"images={settings.images} is not a folder; give the folder of the images.")
    return settings
