"""Why a model says what it says: python src/explain.py ckpt=CHECKPOINT images=FOLDER."""

from aduni.startup import quick_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.command import run_command, task
    from aduni.explanation.call import explain
    from aduni.explanation.settings import read_explain_settings


@hydra.main(version_base="1.3", config_path="../conf", config_name="explain")
@task
def main(config: DictConfig) -> None:
    """Explain one checkpoint."""
    print(f"Page: {explain(read_explain_settings(config))}")


if __name__ == "__main__":
    run_command(main)
