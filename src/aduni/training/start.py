"""Start or continue the run that a composed configuration describes, and print its summary."""

from collections.abc import Sequence

from omegaconf import DictConfig

from aduni.cli.end_summary import print_and_log, print_summary
from aduni.config.resume import logger_for, resume_settings
from aduni.config.schema import read_settings
from aduni.config.untrusted import needed_trust
from aduni.results.run_folder import RunFolder
from aduni.training.feature_shard import extract_shard
from aduni.training.run import run


def start(
    config: DictConfig, overrides: Sequence[str], folder: RunFolder, *, in_sweep: bool = False
) -> None:
    """Train, or extract a shard of features, and print what was done.

    Args:
        config: composed from conf/train.yaml.
        overrides: what was given beside the defaults.
        folder: folder of the run.
        in_sweep: whether the run belongs to a multirun.
    """
    given = read_settings(config)
    if given.shard:
        print(extract_shard(given, given.shard))
        return
    settings = resume_settings(given, overrides, folder)
    settings.logger = logger_for(settings, config)
    was_finished = settings.resume is not None and folder.metrics.exists()
    metrics = run(settings, folder)
    if was_finished:
        done = f"Nothing was trained: {folder.path} holds a finished run, which follows."
        print_and_log("resumed", done)
    print_summary(metrics, folder, needed_trust(settings), in_sweep=in_sweep)
