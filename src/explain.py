"""Explain a model's predictions: python src/explain.py ckpt=CHECKPOINT images=FOLDER."""

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from aduni.inference.explain.explain_settings import read_explain_settings


@hydra.main(version_base="1.3", config_path="../conf", config_name="explain")
@task
def main(config: DictConfig) -> None:
    """Explain one checkpoint."""
    settings = read_explain_settings(config)
    with slow_imports():
        from aduni.inference.explain.explain import explain
    print(f"Page: {explain(settings)}")


if __name__ == "__main__":
    run_command(main)
