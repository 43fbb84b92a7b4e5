"""Explain a model: heat maps, neighbours in the training images, worst errors."""

import hydra
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.imports import slow_imports
from aduni.inference.explain.explain_settings import read_explain_settings
from aduni.system.program import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="explain")
@task
def main(config: DictConfig) -> None:
    """Explain one checkpoint."""
    settings = read_explain_settings(config)
    with slow_imports():
        from aduni.inference.explain.explain import explain
    print(f"Page: {explain(settings)}")
