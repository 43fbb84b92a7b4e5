"""The keys of conf/benchmark.yaml, checked."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ValidationError

from aduni.config.one_or_more import OneOrMore
from aduni.errors import UserError, complaint, did_you_mean

PARTS = (
    *("data_path", "loss", "step", "evaluation", "features", "start_up"),
    *("cache", "growth", "rows", "profile", "size"),
)
"""The last one takes as long as all others, and is measured only if it is named."""


class BenchmarkSettings(BaseModel, extra="forbid", frozen=True):
    """The keys of conf/benchmark.yaml, which explains them."""

    parts: OneOrMore[str] | None
    full: bool
    output: Path
    verbose: bool

    @property
    def chosen(self) -> tuple[str, ...]:
        """Parts of this call, in their own order."""
        parts = PARTS[:-1] if self.parts is None else self.parts
        return tuple(part for part in PARTS if part in parts)


def read_benchmark(config: DictConfig) -> BenchmarkSettings:
    """Return the checked settings.

    Raises:
        UserError: unknown key, value or part.
    """
    plain = OmegaConf.to_container(config, resolve=True)
    try:
        settings = BenchmarkSettings.model_validate(plain)
    except ValidationError as error:
        raise UserError(complaint(error, BenchmarkSettings.model_fields)) from error
    for part in settings.parts or ():
        if part not in PARTS:
            raise UserError(
                f"parts={part} does not exist{did_you_mean(part, PARTS)}; choose from "
                f"{', '.join(PARTS)}."
            )
    if not settings.chosen:
        raise UserError(f"parts is empty; choose from {', '.join(PARTS)}, or null for all.")
    return settings
