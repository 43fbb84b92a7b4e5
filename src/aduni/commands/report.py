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
        from aduni.cli.end_summary import is_unicode, print_text
        from aduni.report.cached import SUMMARY, cached_report
        from aduni.reproduce.settings import read_report
    sources, tables, ordinal = read_report(config)
    if tables:
        with slow_imports():
            from aduni.report.build import report_predictions
        page = report_predictions(
            tables,
            sources.output,
            dataset=sources.root.resolve().name,
            ordinal=ordinal,
            columns=sources.columns,
            reference=sources.reference,
        )
    else:
        page = cached_report(sources)
    text = (page.parent / SUMMARY).read_text(encoding="utf-8")
    print_text(f"{text if is_unicode() else text.replace('±', '+-')}\n")
    print(page)
