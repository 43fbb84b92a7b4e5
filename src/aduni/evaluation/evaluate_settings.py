"""Check the settings of conf/evaluate.yaml."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field

from aduni.config.instantiate import Node
from aduni.config.schema import DataPlace, check_keys, read
from aduni.errors import UserError
from aduni.results.decision.questions import DecisionQuestions

OF_THE_MODEL = ("image_size", "mean", "std")
"""Settings of a data set that are the model's, whatever data it is tested on."""


class _Settings(BaseModel, extra="ignore", coerce_numbers_to_str=True, frozen=True):
    """Keys of conf/evaluate.yaml that both kinds of test have."""

    ckpt: Annotated[str, Field(min_length=1)]
    class_mapping: Path | None
    trust: list[str]
    output: str | None
    verbose: bool


class OwnDataSettings(_Settings, DecisionQuestions, extra="ignore", frozen=True):
    """Test on the data set that the model was trained on, and store how to decide."""

    dataset: DataPlace


class OtherSourceSettings(_Settings, frozen=True):
    """Test on data of another source, `dataset`."""

    dataset: Node
    protocol: Node


def read_evaluate_settings(
    config: DictConfig, overrides: Sequence[str]
) -> OwnDataSettings | OtherSourceSettings:
    """Check the settings of evaluate.py; overrides without effect there raise UserError."""
    if OmegaConf.is_missing(config, "ckpt"):
        raise UserError("ckpt is missing; give it on the command line.")
    if OmegaConf.select(config, "dataset._target_") is None:
        keys = [key for key in OwnDataSettings.model_fields if key != "class_mapping"]
        check_keys("evaluate.py without dataset=", keys, overrides)
        return read(config, OwnDataSettings, ())
    _refuse_questions(overrides)
    _refuse_settings_of_the_model(overrides)
    check_keys("evaluate.py", OtherSourceSettings.model_fields, overrides)
    _without_augmentation(config)
    return read(config, OtherSourceSettings, ("dataset", "protocol"))


def _refuse_questions(overrides: Sequence[str]) -> None:
    """Raise UserError for a question that would be stored: another source chooses no threshold."""
    for override in overrides:
        key = override.lstrip("+~").split("=")[0]
        if key.split(".")[0] in DecisionQuestions.model_fields:
            raise UserError(
                f"{key} decides on the validation and calibration parts of the model's own data, "
                "not on another source; give it to evaluate.py without dataset=, or to report.py."
            )


def _refuse_settings_of_the_model(overrides: Sequence[str]) -> None:
    """Raise UserError for a key that another source cannot change."""
    for override in overrides:
        key = override.lstrip("+~").split("=")[0]
        if key.startswith("dataset.") and key.split(".")[1] in (*OF_THE_MODEL, "augment"):
            raise UserError(
                f"{key} is the model's own, whatever data it is tested on; leave it out."
            )


def _without_augmentation(config: DictConfig) -> None:
    """Leave the augmentation out, which no test draws."""
    config.dataset.augment = []
