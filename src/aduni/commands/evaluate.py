"""Test a checkpoint again."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.arguments import data_arguments
from aduni.cli.imports import slow_imports
from aduni.evaluation.evaluate_settings import OtherSourceSettings, read_evaluate_settings
from aduni.results.find_checkpoint import find_checkpoint, run_of
from aduni.system.program import CONF

arguments = data_arguments
"""Translates the command line for Hydra."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
@task
def main(config: DictConfig) -> None:
    """Evaluate one checkpoint."""
    settings = read_evaluate_settings(config, HydraConfig.get().overrides.task)
    with slow_imports():
        from aduni.cli.end_summary import print_summary
        from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint
        from aduni.evaluation.other_source import evaluate_other_source
        from aduni.training.run_page.refresh import refresh_card
    decision = None
    output = Path(settings.output) if settings.output else None
    ckpt = find_checkpoint(settings.ckpt)
    if isinstance(settings, OtherSourceSettings):
        result = evaluate_other_source(
            ckpt,
            settings.dataset,
            settings.protocol,
            class_mapping=settings.class_mapping,
            output=output,
            trust=settings.trust,
        )
    else:
        folders = settings.dataset
        result = evaluate_checkpoint(
            *(ckpt, folders.root, folders.cache_dir, output, settings.trust, settings)
        )
        if settings.is_asked:
            decision = run_of(ckpt).decision
            refresh_card(run_of(ckpt))
    print_summary(*result, decision=decision)
