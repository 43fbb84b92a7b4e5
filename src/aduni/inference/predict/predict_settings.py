"""Check the settings of conf/predict.yaml."""

from pathlib import Path
from typing import Annotated

from omegaconf import DictConfig, OmegaConf
from pydantic import AfterValidator

from aduni.config.schema import read
from aduni.data.shard import OptionalShard
from aduni.errors import UserError
from aduni.inference.predict.model_settings import ModelSettings, Names


def _with_suffix(suffix: str) -> AfterValidator:
    """Require a suffix, so that a mistyped output does not overwrite an image."""

    def check(path: Path) -> Path:
        if path.suffix.lower() != suffix:
            raise ValueError(f"does not end in {suffix}; give the file another name")
        return path

    return AfterValidator(check)


class PredictSettings(ModelSettings, frozen=True):
    """Values of all keys of conf/predict.yaml, which describes them."""

    images: Names
    output: Annotated[Path, _with_suffix(".csv")]
    skip_unreadable: bool
    decision: Path | None
    embeddings: Annotated[Path, _with_suffix(".npy")] | None
    shard: OptionalShard
    verbose: bool


def read_predict_settings(config: DictConfig) -> PredictSettings:
    for key in sorted(OmegaConf.missing_keys(config)):
        raise UserError(f"{key} is missing; give it on the command line.")
    settings = read(config, PredictSettings, ())
    if settings.class_frequency is not None and settings.calibrated is False:
        raise UserError(
            "class_frequency changes calibrated probabilities; leave calibrated=false out."
        )
    if settings.decision is not None:
        _check_decision(settings)
        # Thresholds are for probabilities as they are.
        settings = settings.model_copy(update={"calibrated": False})
    if settings.embeddings is not None and settings.models > 1:
        raise UserError(
            f"embeddings={settings.embeddings} are the features of one model, but ckpt names "
            f"{settings.models}; give one checkpoint."
        )
    return settings


def _check_decision(settings: PredictSettings) -> None:
    """Raise UserError if thresholds are given with other probabilities than they are for."""
    changing = {
        "several checkpoints": settings.models > 1,
        f"tta={settings.tta}": settings.tta > 1,
        "calibrated=true": settings.calibrated is True,
        "class_frequency": settings.class_frequency is not None,
    }
    for setting, is_given in changing.items():
        if is_given:
            raise UserError(
                f"decision={settings.decision} has thresholds for the probabilities of one "
                f"checkpoint as they are, which {setting} would change; leave one of them out."
            )
