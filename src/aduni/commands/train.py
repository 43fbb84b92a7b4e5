"""Train a method on one fold, test it, and write a run folder."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import is_multirun, run_folder, task
from aduni.cli.arguments import data_arguments
from aduni.cli.imports import slow_imports
from aduni.config.extras import check_extras
from aduni.config.instantiate import check_node
from aduni.config.schema import Settings, read
from aduni.system.program import CONF

arguments = data_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
@task
def main(config: DictConfig) -> None:
    """Train one method on one fold."""
    # A value out of range, or a missing package, is answered before the slow imports.
    settings, folder = read(config, Settings, ()), run_folder()
    check_extras(settings)
    if settings.resume is None:
        from aduni.config.early_data import check_data  # imports pandas, which a wrong key need not

        folder.refuse_training()
        check_node(settings.sampler, "sampler")
        check_data(settings.dataset, settings.protocol, settings.fold)
    with slow_imports():
        from aduni.training.start import start
    start(config, HydraConfig.get().overrides.task, folder, in_sweep=is_multirun())
