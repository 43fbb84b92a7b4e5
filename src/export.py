"""Export a model: python src/export.py ckpt=RUN/checkpoints/best.ckpt format=onnx output=FILE."""

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from aduni.inference.export.export_settings import read_export_settings


@hydra.main(version_base="1.3", config_path="../conf", config_name="export")
@task
def main(config: DictConfig) -> None:
    """Export one checkpoint."""
    settings = read_export_settings(config)
    with slow_imports():
        from aduni.inference.export.export import export
    print(export(settings))


if __name__ == "__main__":
    run_command(main)
