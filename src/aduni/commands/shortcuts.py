"""Run the floors, methods without a network, on one fold."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import run_folder, task
from aduni.cli.arguments import data_arguments
from aduni.cli.imports import slow_imports
from aduni.system.program import CONF

arguments = data_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="shortcuts")
@task
def main(config: DictConfig) -> None:
    """Run the floors on one fold."""
    from aduni.config.early_data import check_composed  # without torch

    check_composed(config, config.fold)
    with slow_imports():
        from aduni.cli.end_summary import print_and_log
        from aduni.reproduce.floors import floors_table, run_floors
    folder = run_folder().path
    metrics = run_floors(HydraConfig.get().overrides.task, folder)
    print_and_log("finished", floors_table(metrics), f"Results: {folder}")
