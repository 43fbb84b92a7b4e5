"""How fast each part is, against its floor: python src/benchmark.py (conf/benchmark.yaml)."""

from aduni.cli import quick_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.benchmark.call import benchmark
    from aduni.benchmark.effort import effort_of
    from aduni.benchmark.settings import read_benchmark
    from aduni.cli.app import run_command, task


@hydra.main(version_base="1.3", config_path="../conf", config_name="benchmark")
@task
def main(config: DictConfig) -> None:
    """Measure, print and write the results."""
    settings = read_benchmark(config)
    benchmark(settings, effort_of(settings.full))


if __name__ == "__main__":
    run_command(main)
