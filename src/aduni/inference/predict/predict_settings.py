"""The keys of conf/predict.yaml, checked."""

from pathlib import Path
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PositiveInt, field_validator

from aduni.config.schema import read
from aduni.data.class_names import ClassName
from aduni.errors import UserError

ROUNDING = 1e-3
"""How far shares may be from 1 in sum: they are written with few digits."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _ending(suffix: str) -> AfterValidator:
    """Before anything is overwritten: an image in the table's place is a slip of the hand."""

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
    """What predict.py needs; conf/predict.yaml says what each key is."""

    ckpt: Names
    images: Names
    output: Annotated[Path, _ending(".csv")]
    batch_size: PositiveInt
    tta: Literal[1, 2, 4, 8]
    skip_unreadable: bool
    calibrated: Literal["auto", True, False]
    class_frequency: dict[ClassName, Annotated[float, Field(ge=0)]] | None
    embeddings: Annotated[Path, _ending(".npy")] | None
    trust: list[str]
    verbose: bool

    @field_validator("class_frequency")
    @classmethod
    def _sums_to_one(cls, shares: dict[str, float] | None) -> dict[str, float] | None:
        if shares is not None and abs(sum(shares.values()) - 1) > ROUNDING:
            raise ValueError(f"sums to {sum(shares.values()):g}; make the shares add up to 1")
        return shares


def read_predict_settings(config: DictConfig) -> PredictSettings:
    """Checked settings.

    Raises:
        UserError: a key is missing or unknown, a value of the wrong type or out of range, or two
            exclude each other.
    """
    for key in sorted(OmegaConf.missing_keys(config)):
        raise UserError(f"{key} is missing; give it on the command line.")
    settings = read(config, PredictSettings, ())
    if settings.class_frequency is not None and settings.calibrated is False:
        raise UserError(
            "class_frequency changes calibrated probabilities; leave calibrated=false out."
        )
    if settings.embeddings is not None and len(settings.ckpt) > 1:
        raise UserError(
            f"embeddings={settings.embeddings} are the features of one model, but ckpt names "
            f"{len(settings.ckpt)}; give one checkpoint."
        )
    return settings
