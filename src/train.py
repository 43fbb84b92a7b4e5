"""Train, test and report: python src/train.py method=aduni dataset=digits ... (conf/train.yaml)."""

from aduni.startup import quick_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.command import run_command, run_folder, sweep_folder, task
    from aduni.config import read_settings
    from aduni.resume import continued
    from aduni.run import run
    from aduni.summary import print_summary


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
@task
def main(config: DictConfig) -> None:
    """Train one method on one fold."""
    folder = run_folder()
    overrides = HydraConfig.get().overrides.task
    settings = continued(read_settings(config), overrides, folder)
    print_summary(run(settings, folder), folder, sweep_folder())


if __name__ == "__main__":
    run_command(main)
