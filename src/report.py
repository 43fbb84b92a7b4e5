"""Report on existing runs, or on predictions of any program (conf/report.yaml)."""

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


if __name__ == "__main__":
    sys.argv[1:] = hydra_arguments(sys.argv[1:])
    run_command(main)
