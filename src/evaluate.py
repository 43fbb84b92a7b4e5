"""Test a checkpoint again: python src/evaluate.py ckpt=RUN/checkpoints/best.ckpt."""

from pathlib import Path

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task


@hydra.main(version_base="1.3", config_path="../conf", config_name="evaluate")
@task
def main(config: DictConfig) -> None:
    """Evaluate one checkpoint."""
    with slow_imports():
        from aduni.cli.end_summary import print_summary
        from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint, read_evaluate_settings
    settings = read_evaluate_settings(config)
    output = Path(settings.output) if settings.output else None
    folders, ckpt = settings.dataset, Path(settings.ckpt)
    result = evaluate_checkpoint(ckpt, folders.root, folders.cache_dir, output, settings.trust)
    print_summary(*result)


if __name__ == "__main__":
    run_command(main)
