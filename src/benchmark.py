"""Benchmark each part against its lower bound: python src/benchmark.py (conf/benchmark.yaml)."""

import sys
from pathlib import Path

from aduni.cli import quick_imports

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # benchmarks/ is not installed

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from benchmarks.call import benchmark
    from benchmarks.part import FULL, Effort
    from benchmarks.settings import read_benchmark


@hydra.main(version_base="1.3", config_path="../conf", config_name="benchmark")
@task
def main(config: DictConfig) -> None:
    """Measure, print and write the results."""
    settings = read_benchmark(config)
    benchmark(settings, FULL if settings.full else Effort())


if __name__ == "__main__":
    run_command(main)
