"""Check the settings of conf/explain.yaml."""

from typing import Annotated

from omegaconf import DictConfig
from pydantic import BaseModel, BeforeValidator, Field, NonNegativeInt

from aduni.config.one_or_more import OneOrMore
from aduni.config.schema import DataPlace, read
from aduni.errors import UserError, did_you_mean

PREDICTED = "predicted"
NO_LAYER = "none"


Text = Annotated[str, BeforeValidator(str)]
"""A text, since Hydra reads a folder 2026 as a number."""


class ExplainSettings(BaseModel, extra="forbid"):
    """Values of all keys of conf/explain.yaml."""

    ckpt: Text
    images: OneOrMore[Text] | None
    output: str | None
    dataset: DataPlace
    neighbours: Annotated[int, Field(ge=0, le=50)]
    target: Text
    layer: Text
    errors: Annotated[NonNegativeInt, Field(le=100)]
    trust: list[str]
    verbose: bool

    def target_class(self, class_names: list[str]) -> int | None:
        """Return the index of the class that Grad-CAM explains, or None for the predicted one."""
        if self.target == PREDICTED:
            return None
        if self.target not in class_names:
            raise UserError(
                f"target={self.target} is not a class of {self.ckpt}"
                f"{did_you_mean(self.target, class_names)}; choose {PREDICTED} or one of "
                f"{', '.join(class_names)}."
            )
        return class_names.index(self.target)


def read_explain_settings(config: DictConfig) -> ExplainSettings:
    _ = config.ckpt  # raises if it is missing
    settings = read(config, ExplainSettings, ())
    if settings.images is None and settings.errors == 0:
        raise UserError("images=null and errors=0 leave nothing to show; give images=, or errors=.")
    return settings
