"""Download a data set, build its image cache and audit it."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.arguments import data_arguments
from aduni.cli.imports import slow_imports
from aduni.system.program import CONF

arguments = data_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="prepare")
@task
def main(config: DictConfig) -> None:
    """Prepare one data set."""
    with slow_imports():
        from aduni.auditing.audit_settings import read_prepare_settings
        from aduni.auditing.report import prepare
    settings = read_prepare_settings(config, HydraConfig.get().overrides.task)
    prepare(
        settings.build_data(),
        fetch=settings.download,
        output=settings.output,
        shard=settings.shard,
    )
