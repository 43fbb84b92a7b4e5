"""The paper's tables and figures: python src/reproduce.py profile=smoke (conf/reproduce.yaml)."""

import sys

from aduni.startup import quick_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.command import run_command, task
    from aduni.reproduce.call import reproduce
    from aduni.reproduce.settings import read_reproduction
    from aduni.startup.arguments import hydra_arguments


@hydra.main(version_base="1.3", config_path="../conf", config_name="reproduce")
@task
def main(config: DictConfig) -> None:
    """Train what is missing, then report; or say how far it is."""
    reproduce(read_reproduction(config), HydraConfig.get())


if __name__ == "__main__":
    sys.argv[1:] = hydra_arguments(sys.argv[1:])
    run_command(main)
