"""Audit a data set, and how far a published split of it leaks."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.arguments import data_arguments
from aduni.cli.imports import slow_imports
from aduni.system.program import CONF

arguments = data_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="audit")
@task
def main(config: DictConfig) -> None:
    """Audit one data set."""
    with slow_imports():
        from aduni.auditing.audit_settings import read_audit_settings
        from aduni.auditing.report import audit
    settings = read_audit_settings(config, HydraConfig.get().overrides.task)
    audit(settings.build_data(), output=settings.output, split=settings.split or ())
