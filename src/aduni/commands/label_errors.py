"""List the images whose label may be wrong, for a person to correct."""

import hydra
from omegaconf import DictConfig

from aduni.auditing.label_errors.label_error_settings import read_label_error_settings
from aduni.cli.app import task
from aduni.cli.imports import slow_imports
from aduni.system.program import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="label_errors")
@task
def main(config: DictConfig) -> None:
    """List the likely label errors of one data set, and print the answer."""
    settings = read_label_error_settings(config)
    with slow_imports():
        from aduni.auditing.label_errors.find_label_errors import find_label_errors
        from aduni.cli.end_summary import print_text
    answer, page = find_label_errors(settings)
    print_text(f"{answer}\nPage: {page}\n")
