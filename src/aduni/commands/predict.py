"""Classify images with one or several trained models."""

import hydra
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.imports import slow_imports
from aduni.inference.predict.predict_settings import read_predict_settings
from aduni.system.program import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="predict")
@task
def main(config: DictConfig) -> None:
    """Predict the classes of images."""
    settings = read_predict_settings(config)
    if settings.decision:
        from aduni.results.decision.decision_json import read_decision  # without torch

        read_decision(settings.decision)
    with slow_imports():
        from aduni.inference.predict.predict import predict
    print(predict(settings))
