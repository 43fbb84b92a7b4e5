"""Report on existing runs: python src/report.py runs=DIR (conf/report.yaml)."""

import sys

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from aduni.cli.arguments import hydra_arguments


@hydra.main(version_base="1.3", config_path="../conf", config_name="report")
@task
def main(config: DictConfig) -> None:
    """Write the report of finished runs, and print its answer, main table and page."""
    with slow_imports():
        from aduni.cli.end_summary import is_unicode, print_text
        from aduni.report.cached import SUMMARY, cached_report
        from aduni.reproduce.settings import read_sources
    page = cached_report(read_sources(config))
    text = (page.parent / SUMMARY).read_text(encoding="utf-8")
    print_text(f"{text if is_unicode() else text.replace('±', '+-')}\n")
    print(page)


if __name__ == "__main__":
    sys.argv[1:] = hydra_arguments(sys.argv[1:])
    run_command(main)
