"""Write the report that a composed configuration describes, and print its answer."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from aduni.cli.end_summary import is_unicode, print_text
from aduni.reporting.cached import cached_report
from aduni.reporting.inputs import SUMMARY
from aduni.reproduce.report_settings import read_report


def write_report(config: DictConfig, frames: Mapping[Path, pd.DataFrame] | None = None) -> Path:
    """Write the report, print its answer and main table, and return the page.

    Args:
        config: composed from conf/report.yaml.
        frames: tables of predictions by name, in place of the files that the configuration names.
    """
    sources, tables, ordinal = read_report(config, frames)
    if tables:
        from aduni.reporting.build import report_predictions  # what draws, unlike `cached`

        page = report_predictions(
            tables,
            sources.output,
            dataset=sources.root.resolve().name,
            ordinal=ordinal,
            columns=sources.columns,
            reference=sources.reference,
            questions=sources.questions,
        )
    else:
        page = cached_report(sources)
    text = (page.parent / SUMMARY).read_text(encoding="utf-8")
    print_text(f"{text if is_unicode() else text.replace('±', '+-')}\n")
    return page
