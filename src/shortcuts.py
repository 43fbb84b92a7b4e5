"""Run all methods without a network: python src/shortcuts.py dataset=isic2018 fold=0."""

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, run_folder, task


@hydra.main(version_base="1.3", config_path="../conf", config_name="shortcuts")
@task
def main(config: DictConfig) -> None:
    """Run the floors on one fold."""
    with slow_imports():
        from aduni.cli.end_summary import print_and_log
        from aduni.reproduce.floors import floors_table, run_floors
    folder = run_folder().path
    metrics = run_floors(HydraConfig.get().overrides.task, folder)
    print_and_log("finished", floors_table(metrics), f"Results: {folder}")


if __name__ == "__main__":
    run_command(main)
