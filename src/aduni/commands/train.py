"""Train a method on one fold, test it, and write a run folder."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aduni.cli.app import is_multirun, run_folder, task
from aduni.cli.imports import slow_imports
from aduni.config.schema import Settings, read
from aduni.system.program import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
@task
def main(config: DictConfig) -> None:
    """Train one method on one fold."""
    read(config, Settings, ())  # a value out of range is answered before the slow imports
    with slow_imports():
        from aduni.cli.end_summary import print_and_log, print_summary
        from aduni.config.resume import logger_for, resume_settings
        from aduni.config.schema import read_settings
        from aduni.config.untrusted import needed_trust
        from aduni.training.feature_shard import extract_shard
        from aduni.training.run import run
    given = read_settings(config)
    if given.shard:
        print(extract_shard(given, given.shard))
        return
    folder = run_folder()
    overrides = HydraConfig.get().overrides.task
    settings = resume_settings(given, overrides, folder)
    settings.logger = logger_for(settings, config)
    was_finished = settings.resume is not None and folder.metrics.exists()
    metrics = run(settings, folder)
    if was_finished:
        done = f"Nothing was trained: {folder.path} holds a finished run, which follows."
        print_and_log("resumed", done)
    print_summary(metrics, folder, needed_trust(settings), in_sweep=is_multirun())
