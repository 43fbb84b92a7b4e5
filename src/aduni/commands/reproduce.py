"""Train the rows of the paper's tables by profile, and report."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.arguments import hydra_arguments
from aduni.cli.imports import slow_imports
from aduni.reproduce.settings import read_reproduction
from aduni.system.program import CONF

arguments = hydra_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="reproduce")
@task
def main(config: DictConfig) -> None:
    """Train missing runs and report, or print the status."""
    settings = read_reproduction(config)
    with slow_imports():
        from aduni.reproduce.reproduce import reproduce
    reproduce(settings, HydraConfig.get())
