"""Settings of prepare.py and audit.py."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pydantic import BaseModel, field_validator

from aduni.config.instantiate import Node
from aduni.config.one_or_more import OneOrMore
from aduni.config.schema import check_keys, read
from aduni.config.unloaded_data import build_unloaded_data
from aduni.data.image_data import ImageData
from aduni.data.shard import OptionalShard


class _Settings(BaseModel, extra="ignore"):
    """Settings of both commands; training settings in the data set's YAML are ignored."""

    data: None = None  # the command line has translated it
    dataset: Node
    protocol: Node

    @field_validator("dataset", mode="before")
    @classmethod
    def _without_augmentation(cls, dataset: Any) -> Any:
        """Leave the augmentation out, which no audit draws: to check it takes torch."""
        return {**dataset, "augment": []} if isinstance(dataset, dict) else dataset

    def build_data(self) -> ImageData:
        """Build the data set under its protocol, without loaders."""
        return build_unloaded_data(self.dataset, self.protocol)


class PrepareSettings(_Settings):
    """Settings of prepare.py."""

    download: bool
    shard: OptionalShard
    verbose: bool
    output: Path | None


class AuditSettings(_Settings):
    """Settings of audit.py."""

    split: OneOrMore[Path] | None
    verbose: bool
    output: Path | None


def read_prepare_settings(config: DictConfig, overrides: Sequence[str]) -> PrepareSettings:
    """Check the settings of prepare.py; overrides without effect there raise UserError."""
    check_keys("prepare.py", PrepareSettings.model_fields, overrides)
    return read(config, PrepareSettings, ("dataset", "protocol"))


def read_audit_settings(config: DictConfig, overrides: Sequence[str]) -> AuditSettings:
    """Check the settings of audit.py; overrides without effect there raise UserError."""
    check_keys("audit.py", AuditSettings.model_fields, overrides)
    return read(config, AuditSettings, ("dataset", "protocol"))
