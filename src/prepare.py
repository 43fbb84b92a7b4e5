"""Audit a data set and build its cache: python src/prepare.py dataset=isic2018."""

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task


@hydra.main(version_base="1.3", config_path="../conf", config_name="prepare")
@task
def main(config: DictConfig) -> None:
    """Prepare one data set."""
    with slow_imports():
        from aduni.audit.audit_settings import read_prepare_settings
        from aduni.audit.report import prepare
    settings = read_prepare_settings(config, HydraConfig.get().overrides.task)
    prepare(
        settings.build_data(),
        fetch=settings.download,
        output=settings.output,
        shard=settings.shard,
    )


if __name__ == "__main__":
    run_command(main)
