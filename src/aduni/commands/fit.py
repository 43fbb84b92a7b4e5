"""Go from images to a decided model."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.arguments import fit_arguments
from aduni.cli.imports import slow_imports
from aduni.system.program import CONF

arguments = fit_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="fit")
@task
def main(config: DictConfig) -> None:
    """Fit one data set."""
    from aduni.config.early_data import check_composed  # without torch
    from aduni.fitting.fit_settings import forwarded, read_fit_settings

    hydra_config = HydraConfig.get()
    overrides = hydra_config.overrides.task
    settings = read_fit_settings(config, overrides)
    check_composed(config)
    with slow_imports():
        from aduni.fitting.fit import fit
    fit(settings, forwarded(overrides), hydra_config.runtime.choices["preset"])
