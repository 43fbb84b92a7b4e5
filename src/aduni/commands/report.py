"""Report on runs, or on predictions of any program."""

import hydra
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.arguments import hydra_arguments
from aduni.cli.imports import slow_imports
from aduni.system.program import CONF

arguments = hydra_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="report")
@task
def main(config: DictConfig) -> None:
    """Write the report, and print its answer, main table and page."""
    with slow_imports():
        from aduni.reproduce.report import write_report
    print(write_report(config))
