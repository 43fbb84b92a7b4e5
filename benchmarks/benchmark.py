"""The command: measure each part against its lower bound."""

import hydra
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.system.program import CONF
from benchmarks.call import benchmark
from benchmarks.part import FULL, Effort
from benchmarks.settings import read_benchmark


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="benchmark")
@task
def main(config: DictConfig) -> None:
    """Measure, print and write the results."""
    settings = read_benchmark(config)
    benchmark(settings, FULL if settings.full else Effort())
