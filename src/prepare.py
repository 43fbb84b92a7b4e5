"""Audit a data set and build its cache: python src/prepare.py dataset=isic2018."""

from aduni.cli import quick_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.audit.report import prepare, read_prepare_settings
    from aduni.cli.app import run_command, task
    from aduni.config.instantiate import build
    from aduni.data.loading.dataloaders import LoaderSettings


@hydra.main(version_base="1.3", config_path="../conf", config_name="prepare")
@task
def main(config: DictConfig) -> None:
    """Prepare one data set."""
    settings = read_prepare_settings(config, HydraConfig.get().overrides.task)
    loading = LoaderSettings(batch_size=1, num_workers=0, seed=0, fold=0)
    data = build(settings.dataset, protocol=build(settings.protocol), loading=loading)
    prepare(data, fetch=settings.download, output=settings.output)


if __name__ == "__main__":
    run_command(main)
