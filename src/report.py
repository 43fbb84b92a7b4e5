"""Tables and page from existing runs: python src/report.py runs=DIR (conf/report.yaml)."""

import sys

from aduni.startup import quick_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.command import run_command, task
    from aduni.report.fresh import fresh_report
    from aduni.reproduce.settings import read_sources
    from aduni.startup.arguments import hydra_arguments


@hydra.main(version_base="1.3", config_path="../conf", config_name="report")
@task
def main(config: DictConfig) -> None:
    """Write the report of finished runs."""
    print(fresh_report(read_sources(config)))


if __name__ == "__main__":
    sys.argv[1:] = hydra_arguments(sys.argv[1:])
    run_command(main)
