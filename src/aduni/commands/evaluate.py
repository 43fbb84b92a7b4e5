"""Test a checkpoint again."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.imports import slow_imports
from aduni.evaluation.evaluate_settings import read_evaluate_settings
from aduni.results.find_checkpoint import find_checkpoint
from aduni.system.program import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
@task
def main(config: DictConfig) -> None:
    """Evaluate one checkpoint."""
    settings = read_evaluate_settings(config)
    with slow_imports():
        from aduni.cli.end_summary import print_summary
        from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint
    output = Path(settings.output) if settings.output else None
    folders, ckpt = settings.dataset, find_checkpoint(settings.ckpt)
    result = evaluate_checkpoint(ckpt, folders.root, folders.cache_dir, output, settings.trust)
    print_summary(*result)
