"""Audit a data set, and a split of it: python src/audit.py dataset=isic2018 split=FILE."""

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task


@hydra.main(version_base="1.3", config_path="../conf", config_name="audit")
@task
def main(config: DictConfig) -> None:
    """Audit one data set."""
    with slow_imports():
        from aduni.audit.audit_settings import read_audit_settings
        from aduni.audit.report import audit
    settings = read_audit_settings(config, HydraConfig.get().overrides.task)
    audit(settings.build_data(), output=settings.output, split=settings.split_files)


if __name__ == "__main__":
    run_command(main)
