"""Go from images to a decided model: python src/fit.py data=DIR (conf/fit.yaml)."""

import sys
from pathlib import Path

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from aduni.cli.arguments import fit_arguments


@hydra.main(version_base="1.3", config_path="../conf", config_name="fit")
@task
def main(config: DictConfig) -> None:
    """Fit one data set."""
    from aduni.fit.fit_settings import forwarded, read_fit_settings  # without torch

    hydra_config = HydraConfig.get()
    overrides = hydra_config.overrides.task
    settings = read_fit_settings(config, overrides)
    with slow_imports():
        from aduni.fit.fit import fit
    print(fit(settings, forwarded(overrides), hydra_config.runtime.choices["preset"]))


def _start() -> None:
    sys.argv[1:] = fit_arguments(sys.argv[1:], Path(__file__).parents[1] / "conf")
    main()


if __name__ == "__main__":
    run_command(_start)
