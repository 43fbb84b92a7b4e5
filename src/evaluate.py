"""Test a checkpoint again: python src/evaluate.py ckpt=RUN/checkpoints/best.ckpt."""

from pathlib import Path

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from aduni.evaluation.evaluate_settings import read_evaluate_settings
    from aduni.results.find_checkpoint import find_checkpoint


@hydra.main(version_base="1.3", config_path="../conf", config_name="evaluate")
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


if __name__ == "__main__":
    run_command(main)
