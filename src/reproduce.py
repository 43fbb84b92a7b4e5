"""Reproduce the paper: python src/reproduce.py profile=smoke (conf/reproduce.yaml)."""

import sys

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from aduni.cli.arguments import hydra_arguments
    from aduni.reproduce.settings import read_reproduction


@hydra.main(version_base="1.3", config_path="../conf", config_name="reproduce")
@task
def main(config: DictConfig) -> None:
    """Train missing runs and report, or print the status."""
    settings = read_reproduction(config)
    with slow_imports():
        from aduni.reproduce.reproduce import reproduce
    reproduce(settings, HydraConfig.get())


if __name__ == "__main__":
    sys.argv[1:] = hydra_arguments(sys.argv[1:])
    run_command(main)
